"""What goes wrong on a cluster, done to one training job on a real Slurm: nothing is lost, and nothing is half-written.

The training is long enough to be hit (TRAINING epochs, some ten seconds), and the files before it come from the
finished analysis. Whatever happens to it, its network ends with the bytes of an undisturbed local run.
"""

import errno
import re
import shutil
import signal
import subprocess
import time
from dataclasses import replace

import pytest
from conftest import Workspace
from slurm_node import wait_for
from slurm_runs import submit, trainings

pytestmark = pytest.mark.xdist_group("workflow")  # one worker, which uses all cores and shares the finished analysis

EPOCHS = 250
NETWORK = "results/tiny/ratios/S/member-0/network.pt"


def prepared(finished, folder) -> Workspace:
    """The finished analysis in a folder of its own, with one long training to do."""
    shutil.copytree(finished.folder, folder, ignore=shutil.ignore_patterns("run-*.txt"))
    workspace = replace(finished, folder=folder)
    workspace.configure(lambda c: c["training"].update(epochs=EPOCHS, patience=EPOCHS))
    return workspace


@pytest.fixture(scope="module")
def undisturbed(finished_workspace, tmp_path_factory) -> bytes:
    """The bytes of the network, trained here without Slurm and without a fault."""
    workspace = prepared(finished_workspace[0], tmp_path_factory.mktemp("undisturbed") / "tiny")
    done = workspace.snakemake(NETWORK)
    assert done.code == 0, done.text[-3000:]
    return (workspace.folder / NETWORK).read_bytes()


@pytest.fixture
def workspace(finished_workspace, tmp_path) -> Workspace:
    return prepared(finished_workspace[0], tmp_path / "tiny")


class Watch:
    """The jobs that Slurm has seen since the start of a test."""

    def __init__(self, slurm) -> None:
        self.slurm, self.before = slurm, len(slurm.jobs())

    @property
    def jobs(self):
        return self.slurm.jobs()[self.before :]

    @property
    def states(self):
        return [job["JobState"] for job in self.jobs]

    def running(self, count=1):
        """Wait until so many jobs run; the last of them."""
        wait_for(f"job {count}", lambda: self.states[count - 1 :] == ["RUNNING"])
        return self.jobs[-1]["JobId"]


@pytest.fixture
def watch(slurm) -> Watch:
    return Watch(slurm)


def checkpoint(workspace) -> None:
    """Wait until the training has finished its first epochs."""
    wait_for("a checkpoint", lambda: list(workspace.results.glob("checkpoints/S/*.ckpt")), seconds=120)


def resumed(workspace) -> int:
    """The epoch after which the last training went on; 0 if it began anew."""
    (log,) = workspace.results.glob("logs/train_member/S-0*.log")
    found = re.search(r"resumes after epoch (\d+)", log.read_text())
    return int(found.group(1)) if found else 0


def hidden(workspace):
    """Files that a writer has begun and not renamed into place."""
    return [path for path in workspace.results.rglob(".*") if path.is_file()]


@pytest.fixture(scope="module")
def hanging(slurm, finished_workspace, tmp_path_factory):
    """A training that stops moving, as on a file system that hangs; begun first, since its limit is a whole minute."""
    workspace, watch = prepared(finished_workspace[0], tmp_path_factory.mktemp("hanging") / "tiny"), Watch(slurm)
    run = submit(workspace, NETWORK, "--set-resources", "train_member:runtime=attempt", "train_member:gpu=1")
    job = watch.running()
    checkpoint(workspace)
    (training,) = trainings(workspace)
    training.suspend()
    return workspace, run, job


def test_a_training_that_dies_is_retried_with_more_memory_and_resumes(hanging, workspace, watch, undisturbed):
    run = submit(workspace, NETWORK)
    watch.running()
    checkpoint(workspace)
    (training,) = trainings(workspace)
    training.kill()
    done = run.wait()
    assert done.code == 0, done.text[-3000:]
    assert watch.states == ["FAILED", "COMPLETED"]
    assert [job["MinMemoryNode"] for job in watch.jobs] == ["4000M", "8000M"]
    assert resumed(workspace) > 0
    assert (workspace.folder / NETWORK).read_bytes() == undisturbed
    assert "logs/train_member/S-0" in done.text  # the log of the failed job is named


def test_a_training_that_is_cancelled_is_retried_and_resumes(workspace, watch, slurm, undisturbed):
    run = submit(workspace, NETWORK)
    job = watch.running()
    checkpoint(workspace)
    slurm.cancel(job)
    done = run.wait()
    assert done.code == 0, done.text[-3000:]
    assert watch.states == ["CANCELLED", "COMPLETED"]
    assert resumed(workspace) > 0
    assert (workspace.folder / NETWORK).read_bytes() == undisturbed


def test_a_training_without_enough_memory_is_killed_and_retried_with_more(workspace, watch, undisturbed):
    run = submit(workspace, NETWORK, "--set-resources", "train_member:mem_mb=400*attempt", "train_member:gpu=1")
    done = run.wait()
    assert done.code == 0, done.text[-3000:]
    *killed, completed = watch.jobs
    assert killed and {job["JobState"] for job in killed} == {"FAILED"} and completed["JobState"] == "COMPLETED"
    requests = [job["MinMemoryNode"] for job in watch.jobs]
    assert requests == [f"{400 * attempt}M" for attempt in range(1, len(requests) + 1)]
    assert "exceeded memory limit" in done.text  # Slurm's own words reach the terminal
    assert (workspace.folder / NETWORK).read_bytes() == undisturbed


def test_a_job_outlives_the_daemon_of_its_node(workspace, watch, slurm, undisturbed):
    run = submit(workspace, NETWORK)
    watch.running()
    checkpoint(workspace)
    slurm.kill_slurmd()
    wait_for("the training to end without slurmd", lambda: not trainings(workspace))
    assert watch.states == ["RUNNING"]  # nobody could tell the controller
    slurm.start_slurmd()
    done = run.wait()
    assert done.code == 0, done.text[-3000:]
    assert watch.states == ["COMPLETED"]
    assert (workspace.folder / NETWORK).read_bytes() == undisturbed


def test_an_interrupt_cancels_the_jobs_and_the_next_run_goes_on(workspace, watch, undisturbed):
    run = submit(workspace, NETWORK)
    watch.running()
    checkpoint(workspace)
    run.send(signal.SIGINT)
    done = run.wait(60)
    assert done.code != 0
    wait_for("the job to be cancelled", lambda: watch.states == ["CANCELLED"])
    assert not (workspace.folder / NETWORK).exists()
    again = submit(workspace, NETWORK).wait()
    assert again.code == 0, again.text[-3000:]
    assert watch.states == ["CANCELLED", "COMPLETED"]  # the missing network, and nothing else
    assert resumed(workspace) > 0
    assert (workspace.folder / NETWORK).read_bytes() == undisturbed


def run_id(text: str) -> str:
    return re.search(r"SLURM run ID: (\S+)", text).group(1)


def test_after_a_killed_snakemake_its_jobs_are_cancelled_by_its_run_id(workspace, watch, slurm, undisturbed):
    run = submit(workspace, NETWORK)
    job = watch.running()
    checkpoint(workspace)
    run.send(signal.SIGKILL)
    killed = run.wait()
    assert watch.states == ["RUNNING"]  # nobody told it to stop
    locked = submit(workspace, NETWORK).wait()
    assert locked.code != 0 and "--unlock" in locked.text
    assert submit(workspace, "--unlock").wait().code == 0
    slurm.cancel("--name", run_id(killed.text))
    wait_for("the job to be cancelled", lambda: watch.states == ["CANCELLED"])
    again = submit(workspace, NETWORK).wait()
    assert again.code == 0, again.text[-3000:]
    assert [(record["JobId"] == job, record["JobState"]) for record in watch.jobs] == [
        (True, "CANCELLED"),
        (False, "COMPLETED"),
    ]
    assert resumed(workspace) > 0
    assert (workspace.folder / NETWORK).read_bytes() == undisturbed


def test_a_duplicate_job_corrupts_nothing(workspace, watch, undisturbed):
    """Without the scancel of the test before: the old job and its duplicate train and write side by side."""
    run = submit(workspace, NETWORK)
    watch.running()
    checkpoint(workspace)
    (old,) = trainings(workspace)
    old.suspend()  # so that both are surely there at the same time
    run.send(signal.SIGKILL)
    run.wait()
    assert submit(workspace, "--unlock").wait().code == 0
    again = submit(workspace, NETWORK)
    watch.running(2)
    wait_for("both trainings", lambda: len(trainings(workspace)) == 2)
    old.resume()
    done = again.wait()
    assert done.code == 0, done.text[-3000:]
    wait_for("both jobs to end", lambda: watch.states == ["COMPLETED", "COMPLETED"])
    assert (workspace.folder / NETWORK).read_bytes() == undisturbed
    assert not hidden(workspace) and not list(workspace.results.glob("checkpoints/S/*.ckpt"))


def test_a_training_over_its_time_limit_gets_more_and_resumes(hanging, slurm, undisturbed):
    workspace, run, job = hanging
    done = run.wait()
    assert done.code == 0, done.text[-3000:]
    record = {item["JobId"]: item for item in slurm.jobs()}
    retries = [
        item
        for item in record.values()
        if item["WorkDir"] == record[job]["WorkDir"] and item["JobName"] == record[job]["JobName"]
    ]
    assert [item["JobState"] for item in retries] == ["TIMEOUT", "COMPLETED"]
    assert [item["TimeLimit"] for item in retries] == ["00:01:00", "00:02:00"]
    assert resumed(workspace) > 0
    assert (workspace.folder / NETWORK).read_bytes() == undisturbed


@pytest.fixture
def disk(workspace, tmp_path):
    """The results on a small disk of their own, as on a scratch file system."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], capture_output=True)
    assert mounted.returncode == 0, mounted.stderr
    try:
        shutil.copytree(workspace.results, folder / "tiny")
        workspace.configure(lambda c: c.update(output=str(folder)))
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk) -> None:
    with (disk / "ballast").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 20))
        except OSError as error:
            assert error.errno == errno.ENOSPC


def remount(disk) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


@pytest.mark.parametrize(
    ("break_it", "words"),
    [(fill, "No space left on device; free some space"), (remount, "Read-only file system")],
    ids=["a full disk", "a read-only disk"],
)
def test_a_disk_that_takes_nothing_is_one_clear_error(workspace, disk, watch, break_it, words):
    network = disk / "tiny" / "ratios" / "S" / "member-0" / "network.pt"
    break_it(disk)
    started = time.monotonic()
    done = submit(workspace, str(network), "--retries", "0").wait()
    assert done.code != 0
    messages = {line for line in done.text.splitlines() if line.startswith("Error: ") or words in line}
    assert len(messages) == 1 and words in messages.pop(), done.text[-5000:]
    assert "Traceback" not in done.text
    assert not network.exists()
    assert time.monotonic() - started < 120
