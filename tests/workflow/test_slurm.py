"""The tiny analysis on a real Slurm, as a user runs it: from the root of the repository, with `--profile slurm`."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml
from slurm_runs import QUICK, start
from workspaces import REPOSITORY, TINY

PROFILES = REPOSITORY / "profiles"
# Few submissions, since the two snakemakes that each of them starts are most of what a tiny job costs.
FEW = ["--group-components", "data=9", "scores=99", "toys=14", "checks=99", "result=9"]
# What is not a function of the configuration: when, how long and where a run was made. ROOT writes the time and an id
# by chance into its files; what is read from them is compared as samples/.
VOLATILE = ("logs/", "benchmarks/", "provenance.json", "ntuples/")


def shape_of(training_curve: bytes) -> list[list[bytes]]:
    """The file of a training curve without its last column, the seconds."""
    return [line.split(b",")[:-1] for line in training_curve.splitlines()]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A clone of the repository as a user has it, with the documented set-up step done."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("Makefile", "Snakefile", "pyproject.toml"):
        shutil.copy2(REPOSITORY / name, folder)
    for name in ("config", "envs", "profiles", "workflow"):
        shutil.copytree(REPOSITORY / name, folder / name)
    made = subprocess.run(
        ["make", "slurm", f"VENV={Path(sys.executable).parents[1]}"], cwd=folder, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


@pytest.fixture(scope="module")
def finished_on_slurm(slurm, checkout):
    """The whole analysis, run once: its folder, what snakemake printed, and Slurm's record of every job."""
    before = len(slurm.jobs())
    command = ["snakemake", "results/tiny/summary.json", "--profile", "slurm", "--configfile", str(TINY), *QUICK, *FEW]
    finished = start(command, checkout, checkout / "run.txt").wait(1800)
    assert finished.code == 0, finished.text[-5000:]
    return checkout / "results" / "tiny", finished, slurm.jobs()[before:]


def test_every_network_has_a_gpu_job_of_its_own_and_nothing_else_has_a_gpu(finished_on_slurm):
    _, _, jobs = finished_on_slurm
    configuration = yaml.safe_load(TINY.read_text())
    expected = {
        f"rule_train_member_wildcards_{process['name']}_{member}"
        for process in configuration["processes"]
        for member in range(configuration["ensembles"]["members"])
    }
    expected |= {
        f"rule_train_variation_wildcards_{ratio}-{side}_{member}"
        for ratio in ("B-gg_scale", "NI-lepton_scale")
        for side in ("up", "down")
        for member in range(configuration["variations"]["members"])
    }
    expected.add("rule_train_null_wildcards_lepton_scale")
    assert Counter(job["Comment"] for job in jobs if "TresPerJob" in job) == Counter(expected)
    assert {job.get("TresPerJob") for job in jobs} == {"gres:gpu:1", None}
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}


def test_slurm_is_asked_for_the_memory_and_time_of_the_rules(finished_on_slurm):
    _, _, jobs = finished_on_slurm
    trainings = [job for job in jobs if "TresPerJob" in job]
    assert {(job["MinMemoryNode"], job["TimeLimit"]) for job in trainings} == {("4000M", "02:00:00")}


def test_short_jobs_share_submissions(finished_on_slurm):
    _, finished, jobs = finished_on_slurm
    short = [job for job in jobs if "TresPerJob" not in job]
    assert len(short) <= 10
    steps = int(re.findall(r"\d+ of (\d+) steps \(100%\) done", finished.text)[-1])
    assert steps > 3 * len(jobs)


def test_the_bytes_are_those_of_the_local_run(finished_on_slurm, finished_workspace):
    results, *_ = finished_on_slurm
    local = finished_workspace[0].results
    names = [path.relative_to(results) for path in sorted(results.rglob("*")) if path.is_file()]
    names = [name for name in names if not str(name).startswith(VOLATILE)]
    for stage in ("samples", "ratios", "ensembles", "scores", "model", "toys", "oracle/toys", "belts", "intervals"):
        assert any(str(name).startswith(f"{stage}/") for name in names), stage
    assert Path("summary.json") in names
    different = []
    for name in names:
        ours, theirs = (results / name).read_bytes(), (local / name).read_bytes()
        if name.suffix == ".csv":  # curves of trainings, also those beside the checkpoints
            ours, theirs = shape_of(ours), shape_of(theirs)
        if ours != theirs:
            different.append(str(name))
    assert not different


def test_nothing_is_left_to_do(finished_on_slurm, checkout):
    command = ["snakemake", "results/tiny/summary.json", "--profile", "slurm", "--configfile", str(TINY), *QUICK]
    again = start(command, checkout, checkout / "again.txt").wait()
    assert again.code == 0 and "Nothing to be done" in again.text


def rules():
    """Names of all rules, the derived ones too."""
    names = set()
    for file in (REPOSITORY / "workflow" / "rules").glob("*.smk"):
        names |= set(re.findall(r"^ *(?:rule|use rule \w+ as) (\w+)", file.read_text(), flags=re.MULTILINE))
        names |= set(re.findall(r'^ +f"(train_\w+)\{', file.read_text(), flags=re.MULTILINE))  # one for every pack
    return names


@pytest.mark.parametrize("name", ["slurm", "htcondor"])
def test_a_profile_names_the_rules_that_there_are(name):
    profile = yaml.safe_load((PROFILES / name / "config.yaml").read_text())
    named = set(profile["set-resources"]) | set(profile.get("groups", {}))
    assert named <= rules()


def test_a_training_asks_htcondor_for_one_gpu(finished_workspace, tmp_path, htcondor_plugin):
    """There is no pool here: a real submission, up to the missing schedd, and what it was going to ask for."""
    folder = tmp_path / "tiny"
    finished_workspace[0].copy(folder)
    network = "results/tiny/ratios/S/member-0/network.pt"
    (folder / network).unlink()
    command = ["snakemake", "--profile", "profiles/htcondor", "--configfile", str(TINY), "--directory", str(folder)]
    environment = {"CONDOR_CONFIG": "ONLY_ENV"}
    done = start([*command, "--verbose", network], REPOSITORY, tmp_path / "run.txt", environment).wait()
    assert done.code != 0 and "Unable to locate local daemon" in done.text
    (asked,) = [line for line in done.text.splitlines() if line.startswith("HTCondor submit")]
    for words in ("'request_gpus': 1", "'request_memory': '4000MB'", "'+MaxRuntime': 7200", "'getenv': True"):
        assert words in asked


def test_every_rule_but_training_shares_submissions_or_stands_alone_on_purpose():
    profile = yaml.safe_load((PROFILES / "slurm" / "config.yaml").read_text())
    assert rules() - set(profile["groups"]) == {
        "train_member",
        "train_joint",
        "train_variation",
        "train_null",
        "mix_reference",
    }


def test_no_key_of_the_machine_is_in_the_profile_that_is_always_read():
    """Snakemake lets profiles/default win over --profile: a key in both would be lost on the cluster."""
    always = yaml.safe_load((PROFILES / "default" / "config.yaml").read_text())
    for name in ("slurm", "htcondor"):
        assert not set(always) & set(yaml.safe_load((PROFILES / name / "config.yaml").read_text()))


def test_the_set_up_step_keeps_a_copy_that_you_have_edited(checkout):
    profile = checkout / "slurm" / "config.yaml"
    mine = profile.read_text().replace("# slurm_account: my_account", "slurm_account: higgs", 1)
    before = profile.read_text()
    profile.write_text(mine)
    try:
        again = subprocess.run(
            ["make", "slurm", f"VENV={Path(sys.executable).parents[1]}"], cwd=checkout, capture_output=True, text=True
        )
        assert again.returncode == 0 and "+  slurm_account: higgs" in again.stdout
        assert profile.read_text() == mine
    finally:
        profile.write_text(before)
