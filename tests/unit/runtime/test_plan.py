import subprocess
import sys
from pathlib import Path

import pytest

from steelyard.runtime.plan import Cost, PlannedJob, Row, format_table, gpus_of, plan, read_benchmark

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def benchmark(path, seconds, cpu="NA"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEADER}{seconds}\t0:00:00\tNA\tNA\tNA\tNA\tNA\tNA\tNA\t{cpu}\n")


@pytest.fixture
def folder(tmp_path):
    """The benchmarks of an analysis with a history."""
    made = tmp_path / "results" / "mine" / "benchmarks"
    benchmark(made / "train_member" / "S-0.tsv", 3600, 7200)
    benchmark(made / "train_member" / "S-1.tsv", 1800, 3600)
    benchmark(made / "train_member" / "B-0-9.tsv", 18000, 36000)  # ten networks of half an hour
    benchmark(made / "mix_reference.tsv", 36)
    benchmark(made / "throw_toys" / "oracle" / "mu-0-1.tsv", 720, 720)
    return made


def test_a_job_that_ran_before_costs_what_it_did(folder):
    (row,) = plan([PlannedJob(folder / "train_member" / "S-0.tsv", 1)])
    assert row == Row("train_member", 1, 1, 1.0, 2.0, "this analysis")


def test_a_new_pack_costs_the_median_network_times_its_members(folder):
    jobs = [PlannedJob(folder / "train_member" / f"NI-{label}.tsv", 1) for label in ("0-19", "20-39", "40")]
    (row,) = plan(jobs)
    assert (row.jobs, row.units) == (3, 41)
    assert row.gpu_hours == pytest.approx(41 * 0.5)
    assert row.cpu_hours == pytest.approx(41 * 1.0)


def test_a_number_in_the_name_of_other_jobs_is_no_pack(folder):
    (row,) = plan([PlannedJob(folder / "throw_toys" / "mu-0-3.tsv")])
    assert (row.units, row.gpu_hours, row.cpu_hours) == (1, 0.0, pytest.approx(0.2))


def test_stages_come_in_the_order_of_their_jobs_and_one_without_history_says_so(folder):
    jobs = [
        PlannedJob(folder / "mix_reference.tsv"),
        PlannedJob(folder / "build_belt" / "belt.tsv"),
        PlannedJob(folder / "train_member" / "S-2.tsv", 1),
    ]
    rows = plan(jobs)
    assert [row.stage for row in rows] == ["mix_reference", "build_belt", "train_member"]
    assert rows[1] == Row("build_belt", 1, 1, None, None, "")
    text = format_table(rows)
    assert "no run so far" in text and "At least: 1 jobs of 1 stages" in text
    total = next(line for line in text.splitlines() if line.startswith("sum"))
    assert total.split() == ["sum", "3", "1", "0.5", "1"]


def test_other_analyses_are_asked_only_where_this_one_knows_nothing(folder):
    other = folder.parents[1] / "other" / "benchmarks"
    benchmark(other / "build_belt" / "belt.tsv", 3600, 1800)
    benchmark(other / "mix_reference.tsv", 7200)
    rows = plan([PlannedJob(folder / "build_belt" / "belt.tsv"), PlannedJob(folder / "mix_reference.tsv")])
    assert (rows[0].cpu_hours, rows[0].source) == (0.5, "other")
    assert (rows[1].cpu_hours, rows[1].source) == (0.01, "this analysis")
    assert "another analysis (other)" in format_table(rows)


def test_nothing_to_do():
    assert "Nothing to be done" in format_table(plan([]))


def test_a_benchmark_is_the_mean_of_its_rows_and_nothing_if_it_is_no_such_file(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(HEADER + "2\t\t\t\t\t\t\t\t\t3\n4\t\t\t\t\t\t\t\t\tNA\n")
    assert read_benchmark(path) == Cost(3.0, 3.5)  # where no CPU time was sampled, the wall time stands for it
    for text in ("", HEADER, "half a fi", HEADER + "soon\t\n"):
        path.write_text(text)
        assert read_benchmark(path) is None
    assert read_benchmark(tmp_path / "missing.tsv") is None


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, 0),
        ({"gpu": 1}, 1),
        ({"gpus": 2}, 2),
        ({"request_gpus": 1}, 1),
        ({"gres": "gpu"}, 1),
        ({"gres": "gpu:2"}, 2),
        ({"gres": "gpu:a100:4"}, 4),
        ({"gres": "nvme:1"}, 0),
        ({"gpu": "<TBD>"}, 0),
    ],
)
def test_gpus_of_the_batch_systems(resources, expected):
    assert gpus_of(resources) == expected


def test_a_dry_run_of_a_workflow_is_read_and_nothing_else_printed(tmp_path):
    (tmp_path / "Snakefile").write_text(
        """
rule all:
    input: expand("results/mine/{ratio}/{label}", ratio=["S", "B"], label=["0-1", "2"])

for suffix, label in (("", "0-1"), ("_2", "2")):
    rule:
        name: f"train_member{suffix}"
        output: f"results/mine/{{ratio}}/{label}"
        benchmark: f"results/mine/benchmarks/train_member/{{ratio}}-{label}.tsv"
        resources: gpu=1
        message: "Training"
        shell: "touch {output}"
"""
    )
    benchmark(tmp_path / "results" / "mine" / "benchmarks" / "train_member" / "S-0-1.tsv", 7200, 3600)
    command = [sys.executable, "-m", "steelyard.runtime.plan", "--cores", "1", "--workflow-profile", "none"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[1] == ["train_member", "4", "6", "6", "3", "this", "analysis"]
    assert lines[0][0] == "stage" and not (tmp_path / "results" / "mine" / "S").exists()

    failed = subprocess.run([*command, "nonsense"], cwd=tmp_path, capture_output=True, text=True)
    assert failed.returncode != 0 and "nonsense" in failed.stderr and not failed.stdout


def test_the_history_of_another_stage_of_the_same_beginning_is_not_taken(tmp_path):
    folder = Path(tmp_path) / "results" / "mine" / "benchmarks"
    benchmark(folder / "build_belts.tsv", 10)
    assert plan([PlannedJob(folder / "build_belt" / "belt.tsv")])[0].cpu_hours is None
