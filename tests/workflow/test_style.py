"""The workflow's own tidiness: lint, format, dry runs of every configuration that is shipped."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from workspaces import REPOSITORY

from steelyard.runtime import rule_graph

PROGRAMS = Path(sys.executable).parent


def run(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run([str(PROGRAMS / command[0]), *command[1:]], capture_output=True, text=True, cwd=REPOSITORY)


def test_snakemake_lint_finds_nothing():
    done = run("snakemake", "--lint")
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_are_formatted():
    done = run("snakefmt", "--check", "--line-length", "120", "Snakefile", "workflow/Snakefile", "workflow/rules")
    assert done.returncode == 0, done.stderr


def test_python_is_formatted_and_clean():
    for command in (["ruff", "check"], ["ruff", "format", "--check"]):
        done = run(*command, "src", "tests", "workflow/scripts", "envs")
        assert done.returncode == 0, done.stdout + done.stderr


def test_types_are_right():
    done = run("mypy")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "names", [["config.yaml"], ["paper.yaml"], ["config.yaml", "node.yaml"], ["config.yaml", "joint_variations.yaml"]]
)
def test_a_dry_run_of_every_configuration(names, tmp_path):
    files = [str(REPOSITORY / "config" / name) for name in names]
    done = run("snakemake", "-n", "--quiet", "rules", "--directory", str(tmp_path), "--configfile", *files)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("diagnose_factorisation" in done.stdout) == ("joint_variations.yaml" in names)


def test_the_workflow_starts_where_the_catalogue_looks_for_it(workspace):
    here = workspace.dry_run().jobs
    there = workspace.snakemake("--dry-run", "--snakefile", str(REPOSITORY / "workflow" / "Snakefile")).jobs
    assert here == there and here["write_page"] == 1


def test_the_catalogue_is_told_how_to_use_it():
    usage = yaml.safe_load((REPOSITORY / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["software-stack-deployment"]["conda"] and usage["software-stack-deployment"]["report"]
    assert usage["mandatory-flags"]["desc"] and (REPOSITORY / "config" / "README.md").exists()


def test_the_picture_of_the_rules_is_that_of_the_rules():
    drawn = run("snakemake", "--quiet", "all", "--rulegraph", "mermaid-js")
    assert drawn.returncode == 0, drawn.stderr
    text = rule_graph.main(drawn.stdout, REPOSITORY / "workflow" / "rules", REPOSITORY / "workflow" / "Snakefile")
    assert (REPOSITORY / "docs" / "rulegraph.md").read_text() == text, "run: make rulegraph"


def test_the_fan_out_is_one_job_a_member_and_one_a_point(workspace):
    configuration = yaml.safe_load((workspace.folder / "tiny.yaml").read_text())
    jobs = workspace.dry_run().jobs
    assert jobs["train_member"] == 4 * configuration["ensembles"]["members"]
    assert jobs["train_variation"] == 4 * configuration["variations"]["members"]  # B and NI, up and down
    assert jobs["combine_ensemble"] == 8
    # Learned and exact, expected and observed data, two batches.
    assert jobs["throw_toys"] == 2 * 2 * len(configuration["belts"]["points"]) * 2


@pytest.mark.parametrize(
    ("joint", "expected"),
    [
        (["NI", "S", "SBI", "B"], {"train_joint": 3, "evaluate_joint": 3}),
        (["S", "SBI", "B"], {"train_joint": 3, "evaluate_joint": 3, "train_member": 3, "evaluate_ensemble": 3}),
    ],
)
def test_processes_that_share_networks_have_one_job_a_member(workspace, joint, expected):
    def change(configuration):
        configuration["ensembles"].update(joint=joint, members=3)
        configuration["reference"] = [{"process": name} for name in joint]

    jobs = workspace.variant(change).dry_run().jobs
    assert (jobs["combine_ensemble"], jobs["plot_ratio"]) == (8, 4)
    for stage in ("train_joint", "evaluate_joint", "train_member", "evaluate_ensemble"):
        assert jobs[stage] == expected.get(stage, 0), stage


def test_the_snakefile_is_short_and_scripts_are_thin():
    for snakefile in (REPOSITORY / "Snakefile", REPOSITORY / "workflow" / "Snakefile"):
        assert len(snakefile.read_text().splitlines()) <= 40, snakefile
    for script in (REPOSITORY / "workflow" / "scripts").glob("*.py"):
        assert len(script.read_text().splitlines()) < 80, script.name


def test_every_rule_has_a_script_of_its_name_and_every_script_a_rule():
    text = "\n".join(file.read_text() for file in (REPOSITORY / "workflow" / "rules").glob("*.smk"))
    rules = {*re.findall(r"^ *rule (\w+):", text, re.MULTILINE), *re.findall(r'name:\s+f"(\w+){pack.suffix}"', text)}
    scripts = {script.stem for script in (REPOSITORY / "workflow" / "scripts").glob("*.py")}
    assert scripts == rules
