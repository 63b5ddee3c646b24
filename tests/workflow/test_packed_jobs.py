"""Several members share a job: the same files bit for bit, new members alone are trained, finished ones are kept."""

import ast
import importlib.util
import re
import subprocess
import sys
import time

import psutil
import pytest
import yaml
from workspaces import REPOSITORY

TARGET = "results/tiny/ensembles/S.pt"


def packed(members, per_job, variations_per_job=1):
    """A change of the configuration."""

    def change(configuration):
        configuration["ensembles"].update(members=members, members_per_job=per_job)
        configuration["variations"].update(members_per_job=variations_per_job)

    return change


def networks(workspace):
    """Bytes of the networks of the ratio S by member."""
    found = sorted((workspace.results / "ratios" / "S").glob("member-*/network.pt"))
    return {path.parent.name: path.read_bytes() for path in found}


def logged(workspace, label):
    """Numbers of the members that a job trained, and of those that it kept."""
    text = (workspace.results / "logs" / "train_member" / f"S-{label}.log").read_text()
    return [[int(number) for number in re.findall(rf"member (\d+): {word}", text)] for word in ("best", "kept")]


def test_the_scale_of_a_publication_in_2000_jobs_and_with_a_job_for_every_network(workspace):
    """4 processes, 10 two-sided shapes on each, 100 members: 8,400 networks and a null; 61 points of 5,000 toys."""
    spec = importlib.util.spec_from_file_location("dag_scale", REPOSITORY / "benchmarks" / "dag_scale.py")
    dag_scale = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(dag_scale)

    def jobs(configuration):
        (workspace.folder / "tiny.yaml").write_text(yaml.safe_dump(configuration))
        planned = workspace.dry_run()
        assert planned.code == 0, planned.text[-3000:]
        trainings = sum(count for rule, count in planned.jobs.items() if rule.startswith("train_"))
        return trainings, sum(planned.jobs.values()), planned.jobs["throw_toys"]

    trainings, total, toys = jobs(dag_scale.paper_scale())
    assert trainings == 4 * 25 + 80 * 5 + 1 and toys == 2 * 61 * 2 and total <= 2000
    trainings, total, toys = jobs(dag_scale.paper_scale(members_per_job=1))
    assert trainings == 8400 + 1 and toys == 2 * 61 * 2 and total > 8400
    paper = yaml.safe_load((REPOSITORY / "config" / "paper.yaml").read_text())
    trainings, total, toys = jobs(paper)  # with the nuisance parameters and the exact likelihood of the simulator
    assert trainings == 4 * 25 + 16 * 5 + 1 and toys == 2 * 2 * 61 * 2 and total <= 2000


@pytest.mark.parametrize(("members", "variations"), [(2, 1), (2, 3), (100, 100)])
def test_another_packing_of_a_finished_run_reruns_nothing(finished_workspace, members, variations):
    workspace, _ = finished_workspace
    planned = workspace.variant(packed(2, members, variations)).dry_run("results/tiny/summary.json")
    assert planned.code == 0 and "Nothing to be done" in planned.text, planned.text[-3000:]


def test_members_are_packed_ratio_by_ratio(workspace):
    def change(configuration):
        packed(100, 20)(configuration)
        configuration["variations"].update(members=10, members_per_job=4)

    jobs = workspace.variant(change).dry_run().jobs
    nominal = ["train_member", *(f"train_member_{first}" for first in (20, 40, 60, 80))]
    varied = ["train_variation", "train_variation_4", "train_variation_8"]
    found = {rule: count for rule, count in jobs.items() if rule.startswith("train_")}
    assert found == dict.fromkeys([*nominal, *varied], 4) | {"train_null": 1}


def test_what_a_profile_sets_for_a_stage_holds_for_all_its_packs(workspace):
    (_, *options), environment = workspace.variant(packed(5, 2)).command(
        TARGET, "--set-resources", "train_member:gpu=2"
    )
    script = "\n".join(
        [
            "import sys",
            "from steelyard.runtime.plan import dry_run",
            "print([(job.stage, job.units, job.gpus) for job in dry_run(sys.argv[1:])])",
        ]
    )
    planned = subprocess.run(
        [sys.executable, "-c", script, *options], capture_output=True, text=True, env=environment, cwd=REPOSITORY
    )
    assert planned.returncode == 0, planned.stderr[-3000:]
    jobs = ast.literal_eval(planned.stdout)
    trainings = [(members, gpus) for stage, members, gpus in jobs if stage == "train_member"]
    assert sorted(trainings) == [(1, 2.0), (2, 2.0), (2, 2.0)]
    assert {gpus for stage, _, gpus in jobs if stage != "train_member"} == {0.0}


def test_new_members_of_packs_have_the_bytes_of_one_job_a_member_and_old_ones_stay(finished_workspace, tmp_path):
    workspace, _ = finished_workspace
    alone, together = workspace.copy(tmp_path / "alone"), workspace.copy(tmp_path / "together")
    before = networks(alone)
    alone.configure(packed(5, 1))
    done = alone.snakemake(TARGET)
    assert done.code == 0, done.text[-3000:]
    together.configure(packed(5, 4))  # the first pack holds the old members 0, 1 and the new ones 2, 3
    done = together.snakemake(TARGET)
    assert done.code == 0, done.text[-3000:]

    assert logged(together, "0-3") == [[2, 3], [0, 1]]
    assert logged(together, "4") == [[4], []]
    assert len(networks(alone)) == 5 and networks(together) == networks(alone)
    assert {name: networks(alone)[name] for name in before} == before
    assert (together.folder / TARGET).read_bytes() == (alone.folder / TARGET).read_bytes()

    for per_job in (1, 3, 4, 5):  # what a pack has made is found by every other packing
        again = together.variant(packed(5, per_job)).dry_run(TARGET)
        assert "Nothing to be done" in again.text, again.text[-3000:]


def test_a_killed_pack_keeps_its_finished_members(finished_workspace, tmp_path):
    workspace = finished_workspace[0].copy(tmp_path / "killed")
    before = networks(workspace)

    def change(configuration):
        packed(5, 5)(configuration)
        configuration["training"]["epochs"] = 30  # long enough to be met in the middle of a member

    workspace.configure(change)
    command, environment = workspace.command(TARGET)
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
    kept, deadline = workspace.results / "checkpoints" / "S", time.monotonic() + 300
    while not (kept / "member-3.ckpt").exists():
        assert running.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    (job,) = [
        child
        for child in psutil.Process(running.pid).children(recursive=True)
        if any("train_member" in word for word in child.cmdline()) and not child.children()
    ]
    job.kill()
    text, _ = running.communicate(timeout=120)
    assert running.returncode != 0
    assert networks(workspace) == {}, text  # the outputs of a failed job go, all of them
    assert [path.name for path in sorted(kept.glob("*.pt"))] == [f"member-{member}.pt" for member in range(3)]

    done = workspace.snakemake(TARGET)
    assert done.code == 0, done.text[-3000:]
    assert logged(workspace, "0-4") == [[3, 4], [0, 1, 2]]
    log = (workspace.results / "logs" / "train_member" / "S-0-4.log").read_text()
    assert "member 3: resumes after epoch" in log
    assert len(networks(workspace)) == 5 and not set(networks(workspace).values()) & set(before.values())
    assert not list(kept.glob("*.ckpt"))
