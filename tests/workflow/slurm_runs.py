"""Runs of snakemake on the one-node Slurm, which a test watches and disturbs while they go on."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
from workspaces import REPOSITORY, Finished, Workspace

# A node in the same machine answers at once, and has no accounting that sacct could ask.
QUICK = [
    *("--slurm-init-seconds-before-status-checks", "5", "--max-status-checks-per-second", "10"),
    *("--slurm-status-command", "squeue", "--latency-wait", "10"),
]


@dataclass
class Running:
    """One call of snakemake that has not ended yet."""

    process: subprocess.Popen
    output: Path

    def send(self, number: signal.Signals) -> None:
        """Send a signal to snakemake alone, as `kill` does."""
        self.process.send_signal(number)

    def wait(self, seconds: float = 400) -> Finished:
        """Its exit code and all that it printed."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"no end after {seconds} s:\n{self.output.read_text()[-5000:]}") from None
        return Finished(code, self.output.read_text())


def start(command: list[str], folder: Path, output: Path, variables: dict[str, str] | None = None) -> Running:
    """Start a command in ``folder``, with more ``variables``, and send all that it prints to the file ``output``."""
    programs = str(Path(sys.executable).parent)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PATH": f"{programs}:{os.environ['PATH']}"} | (variables or {})
    with output.open("w") as file:
        process = subprocess.Popen(
            # it ends with the tests, however they end; at TERM it would wait for its jobs
            ["setpriv", "--pdeathsig", "KILL", *command],
            **{"stdout": file, "stderr": subprocess.STDOUT, "cwd": folder, "env": environment},
            start_new_session=True,
        )
    return Running(process, output)


def submit(workspace: Workspace, *arguments: str) -> Running:
    """Start snakemake with the Slurm profile and the configuration of a workspace, in its folder."""
    number = len(list(workspace.folder.glob("run-*.txt")))
    command = [
        *("snakemake", "--profile", "profiles/slurm", "--snakefile", str(REPOSITORY / "Snakefile")),
        *("--directory", str(workspace.folder), "--configfile", str(workspace.folder / workspace.file)),
        *QUICK,
        *arguments,
    ]
    return start(command, REPOSITORY, workspace.folder / f"run-{number}.txt")


def trainings(workspace: Workspace) -> list[psutil.Process]:
    """The processes that train a network of this workspace right now."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(workspace.folder) and "train_member.py" in " ".join(process.cmdline()[1:2]):
                found.append(process)
        except psutil.Error:  # it has ended meanwhile
            continue
    return found
