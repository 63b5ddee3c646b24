"""How the workflow scales: dry run, scheduler and start-up of jobs, on the analysis of a publication and larger.

    python benchmarks/dag_scale.py [--jobs 1000 5000 15000] [--seconds 60]

The analysis is config/paper.yaml with ten two-sided nuisance parameters that have shapes on all four processes, as in
the ATLAS measurement: 84 density ratios. The number of jobs is set by the members of their ensembles and by
`members_per_job`. Two tables are printed:

1. the dry run, CPU time and largest memory; the scheduler, with the same rules and scripts that write empty files, on
   all cores for some seconds: seconds to the first job, jobs per second, CPU time of the controlling process per job,
   and the share of a run's wall time that is not its jobs' own, were they of a minute;
2. the start-up of jobs: CPU time from the interpreter to the end of the imports, script by script.

Give the machine to it alone. Measured on two cores, which a run of the embedded analysis shared in part:

      jobs   dry run, CPU s    MB   first job after s   jobs/s   control, ms a job   overhead of jobs of a minute
       914         5.8        249          5.2           13.7           43                    0.26 %
     4 778        14.6        414         11.8           10.7           47                    0.32 %
    14 942        38.2        875         30.7            6.1           70                    0.55 %

(the scheduler's columns before the graph was built without searches for garbage). Start-up: 0.1 to 0.9 s where neither
torch nor a picture is needed; 1.1 to 1.2 s for the three scripts that draw belts and checks; 1.5 to 1.7 s for the five
that evaluate or combine networks; 4.2 s for training.
"""

import argparse
import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import yaml

REPOSITORY = Path(__file__).parents[1]
SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))
PROCESSES, NUISANCES = ("S", "SBI", "B", "NI"), 10
RATIOS = len(PROCESSES) * (1 + 2 * NUISANCES)
STUB = """from pathlib import Path

for path in snakemake.output:
    Path(path).write_text("")
"""
MINUTE = 60.0


def paper_scale(**packing: int) -> dict[str, Any]:
    """The paper's configuration with ten two-sided shapes on four processes, each an expression of branches.

    ``packing``: ``members`` and ``members_per_job`` of all ratios, if not those of the file.

    The simulator knows exact densities of its own systematics only, so there is no exact likelihood and no audit.
    """
    configuration = yaml.safe_load((REPOSITORY / "config" / "paper.yaml").read_text())
    configuration["analysis"] = "scale"
    configuration["systematics"] = [
        {
            "name": f"shape_{k}",
            "effects": [
                {
                    "processes": list(PROCESSES),
                    "factors": {side: f"1 {sign} 0.0{k + 1}*m4l/1500" for side, sign in (("up", "+"), ("down", "-"))},
                }
            ],
        }
        for k in range(NUISANCES)
    ]
    for key in ("oracle", "audit"):
        del configuration[key]
    del configuration["diagnostics"]["oracle_rms"], configuration["diagnostics"]["oracle_range"]
    for key in ("ensembles", "variations"):
        configuration[key].update(packing)
    return configuration


def sized(jobs: int) -> dict[str, Any]:
    """The same with about so many jobs: 100 members in packs as large as needed, or more members in packs of one."""
    others = 640  # simulation, ingestion, combination, evaluation, toys, pictures
    trainings = max(jobs - others, RATIOS) / RATIOS  # per ratio
    if trainings >= 100:
        return paper_scale(members=round(trainings), members_per_job=1)
    return paper_scale(members=100, members_per_job=-(-100 // round(trainings)))


def prepare(folder: Path, configuration: dict[str, Any]) -> list[str]:
    """A copy of the workflow whose scripts do nothing, and the command that runs it."""
    for name in ("Snakefile", "workflow", "profiles", "envs", "config"):
        source = REPOSITORY / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    for script in (folder / "workflow" / "scripts").glob("*.py"):
        script.write_text(STUB)
    (folder / "scale.yaml").write_text(yaml.safe_dump(configuration, sort_keys=False))
    return [SNAKEMAKE, "--configfile", "scale.yaml", "--profile", "profiles/default"]


def dry_run(command: list[str], folder: Path) -> tuple[int, float, float, float]:
    """Jobs, CPU seconds, wall seconds and MB of memory at most."""
    start = time.perf_counter()
    process = subprocess.Popen([*command, "--dry-run"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(text[-3000:])
    jobs = int(re.search(r"^total\s+(\d+)", text, re.MULTILINE)[1])
    return jobs, usage.ru_utime + usage.ru_stime, time.perf_counter() - start, usage.ru_maxrss / 1000


def throughput(command: list[str], folder: Path, seconds: float) -> tuple[int, float, float, float]:
    """Jobs that ran in the time, that time, CPU seconds of the controlling process in it, and seconds to the first."""
    start = time.perf_counter()
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)

    def finished() -> int:
        return (folder / "output.txt").read_text().count("Finished jobid")

    while not finished():
        if process.poll() is not None:
            raise SystemExit((folder / "output.txt").read_text()[-3000:])
        time.sleep(0.2)
    first, controller = time.perf_counter(), psutil.Process(process.pid)
    cpu, count = sum(controller.cpu_times()[:2]), finished()
    while process.poll() is None and time.perf_counter() - first < seconds:
        time.sleep(0.2)
        if process.poll() is None:
            end, used = time.perf_counter(), sum(controller.cpu_times()[:2])
    jobs = finished() - count
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=120)
    return jobs, end - first, used - cpu, first - start


def start_up(script: Path) -> float:
    """CPU seconds from the start of the interpreter to the end of a script's imports."""
    imports = [node for node in ast.parse(script.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
    text = "\n".join(map(ast.unparse, imports))
    process = subprocess.Popen([sys.executable, "-c", text], cwd=REPOSITORY)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, script
    return usage.ru_utime + usage.ru_stime


def measured(jobs: int, seconds: float) -> str:
    """One row of the first table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = prepare(folder, sized(jobs))
        jobs, cpu, wall, memory = dry_run(command, folder)
        row = f"{jobs:8d}{cpu:9.1f}{wall:9.1f}{1000 * cpu / jobs:9.2f}{memory:7.0f}"
        if not seconds:
            return row
        done, wall, cpu, first = throughput(command, folder, seconds)
    # All cores busy with jobs of a minute: the DAG is built once, and every job waits for its own overhead.
    overhead = (first + jobs * wall / done) / (jobs * MINUTE / os.cpu_count())
    return f"{row}{first:12.1f}{done:8d}{done / wall:8.1f}{1000 * cpu / done:13.1f}{100 * overhead:11.2f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, nargs="+", default=[1000, 5000, 15000])
    parser.add_argument("--seconds", type=float, default=60.0, help="of the scheduler's run at each size; 0: none")
    options = parser.parse_args()

    print(f"\n{'dry run':<42}{'scheduler, empty jobs on ' + str(os.cpu_count()) + ' cores':>50}")
    print(f"{'jobs':>8}{'CPU s':>9}{'wall s':>9}{'ms/job':>9}{'MB':>7}", end="")
    print(f"{'first, s':>12}{'done':>8}{'jobs/s':>8}{'control ms':>13}{'at 1 min':>13}", flush=True)
    for size in options.jobs:
        print(measured(size, options.seconds), flush=True)

    print(f"\nstart-up of a job\n{'CPU s':>8}  script")
    for seconds, name in sorted((start_up(path), path.stem) for path in REPOSITORY.glob("workflow/scripts/*.py")):
        print(f"{seconds:8.2f}  {name}", flush=True)


if __name__ == "__main__":
    main()
