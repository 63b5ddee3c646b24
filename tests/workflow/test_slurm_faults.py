"""What goes wrong on a cluster, done to one training job on a real Slurm: nothing is lost, and nothing is half-written.

The training is long enough to be hit (EPOCHS epochs), and the files before it come from the finished analysis. Whatever
happens to it, its network ends with the bytes of an undisturbed local run. Most of the time of a fault is waiting, for
Slurm and for Snakemake to look at it, so the faults happen side by side, each in a folder of its own, and each test
asks for the outcome of one.
"""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest
from slurm_node import SlurmNode, wait_for
from slurm_runs import Running, submit, trainings
from workspaces import Finished, Workspace

EPOCHS = 100
LONG = {"epochs": EPOCHS, "patience": EPOCHS}
NETWORK = "results/tiny/ratios/S/member-0/network.pt"
PATIENT = 240  # seconds; many runs share the cores


@dataclass(frozen=True)
class Patient:
    """A training job to which something happens: its folder, its jobs on Slurm, and what must come out."""

    workspace: Workspace
    slurm: SlurmNode
    undisturbed: bytes

    def submit(self, *arguments: str) -> Running:
        """Start a run that has this one network to train."""
        return submit(self.workspace, NETWORK, *arguments)

    @property
    def jobs(self) -> list[dict[str, str]]:
        """Slurm's records of the jobs of this folder, in the order of submission."""
        return [job for job in self.slurm.jobs() if job["StdOut"].startswith(f"{self.workspace.folder}/")]

    @property
    def states(self) -> list[str]:
        return [job["JobState"] for job in self.jobs]

    def becomes(self, *states: str) -> None:
        wait_for(f"jobs to be {states}", lambda: self.states == list(states), PATIENT)

    def halted(self, results: Path | None = None) -> psutil.Process:
        """The training process, stopped after its first epochs: what follows does not depend on how fast it is."""
        folder = results or self.workspace.results
        wait_for("a checkpoint", lambda: list(folder.glob("checkpoints/S/*.ckpt")), PATIENT)
        (training,) = trainings(self.workspace)
        training.suspend()
        return training

    @property
    def resumed_after(self) -> int:
        """The epoch after which the last training went on; 0 if it began anew."""
        (log,) = self.workspace.results.glob("logs/train_member/S-0*.log")
        found = re.search(r"resumes after epoch (\d+)", log.read_text())
        return int(found.group(1)) if found else 0

    def recovers(self, done: Finished) -> None:
        """The run has ended well, with the undisturbed network and nothing left beside it."""
        assert done.code == 0, done.text[-3000:]
        assert (self.workspace.folder / NETWORK).read_bytes() == self.undisturbed
        assert not list(self.workspace.results.glob("checkpoints/S/*.ckpt"))


def prepared(finished: Workspace, folder: Path) -> Workspace:
    """The finished analysis in a folder of its own, with one long training to do."""
    shutil.copytree(finished.folder, folder, ignore=shutil.ignore_patterns("run-*.txt", "locks"))
    workspace = replace(finished, folder=folder)
    (folder / NETWORK).unlink()
    workspace.configure(lambda c: c["training"].update(LONG))
    return workspace


def crash(job: Patient) -> None:
    """The training process dies, as by a fault of the machine."""
    run = job.submit()
    job.halted().kill()
    done = run.wait()
    job.recovers(done)
    assert job.states == ["FAILED", "COMPLETED"]
    assert [record["MinMemoryNode"] for record in job.jobs] == ["4000M", "8000M"]
    assert job.resumed_after > 0
    assert "logs/train_member/S-0" in done.text and "/slurm_logs/rule_train_member" in done.text  # both logs are named


def scancel(job: Patient) -> None:
    """Somebody cancels the job."""
    run = job.submit()
    job.halted()
    job.slurm.cancel(job.jobs[0]["JobId"])
    job.recovers(run.wait())
    assert job.states == ["CANCELLED", "COMPLETED"]
    assert job.resumed_after > 0


def time_limit(job: Patient) -> None:
    """The training hangs, as on a file system that does, until its limit of a minute."""
    run = job.submit("--set-resources", "train_member:runtime=attempt", "train_member:gpu=1")
    job.halted()
    job.recovers(run.wait())
    assert job.states == ["TIMEOUT", "COMPLETED"]
    assert [record["TimeLimit"] for record in job.jobs] == ["00:01:00", "00:02:00"]
    assert job.resumed_after > 0


def memory_limit(job: Patient) -> None:
    """The training needs more memory than it has asked for."""
    run = job.submit("--set-resources", "train_member:mem_mb=350*attempt", "train_member:gpu=1", "--retries", "4")
    done = run.wait()
    job.recovers(done)
    *killed, last = job.states
    assert killed and set(killed) == {"FAILED"} and last == "COMPLETED"
    requests = [record["MinMemoryNode"] for record in job.jobs]
    assert requests == [f"{350 * attempt}M" for attempt in range(1, len(requests) + 1)]
    log = re.search(r"log: .*?(\S+/slurm_logs/\S+\.log)", done.text).group(1)  # the error names it
    assert re.search("exceeded (job )?memory limit", Path(log).read_text(), re.IGNORECASE)


def interrupt(job: Patient) -> None:
    """Ctrl-C."""
    run = job.submit()
    job.halted()
    run.send(signal.SIGINT)
    assert run.wait().code != 0
    job.becomes("CANCELLED")
    assert not (job.workspace.folder / NETWORK).exists()
    job.recovers(job.submit().wait())
    assert job.states == ["CANCELLED", "COMPLETED"]  # the missing network, and nothing else
    assert job.resumed_after > 0


def kill_and_cancel(job: Patient) -> None:
    """Snakemake is killed; the user cancels its jobs by the run id, takes the lock away and goes on."""
    run = job.submit()
    job.halted()
    run.send(signal.SIGKILL)
    killed = run.wait()
    assert job.states == ["RUNNING"]  # nobody told it to stop
    locked = job.submit().wait()
    assert locked.code != 0 and "--unlock" in locked.text
    job.slurm.cancel("--name", re.search(r"SLURM run ID: (\S+)", killed.text).group(1))
    job.becomes("CANCELLED")
    assert job.submit("--unlock").wait().code == 0
    job.recovers(job.submit().wait())
    assert job.states == ["CANCELLED", "COMPLETED"]
    assert job.resumed_after > 0


def duplicate(job: Patient) -> None:
    """The same without the scancel: the old job and its duplicate train and write side by side."""
    run = job.submit()
    old = job.halted()
    run.send(signal.SIGKILL)
    run.wait()
    assert job.submit("--unlock").wait().code == 0
    again = job.submit()
    wait_for("both trainings", lambda: len(trainings(job.workspace)) == 2, PATIENT)
    old.resume()
    done = again.wait()
    job.becomes("COMPLETED", "COMPLETED")
    job.recovers(done)
    assert not [path for path in job.workspace.results.rglob(".*") if path.is_file()]


@contextmanager
def disk_of(job: Patient) -> Iterator[Path]:
    """The results on a disk of their own, as on a scratch file system."""
    disk = job.workspace.folder.parent / "scratch"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk)], check=True)
    try:
        shutil.copytree(job.workspace.results, disk / "tiny")
        job.workspace.configure(lambda c: c.update(output=str(disk), training=c["training"] | LONG))
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def one_clear_error(done: Finished, words: str) -> None:
    assert done.code != 0
    errors = {line for line in done.text.splitlines() if "cannot write" in line and " ERROR " not in line}  # once a log
    assert len(errors) == 1 and words in errors.pop(), done.text[-5000:]
    assert "Traceback" not in done.text, done.text[-5000:]


def full_disk(job: Patient) -> None:
    """The disk of the results becomes full while the training goes on."""
    with disk_of(job) as disk:
        network = disk / "tiny" / "ratios" / "S" / "member-0" / "network.pt"
        run = submit(job.workspace, str(network), "--retries", "0")
        training = job.halted(disk / "tiny")
        with (disk / "ballast").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            while True:
                file.write(bytes(1 << 16))
        training.resume()
        one_clear_error(run.wait(), "No space left on device; free some space")
        assert not network.exists()


def read_only_disk(job: Patient) -> None:
    """The disk of the results takes nothing from the start: no job is submitted."""
    with disk_of(job) as disk:
        shutil.rmtree(disk / "tiny" / "ratios" / "S" / "member-0")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        network = disk / "tiny" / "ratios" / "S" / "member-0" / "network.pt"
        one_clear_error(submit(job.workspace, str(network)).wait(), "Read-only file system; mount it for writing")
        assert not job.jobs


TOGETHER = [
    time_limit,  # first, since it waits longest
    crash,
    memory_limit,
    scancel,
    interrupt,
    kill_and_cancel,
    duplicate,
    full_disk,
    read_only_disk,
]


@pytest.fixture(scope="module")
def patient(slurm, finished_workspace, tmp_path_factory):
    """Makes a training job for a fault, by the fault's name."""
    finished, _ = finished_workspace
    alone = prepared(finished, tmp_path_factory.mktemp("undisturbed") / "tiny")
    done = alone.snakemake(NETWORK)
    assert done.code == 0, done.text[-3000:]
    undisturbed = (alone.folder / NETWORK).read_bytes()
    return lambda name: Patient(prepared(finished, tmp_path_factory.mktemp(name) / "tiny"), slurm, undisturbed)


@pytest.fixture(scope="module")
def outcomes(request, patient):
    """What became of each fault among the collected tests."""
    wanted = {item.callspec.params.get("fault") for item in request.session.items if hasattr(item, "callspec")}
    pool = ThreadPoolExecutor(max_workers=5)
    try:
        yield {fault: pool.submit(fault, patient(fault.__name__)) for fault in TOGETHER if fault in wanted}
    finally:
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("fault", TOGETHER, ids=[fault.__name__ for fault in TOGETHER])
def test_nothing_is_lost_and_nothing_half_written(outcomes, fault):
    outcomes[fault].result()


def test_a_job_outlives_the_daemon_of_its_node(patient):
    job = patient("daemon")
    run = job.submit()
    training = job.halted()
    job.slurm.kill_slurmd()
    training.resume()
    wait_for("the training to end without slurmd", lambda: not trainings(job.workspace), PATIENT)
    assert job.states == ["RUNNING"]  # nobody could tell the controller
    job.slurm.start_slurmd()
    job.recovers(run.wait())
    assert job.states == ["COMPLETED"]
