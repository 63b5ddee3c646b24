"""What jobs ask a cluster for: memory and time in the rules, once, and what is a site's in its profile."""

import ast
import re
import subprocess
import sys

import pytest
import yaml
from slurm_runs import start
from workspaces import REPOSITORY

RULES = {path.name: path.read_text() for path in (REPOSITORY / "workflow" / "rules").glob("*.smk")}
LISTED = """
import logging, sys
from snakemake.cli import main
from snakemake.logging import logger

found = set()


def listen(record):
    if getattr(record, "benchmark", None):
        resources = dict(record.resources)
        found.add((record.rule_name, *(resources.get(name) for name in ("mem_mb", "runtime", "gpu", "request_gpus"))))
    return record.levelno >= logging.WARNING


logger.addFilter(listen)
try:
    main(sys.argv[1:])
except SystemExit as ended:
    if ended.code:
        raise
print(sorted(found, key=str))
"""


@pytest.fixture
def requests(workspace):
    """The requests of all jobs of a dry run with a profile: rule: {(MB, minutes, gpu, request_gpus)}."""

    def listed(profile):
        (_, *options), environment = workspace.command("--dry-run", "--profile", f"profiles/{profile}")
        done = subprocess.run(
            [sys.executable, "-c", LISTED, *options], capture_output=True, text=True, env=environment, cwd=REPOSITORY
        )
        assert done.returncode == 0, done.stderr[-3000:]
        found = {}
        for rule, *request in ast.literal_eval(done.stdout.splitlines()[-1]):
            found.setdefault(rule, set()).add(tuple(request))
        return found

    return listed


def test_each_rule_says_its_request_once():
    for name, text in RULES.items():
        own = re.split(r"^ *rule(?= \w+:|:)", text, flags=re.MULTILINE)[1:]
        for body in own:
            body = re.split(r"^use rule ", body, flags=re.MULTILINE)[0]
            assert len(re.findall(r"resources:\n +\*\*request\(mem_mb=.*, minutes=.*\),\n", body)) == 1, (name, body)
            assert len(re.findall(r"^ +threads: \d+$", body, flags=re.MULTILINE)) == 1, (name, body)
        if name != "common.smk":
            assert text.count("resources:") == len(own) and "runtime=" not in text


@pytest.mark.parametrize(("name", "gpus"), [("slurm", "gpu"), ("htcondor", "request_gpus")])
def test_a_profile_says_what_is_a_sites_and_no_number_of_a_rule(name, gpus):
    profile = yaml.safe_load((REPOSITORY / "profiles" / name / "config.yaml").read_text())
    trainings = ("train_member", "train_joint", "train_variation", "train_null")
    assert profile["set-resources"] == {rule: {gpus: 1} for rule in trainings}
    words = {"mem_mb", "runtime", "htcondor_request_mem_mb", "classad_MaxRuntime", "request_memory"}
    assert not words & set(profile["default-resources"])
    assert "set-threads" not in profile


def test_both_profiles_and_a_local_run_ask_for_what_the_rules_say(requests):
    local, slurm, htcondor = (requests(profile) for profile in ("default", "slurm", "htcondor"))
    assert len(local) > 30 and local.keys() == slurm.keys() == htcondor.keys()
    for rule, ((memory, minutes, *gpus),) in local.items():
        assert memory >= 1000 and minutes >= 5 and gpus == [None, None]
        training = 1 if rule.startswith("train_") else None
        assert slurm[rule] == {(memory, minutes, training, None)}
        assert htcondor[rule] == {(memory, minutes, None, training)}


def test_htcondor_is_asked_in_its_own_words(workspace, tmp_path, htcondor_plugin):
    """There is no pool here: a real submission, up to the missing schedd, and what it was going to ask for."""
    command = ["snakemake", "--profile", "profiles/htcondor", "--configfile", str(workspace.folder / workspace.file)]
    target = "results/tiny/ntuples/gg/part-0.root"
    command += ["--directory", str(workspace.folder), "--verbose", target]
    done = start(command, REPOSITORY, tmp_path / "run.txt", {"CONDOR_CONFIG": "ONLY_ENV"}).wait()
    assert done.code != 0 and "Unable to locate local daemon" in done.text
    (asked,) = [line for line in done.text.splitlines() if line.startswith("HTCondor submit")]
    for words in ("'request_memory': '2000MB'", "'+MaxRuntime': 1800"):  # 30 minutes
        assert words in asked
    assert "request_gpus" not in asked
