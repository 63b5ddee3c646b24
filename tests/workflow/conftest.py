"""Runs of the workflow in a folder of their own."""

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml
from filelock import FileLock
from slurm_node import SlurmNode, missing

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


@pytest.fixture
def workspace(tmp_path):
    """An empty folder with the tiny configuration."""
    made = Workspace(tmp_path)
    made.configure()
    return made


@pytest.fixture(scope="session")
def finished_workspace(tmp_path_factory):
    """A folder in which the tiny analysis has run to its end, once for all tests; its files are not to be changed.

    The workers of one test session share it: the first to ask runs the analysis, the others wait.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    made, printed = Workspace(shared / "tiny-finished"), shared / "tiny-finished.txt"
    with FileLock(shared / "tiny-finished.lock"):
        if not printed.exists():
            made.folder.mkdir()  # fails where the run of another worker has failed
            made.configure()
            first = made.snakemake()
            assert first.code == 0, first.text[-5000:]
            printed.write_text(first.text)
    return made, Finished(0, printed.read_text())


@pytest.fixture(scope="module")
def slurm():
    """A real Slurm of one node, started once for a file of tests; never skipped where the environment has CI set.

    Workers take turns: there is one /etc/slurm on a machine.
    """
    reason = missing()
    if reason and os.environ.get("CI"):
        pytest.fail(f"no Slurm for the tests: {reason}")
    if reason:
        pytest.skip(f"no Slurm for the tests: {reason}")
    # Not pytest's own temporary folder: munge wants every folder above its socket open to all users.
    folder = Path(tempfile.mkdtemp(prefix="steelyard-slurm-"))
    node = SlurmNode(folder)
    try:
        node.start()
        yield node
    finally:
        node.stop()
        shutil.rmtree(folder)
