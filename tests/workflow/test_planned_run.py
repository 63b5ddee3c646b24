"""The preview of a run: counted by a dry run, with the hours of what has run before."""

import csv
import statistics
import subprocess
import sys

import pytest
from workspaces import REPOSITORY


def plan(workspace, *options):
    """Stage: cells of its line."""
    (_, *command), environment = workspace.command(*options)
    done = subprocess.run(
        [sys.executable, "-m", "steelyard.runtime.plan", *command],
        capture_output=True,
        text=True,
        env=environment,
        cwd=REPOSITORY,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line}, done.stdout


def test_new_members_are_counted_one_by_one_and_cost_what_the_old_ones_did(finished_workspace):
    workspace, _ = finished_workspace

    def change(configuration):
        configuration["ensembles"].update(members=6, members_per_job=2)  # two are there

    rows, _ = plan(workspace.variant(change), "--set-resources", "train_member:gpu=2")
    seconds = []
    for path in (workspace.results / "benchmarks" / "train_member").glob("*.tsv"):
        with path.open(newline="") as file:
            seconds += [float(row["s"]) for row in csv.DictReader(file, delimiter="\t")]
    assert len(seconds) == 8
    jobs, networks, gpu_hours, *_ = rows["train_member"]
    assert (jobs, networks) == ("8", "16")
    assert float(gpu_hours) == pytest.approx(2 * 16 * statistics.median(seconds) / 3600, rel=0.05)
    assert rows["combine_ensemble"][0] == "4" and rows["throw_toys"][0] == "12"
    assert "train_variation" not in rows and "ingest_sample" not in rows


def test_without_a_history_the_plan_says_so(workspace):
    rows, text = plan(workspace)
    assert rows["train_member"][:4] == ["8", "8", "?", "?"]
    assert "have no earlier run to be judged by" in text


def test_a_finished_run_has_nothing_to_plan(finished_workspace):
    _, text = plan(finished_workspace[0])
    assert text == "Nothing to be done: every file is there and up to date.\n"
