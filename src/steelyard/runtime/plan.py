"""The cost of a run before it is submitted: jobs, GPU hours and CPU hours of every stage, from earlier runs.

``python -m steelyard.runtime.plan [OPTIONS OF SNAKEMAKE]`` makes a dry run and prints the table.
"""

import contextlib
import csv
import logging
import os
import re
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOUR = 3600.0


@dataclass(frozen=True)
class PlannedJob:
    """One job of a dry run.

    Attributes:
        benchmark: the file ``{output}/{analysis}/benchmarks/{stage}...tsv`` to which its cost will be written.
        gpus: how many it asks for.
    """

    benchmark: Path
    gpus: float = 0.0

    @property
    def stage(self) -> str:
        """The rule, whichever pack of members the job trains."""
        return self.benchmark.relative_to(self.folder).parts[0].removesuffix(".tsv")

    @property
    def folder(self) -> Path:
        """The benchmarks of its analysis."""
        return next(parent for parent in self.benchmark.parents if parent.name == "benchmarks")

    @property
    def units(self) -> int:
        """Networks that it trains, by the name ``{ratio}-{first}-{last}``; 1 in stages that do not train."""
        return _units(self.stage, self.benchmark)


@dataclass(frozen=True)
class Cost:
    """Wall and CPU seconds of one unit of a stage."""

    seconds: float
    cpu: float


@dataclass(frozen=True)
class Row:
    """One stage of the table.

    Attributes:
        stage: name of the rule.
        jobs: to run.
        units: networks in them; as many as jobs in stages that do not train.
        gpu_hours, cpu_hours: expected; None without a history.
        source: ``this analysis``, the names of the analyses that the cost was taken from, or nothing.
    """

    stage: str
    jobs: int
    units: int
    gpu_hours: float | None
    cpu_hours: float | None
    source: str


def plan(jobs: Iterable[PlannedJob]) -> list[Row]:
    """The table of all stages in the order in which their jobs come.

    A job costs what it cost the last time, if it ran before; else the median over the jobs of its stage in the same
    analysis, or in the other analyses beside it if there are none, network by network where it trains several.
    """
    stages: dict[str, list[PlannedJob]] = {}
    for job in jobs:
        stages.setdefault(job.stage, []).append(job)
    return [_row(stage, members) for stage, members in stages.items()]


def _row(stage: str, jobs: Sequence[PlannedJob]) -> Row:
    folder, units = jobs[0].folder, sum(job.units for job in jobs)
    history, source = _history(folder, stage), "this analysis"
    if not history:
        others = {
            path.parent.name: found
            for path in sorted(folder.parent.parent.glob("*/benchmarks"))
            if path != folder and (found := _history(path, stage))
        }
        history = {path: cost for found in others.values() for path, cost in found.items()}
        source = ", ".join(others)
    if not history:
        return Row(stage, len(jobs), units, None, None, "")
    seconds = statistics.median(cost.seconds for cost in history.values())
    typical = Cost(seconds, statistics.median(cost.cpu for cost in history.values()))
    costs = [(job, history.get(job.benchmark, typical)) for job in jobs]
    gpu = sum(job.gpus * job.units * cost.seconds for job, cost in costs) / HOUR
    return Row(stage, len(jobs), units, gpu, sum(job.units * cost.cpu for job, cost in costs) / HOUR, source)


def _history(folder: Path, stage: str) -> dict[Path, Cost]:
    """Cost of one unit in each job of a stage that has run."""
    found = {}
    for path in sorted([*folder.glob(f"{stage}.tsv"), *folder.glob(f"{stage}/**/*.tsv")]):
        cost = read_benchmark(path)
        if cost:
            units = _units(stage, path)
            found[path] = Cost(cost.seconds / units, cost.cpu / units)
    return found


def read_benchmark(path: Path) -> Cost | None:
    """Mean over the rows of a file of Snakemake; None if it holds no time.

    A job that was too short to be sampled has no CPU time: its wall time is taken.
    """
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        seconds = [float(row["s"]) for row in rows]
        cpu = [_number(row.get("cpu_time"), wall) for row, wall in zip(rows, seconds, strict=True)]
    except (OSError, KeyError, TypeError, ValueError):
        return None
    return Cost(statistics.fmean(seconds), statistics.fmean(cpu)) if rows else None


def _number(text: str | None, default: float) -> float:
    try:
        return float(text or "") or default
    except ValueError:  # NA
        return default


def _units(stage: str, benchmark: Path) -> int:
    found = re.search(r"-(\d+)-(\d+)$", benchmark.stem) if stage.startswith("train_") else None
    return int(found[2]) - int(found[1]) + 1 if found else 1


def format_table(rows: Sequence[Row]) -> str:
    """The table as text, with the sums, and with what is not in them."""
    if not rows:
        return "Nothing to be done: every file is there and up to date."
    cells = [["stage", "jobs", "networks", "GPU h", "CPU h", "from the jobs of"]]
    for row in rows:
        networks = str(row.units) if row.stage.startswith("train_") else ""
        hours = [_hours(row.gpu_hours), _hours(row.cpu_hours)]
        cells.append([row.stage, str(row.jobs), networks, *hours, row.source or "no run so far: not in the sum"])
    gpu = sum(row.gpu_hours or 0.0 for row in rows)
    cpu = sum(row.cpu_hours or 0.0 for row in rows)
    trained = sum(row.units for row in rows if row.stage.startswith("train_"))
    cells.append(["sum", str(sum(row.jobs for row in rows)), str(trained), _hours(gpu), _hours(cpu), ""])
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = []
    for line in cells:
        name, *numbers, source = (
            cell.ljust(width) if column in (0, 5) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        lines.append("  ".join([name, *numbers, source]).rstrip())
    unknown = [row for row in rows if row.cpu_hours is None]
    notes = []
    if unknown:
        jobs = sum(row.jobs for row in unknown)
        notes.append(f"At least: {jobs} jobs of {len(unknown)} stages have no earlier run to be judged by.")
    foreign = sorted({row.source for row in rows} - {"", "this analysis"})
    if foreign:
        notes.append(f"Jobs of another analysis ({'; '.join(foreign)}) may be much larger or smaller than those here.")
    if any(row.cpu_hours is not None for row in rows):
        notes += [
            "Hours are those of earlier jobs of a stage, network by network. What you have made larger since, such as",
            "events, epochs or toys per job, takes longer. The CPU hours of a GPU job are those beside the GPU.",
        ]
    return "\n".join([*lines, "", *notes])


def _hours(hours: float | None) -> str:
    if hours is None:
        return "?"
    return f"{hours:.2g}" if hours < 10 else f"{hours:.0f}"


def gpus_of(resources: Any) -> float:
    """GPUs in the resources of a job: ``gpu``, ``gpus`` or ``request_gpus``, or the count in ``gres``."""
    for name in ("gpu", "gpus", "request_gpus"):
        value = resources.get(name)
        if isinstance(value, int | float):
            return float(value)
    gres = str(resources.get("gres") or "")
    found = re.search(r"\bgpu(?::[A-Za-z]\w*)?(?::(\d+))?", gres)
    return float(found[1] or 1) if found else 0.0


class _Jobs(logging.Filter):
    """Collects the jobs that Snakemake announces in a dry run, and lets only warnings and errors pass."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[PlannedJob] = []

    def filter(self, record: logging.LogRecord) -> bool:
        benchmark = getattr(record, "benchmark", None)
        if benchmark:  # only jobs have one, and each rule of this workflow but `all`
            resources = getattr(record, "resources", {})
            self.found.append(PlannedJob(Path(os.path.abspath(str(benchmark))), gpus_of(resources)))
        return record.levelno >= logging.WARNING


def dry_run(options: Sequence[str]) -> list[PlannedJob]:
    """The jobs of ``snakemake --dry-run`` with these options.

    Raises:
        SystemExit: of Snakemake, after its message, if there is no such run.
    """
    from snakemake.cli import main as snakemake
    from snakemake.logging import logger

    jobs = _Jobs()
    logger.addFilter(jobs)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            snakemake([*options, "--dry-run"])
    except SystemExit as ended:
        if ended.code:
            raise
    finally:
        logger.removeFilter(jobs)
    return jobs.found


if __name__ == "__main__":
    print(format_table(plan(dry_run(sys.argv[1:]))))
