"""A Slurm of one node for tests: real munged, slurmctld and slurmd, started by hand, and GPUs that are null devices.

It needs the programs of Debian's packages slurm-wlm and munge, root, and a machine that has no Slurm of its own. The
configuration lies in /etc/slurm, where the jobs look for it: the executor plugin drops the variables SLURM_* inside
them. Everything else lies in one folder. Memory limits are enforced by slurmd itself, which looks at the memory of a
step every second and kills it above the request, so that no cgroups are needed.
"""

import fcntl
import os
import re
import secrets
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

ETC = Path("/etc/slurm")
PROGRAMS = ("setpriv", "munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "scancel", "squeue")
MARK = "# The one-node Slurm of Steelyard's tests."
GPUS = 8
ENDED = {"COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"}

CONFIGURATION = """\
{mark}
ClusterName=steelyard
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
# Memory limits without cgroups: looked at every second.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=1000
SchedulerParameters=batch_sched_delay=1,sched_interval=2
# The node is what is written here, however many cores the machine has.
SlurmdParameters=config_overrides
ReturnToService=2
# Records of ended jobs stay for the assertions, and for squeue, which the executor asks.
MinJobAge=7200
KillWait=2
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Why this machine cannot run the node, and what to do about it; empty if it can."""
    absent = [program for program in PROGRAMS if not _program(program)]
    if absent:
        return f"{', '.join(absent)} not found; on Debian and Ubuntu: apt-get install slurm-wlm munge"
    if os.geteuid() != 0:
        return f"writing {ETC} and starting slurmd need root; try a container"
    file = ETC / "slurm.conf"
    if file.exists() and not file.read_text().startswith(MARK):
        return f"{file} belongs to another Slurm, which these tests leave alone; try a container"
    return ""


def _program(name: str) -> str | None:
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


@dataclass
class SlurmNode:
    """The daemons of one node, and what the controller knows of its jobs.

    Attributes:
        folder: of keys, logs, state and devices.
        cpus: of the node, as Slurm counts them.
        memory: of the node in MB, as Slurm counts it: many requests fit side by side, whatever the machine has.
    """

    folder: Path
    cpus: int = max(8, os.cpu_count() or 1)
    memory: int = 64000
    _daemons: dict[str, subprocess.Popen] = field(default_factory=dict)
    _lock: IO | None = None

    def start(self) -> None:
        """Write the configuration, start the three daemons, and wait until the node is idle.

        Another run of the tests on this machine has to end first: there is one /etc/slurm.
        """
        ETC.mkdir(exist_ok=True)
        self._lock = (ETC / "steelyard-tests.lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        for name in ("state", "spool"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        key = self.folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(secrets.token_bytes(256))
        for number in range(GPUS):
            os.mknod(self.folder / f"gpu{number}", 0o666 | stat.S_IFCHR, os.makedev(1, 3))  # another /dev/null
        host = socket.gethostname().split(".")[0]
        controller_port, node_port = _free_ports(2)
        (ETC / "slurm.conf").write_text(
            CONFIGURATION.format(
                **{"mark": MARK, "host": host, "folder": self.folder, "gpus": GPUS},
                **{"controller_port": controller_port, "node_port": node_port},
                **{"cpus": self.cpus, "memory": self.memory},
            )
        )
        # A count alone, without device files, drains the node.
        (ETC / "gres.conf").write_text(
            f"{MARK}\nAutoDetect=off\nNodeName={host} Name=gpu File={self.folder}/gpu[0-{GPUS - 1}]\n"
        )
        munge = [f"--{name}={self.folder}/munge{end}" for name, end in MUNGE_FILES.items()]
        self._run("munged", "--foreground", *munge)
        wait_for("munged's socket", (self.folder / "munge.socket").exists)
        self._run("slurmctld", "-D")
        self.start_slurmd()

    def start_slurmd(self) -> None:
        """Start the node's daemon, the first time or again, and wait until the controller has seen it."""
        self._run("slurmd", "-D")
        wait_for("the node", lambda: self._command("sinfo", "--noheader", "--format=%T").strip() in UP)

    def kill_slurmd(self) -> None:
        """End the node's daemon as a crash would; jobs go on under their own stepds."""
        daemon = self._daemons.pop("slurmd")
        daemon.kill()
        daemon.wait()

    def stop(self) -> None:
        """Cancel what runs, end the daemons and take the configuration away."""
        if "slurmctld" in self._daemons and "slurmd" in self._daemons:
            self._command("scancel", "--user=root")
            wait_for("the last jobs", lambda: all(job["JobState"] in ENDED for job in self.jobs()))
        for name in ("slurmd", "slurmctld", "munged"):
            if name in self._daemons:
                daemon = self._daemons.pop(name)
                daemon.terminate()
                try:
                    daemon.wait(20)
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    daemon.wait()
        for name in ("slurm.conf", "gres.conf"):
            (ETC / name).unlink(missing_ok=True)
        if self._lock:
            self._lock.close()

    def jobs(self) -> list[dict[str, str]]:
        """Every job since the start, in the order of submission: the fields that ``scontrol show job`` prints."""
        text = self._command("scontrol", "--oneliner", "show", "job")
        records = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in text.splitlines() if line.startswith("JobId=")]
        return sorted(records, key=lambda record: int(record["JobId"]))

    def cancel(self, *arguments: str) -> None:
        """``scancel`` with these arguments."""
        self._command("scancel", *arguments)

    def _command(self, program: str, *arguments: str) -> str:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
        return done.stdout

    def _run(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.out").open("a") as output:
            # It ends with the tests, however they end; in a session of its own, out of reach of the terminal's signals.
            command = ["setpriv", "--pdeathsig", "TERM", _program(name) or name, *arguments]
            self._daemons[name] = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)


MUNGE_FILES = {"key-file": ".key", "socket": ".socket", "log-file": "d.log", "pid-file": "d.pid", "seed-file": "d.seed"}
UP = {"idle", "mixed", "allocated", "completing"}


def wait_for(what: str, condition: Callable[[], object], seconds: float = 60) -> object:
    """Wait until ``condition`` gives something true, and return that; AssertionError after ``seconds``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds} s for {what} in vain")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in sockets]
    finally:
        for item in sockets:
            item.close()
