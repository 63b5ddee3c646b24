"""A folder in which the workflow runs, and what one call of snakemake there printed."""

import os
import shutil
import subprocess
import sys
import uuid
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[2]
TINY = Path(__file__).with_name("tiny.yaml")


@dataclass(frozen=True)
class Finished:
    """One call of snakemake: exit code, and all that it printed."""

    code: int
    text: str

    @property
    def jobs(self) -> Counter:
        """Number of jobs of each rule, from the table of a dry run."""
        counts: Counter = Counter()
        lines = iter(self.text.splitlines())
        for line in lines:
            if line.split() == ["job", "count"]:
                next(lines)
                for row in lines:
                    words = row.split()
                    if len(words) != 2 or words[0] == "total":
                        break
                    counts[words[0]] = int(words[1])
                break
        return counts


@dataclass(frozen=True)
class Workspace:
    """A folder in which the workflow runs, with a configuration that a test may change."""

    folder: Path
    file: str = "tiny.yaml"
    repository: Path = REPOSITORY

    @property
    def results(self) -> Path:
        return self.folder / "results" / "tiny"

    def configure(self, change=None) -> dict:
        """Write the tiny configuration, changed in place by ``change``."""
        configuration = yaml.safe_load(TINY.read_text())
        if change:
            change(configuration)
        (self.folder / self.file).write_text(yaml.safe_dump(configuration, sort_keys=False))
        return configuration

    def variant(self, change) -> "Workspace":
        """The same folder with a changed configuration in a file of its own, for dry runs."""
        made = replace(self, file=f"changed-{uuid.uuid4().hex}.yaml")  # other workers read this folder too
        made.configure(change)
        return made

    def copy(self, folder: Path) -> "Workspace":
        """All files of this folder in another one, with their times: as if the workflow had run there."""
        # without the lock of a snakemake that another worker may run there just now
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("locks"))
        return replace(self, folder=folder)

    def command(self, *arguments: str) -> tuple[list[str], dict[str, str]]:
        """The command line and environment of snakemake here, on all cores, with the folder's configuration."""
        command = [
            *(str(Path(sys.executable).with_name("snakemake")), "--snakefile", str(self.repository / "Snakefile")),
            *("--directory", str(self.folder), "--configfile", str(self.folder / self.file)),
            *("--cores", "all", "--show-failed-logs", *arguments),
        ]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        if self.repository != REPOSITORY:  # before the installed package
            environment["PYTHONPATH"] = str(self.repository / "src")
        return command, environment

    def snakemake(self, *arguments: str) -> Finished:
        """Run snakemake here."""
        command, environment = self.command(*arguments)
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=self.repository, timeout=1200
        )
        return Finished(done.returncode, done.stdout + done.stderr)

    def dry_run(self, *arguments: str) -> Finished:
        """What would run."""
        return self.snakemake("--dry-run", *arguments)
