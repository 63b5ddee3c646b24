"""What you change → what reruns: a dry run after every kind of change, with the exact jobs of the stages that cost.

The table of these rows stands in docs/reruns.md. Stages that only draw, diagnose or summarise are left out of a row:
they take seconds, and follow whatever they show.
"""

import shutil
from dataclasses import replace

import pytest
from workspaces import REPOSITORY

CHEAP = {
    "all",
    "audit_belt",
    "build_belt",
    "compare_data",
    "compare_oracle",
    "diagnose_factorisation",
    "diagnose_model",
    "diagnose_ratio",
    "diagnose_systematic",
    "fit_baseline",
    "invert_belt",
    "map_sensitivity",
    "measure_reference",
    "measure_simulation",
    "measure_uncertainty",
    "plot_audit",
    "plot_checks",
    "plot_factorisation",
    "plot_nuisances",
    "plot_ratio",
    "plot_result",
    "plot_variations",
    "rank_nuisances",
    "rate_observed",
    "rate_oracle_observed",
    "record_provenance",
    "scan_likelihood",
    "summarise_results",
    "throw_expected",
    "write_page",
}
# Once the model changes, all that is drawn from it follows: learned and exact toys for two data sets, 3 points of 2
# batches; one audit. The exact likelihood has no networks.
NEW_LEARNED_MODEL = {"build_model": 1, "throw_toys": 12, "throw_surfaces": 1, "simulate_experiments": 1}
NEW_MODEL = NEW_LEARNED_MODEL | {"build_oracle_model": 1, "throw_toys": 24}
SHAPE_ON_NI = {
    "name": "qqZZ_angle",
    "effects": [{"processes": ["NI"], "factors": {"up": "factor_qqZZ_angle_up", "down": "factor_qqZZ_angle_down"}}],
}


def systematic(configuration, name):
    return next(item for item in configuration["systematics"] if item["name"] == name)


def norm_only(configuration):
    configuration["systematics"].append({"name": "qqZZ_norm", "effects": [{"processes": ["NI"], "norm": 1.05}]})


def shape(configuration):
    configuration["systematics"].append(SHAPE_ON_NI)


def members_in_packs(configuration):
    configuration["ensembles"].update(members=3, members_per_job=2)


def remove_shape(configuration):
    configuration["systematics"] = [item for item in configuration["systematics"] if item["name"] != "lepton_scale"]


def other_factor(configuration):
    effect = systematic(configuration, "gg_scale")["effects"][0]
    effect["factors"]["up"] = "1.0*factor_gg_scale_up"


def other_tree(configuration):
    effect = systematic(configuration, "lepton_scale")["effects"][0]
    effect["trees"] = {"up": "events_lepton_scale_down", "down": "events_lepton_scale_up"}


def width(configuration):
    systematic(configuration, "lumi")["effects"][0]["norm"] = 1.03


def bounds(configuration):
    systematic(configuration, "gg_scale")["bounds"] = [-3.0, 3.0]


def coefficient(configuration):
    configuration["processes"][3]["coefficient"] = "1.0*1"


def fewer_processes(configuration):
    """The exact likelihood does not know an analysis without S, so it goes too."""
    configuration["processes"][3]["name"] = "NI"
    configuration["reference"] = [{"process": name, "weight": 1.0} for name in ("SBI", "B", "NI")]


ROWS = {
    "a nuisance parameter of yields alone": (norm_only, NEW_MODEL),
    "a nuisance parameter with a shape on one process": (
        shape,
        {
            "ingest_variation": 2,
            "train_variation": 2,
            "combine_ensemble": 2,
            "evaluate_variations": 3,
            "evaluate_oracle_variations": 3,
            **NEW_MODEL,
        },
    ),
    # The noise of the variations is measured by one that is left.
    "a nuisance parameter less": (remove_shape, {"train_null": 1, **NEW_MODEL}),
    "another weight at +1σ": (
        other_factor,
        {
            "ingest_variation": 1,
            "train_variation": 1,
            "combine_ensemble": 1,
            "evaluate_variations": 3,
            **NEW_MODEL,
        },
    ),
    "other trees at ±1σ": (
        other_tree,
        {
            "ingest_variation": 2,
            "train_variation": 2,
            "train_null": 1,
            "combine_ensemble": 2,
            "evaluate_variations": 3,
            **NEW_MODEL,
        },
    ),
    "the size of a yield effect": (width, NEW_MODEL),
    "the bounds of a nuisance parameter": (bounds, NEW_MODEL),
    "a coefficient": (coefficient, NEW_MODEL),
    "a network more": (
        lambda configuration: configuration["ensembles"].update(members=3),
        {"train_member": 4, "combine_ensemble": 4, "evaluate_ensemble": 12, **NEW_LEARNED_MODEL},
    ),
    "a network more, two in a job": (
        members_in_packs,
        {"train_member_2": 4, "combine_ensemble": 4, "evaluate_ensemble": 12, **NEW_LEARNED_MODEL},
    ),
    "processes that share networks": (
        lambda configuration: configuration["ensembles"].update(joint=["S", "SBI", "B", "NI"]),
        {"train_joint": 2, "combine_ensemble": 4, "evaluate_joint": 3, **NEW_LEARNED_MODEL},
    ),
    "more networks in a job": (lambda configuration: configuration["ensembles"].update(members_per_job=2), {}),
    "a hyper-parameter of the nominal networks": (
        lambda configuration: configuration["training"].update(epochs=4),
        {"train_member": 8, "combine_ensemble": 4, "evaluate_ensemble": 12, **NEW_LEARNED_MODEL},
    ),
    "a hyper-parameter of the variations' networks": (
        lambda configuration: configuration["variations"]["training"].update(epochs=3),
        {"train_variation": 4, "train_null": 1, "combine_ensemble": 4, "evaluate_variations": 6, **NEW_LEARNED_MODEL},
    ),
    "no null variation": (lambda configuration: configuration["diagnostics"].update(null_variations="none"), {}),
    "a null variation of every systematic": (
        lambda configuration: configuration["diagnostics"].update(null_variations="all"),
        {"train_null": 1},
    ),
    "the composition of the reference": (
        fewer_processes,
        {"mix_reference": 1, "train_member": 8, "combine_ensemble": 4, "evaluate_ensemble": 12, **NEW_MODEL},
    ),
    "a point of the belt more": (
        lambda configuration: configuration["belts"].update(points=[0, 1, 2, 3]),
        {"throw_toys": 8},
    ),
    "more toys": (
        lambda configuration: configuration["belts"].update(toys=120),
        {"throw_toys": 24},
    ),
    "another confidence level": (
        lambda configuration: configuration["belts"].update(levels=[0.6827, 0.9]),
        {"throw_surfaces": 1},
    ),
    # Toys are thrown at the scan's conditional fit, of the learned and of the exact likelihood, of both data sets.
    "a finer scan": (
        lambda configuration: configuration["scan"].update(points=25),
        {"throw_toys": 24},
    ),
    # Those at nominal nuisance parameters serve every data set.
    "toys at nominal nuisance parameters": (
        lambda configuration: configuration["belts"].update(nuisances="nominal"),
        {"throw_toys": 12},
    ),
    "another baseline": (lambda configuration: configuration["baselines"].pop(), {}),
    "more simulated experiments": (
        lambda configuration: configuration["audit"].update(experiments=50),
        {"simulate_experiments": 1},
    ),
    "how ntuples are read": (
        lambda configuration: configuration.update(ingestion={"scheduler": "synchronous"}),
        {},
    ),
}


def costly(planned):
    """Jobs of a dry run in the stages that cost."""
    assert planned.code == 0, planned.text[-3000:]
    return {rule: count for rule, count in planned.jobs.items() if rule not in CHEAP}


@pytest.mark.parametrize("change, expected", ROWS.values(), ids=ROWS.keys())
def test_a_change_reruns_what_depends_on_it_and_nothing_else(finished_workspace, change, expected):
    workspace, _ = finished_workspace
    planned = workspace.variant(change).dry_run()
    assert costly(planned) == expected, planned.text[-6000:]


# One file of events is replaced.
FILES = {
    "one process": (
        "qqZZ",
        {
            "ingest_sample": 1,
            "ingest_variation": 2,
            "mix_reference": 1,
            "train_member": 8,  # the reference has this process, and every ratio has the reference
            "train_variation": 2,  # those of this process alone
            "train_null": 1,
            "combine_ensemble": 6,
            "evaluate_ensemble": 12,
            "evaluate_variations": 4,
            "evaluate_oracle": 1,
            "evaluate_oracle_variations": 2,
            **NEW_MODEL,
        },
    ),
    "the observed data": (
        "observed",
        {
            "ingest_sample": 1,
            "evaluate_ensemble": 4,
            "evaluate_variations": 2,
            "evaluate_oracle": 1,
            "evaluate_oracle_variations": 2,
            "throw_toys": 12,  # of the observed belts, learned and exact; those of the expected ones stay
        },
    ),
}


@pytest.mark.parametrize("sample, expected", FILES.values(), ids=FILES.keys())
def test_another_file_reruns_what_reads_it(finished_workspace, tmp_path, sample, expected):
    workspace = finished_workspace[0].copy(tmp_path / "copy")
    with (workspace.results / "ntuples" / sample / "part-0.root").open("ab") as file:
        file.write(b"other events")
    planned = workspace.dry_run()
    assert costly(planned) == expected, planned.text[-6000:]


def comment(text):
    return f"# a remark\n{text}"


def statement(text):
    return f"{text}\nANOTHER = 1\n"


def next_version(text):
    assert 'TRAINING_VERSION = "1"' in text
    return text.replace('TRAINING_VERSION = "1"', 'TRAINING_VERSION = "2"')


PLOTS = {
    "plot_audit": 1,
    "plot_checks": 1,
    "plot_nuisances": 2,
    "plot_ratio": 4,
    "plot_result": 1,
    "plot_variations": 1,
    "write_page": 1,
    "all": 1,
}
# Words: what draws them runs again, and where groups change also what sums up by group.
RANKING = {
    "rank_nuisances": 4,
    "summarise_results": 1,
    "plot_checks": 1,
    "plot_nuisances": 2,
    "plot_result": 1,
    "write_page": 1,
    "all": 1,
}
WORDS = {
    "a label of an observable": (lambda c: c["observables"][0].update(label="mass [GeV]"), PLOTS),
    "a label of the parameter": (lambda c: c["parameters"][0].update(label=r"$\mu$"), PLOTS),
    "a label of a process": (lambda c: c["processes"][0].update(label="signal"), PLOTS),
    "a label of a nuisance parameter": (lambda c: systematic(c, "lumi").update(label="luminosity!"), PLOTS),
    "a group of nuisance parameters": (lambda c: systematic(c, "lumi").update(group="machine"), RANKING),
}
# What draws, checks or sums up what comes out of the belts.
AFTER_BELTS = {
    "build_belt": 4,
    "invert_belt": 4,
    "summarise_results": 1,
    "plot_result": 1,
    "plot_checks": 1,
    "write_page": 1,
    "all": 1,
}
# Histograms have sets of the same kind, so what fits them and what compares with them follows too.
AFTER_SETS = {**AFTER_BELTS, "fit_baseline": 3, "compare_oracle": 1}
# Those of the audit are of the same module.
AUDIT = {"throw_surfaces": 1, "audit_belt": 1, "plot_audit": 1}
CODE = {
    "a plot style": ("src/steelyard/plots/style.py", statement, PLOTS),
    "a comment in a plot style": ("src/steelyard/plots/style.py", comment, {}),
    "a library module of a late stage": ("src/steelyard/inference/belts.py", statement, AFTER_SETS | AUDIT),
    "a script": ("workflow/scripts/build_belt.py", statement, AFTER_BELTS),
    "a comment in a script": ("workflow/scripts/build_belt.py", comment, {}),
    "a comment in the script of a training": ("workflow/scripts/train_member.py", comment, {}),
    "the script of a training": ("workflow/scripts/train_member.py", statement, {}),
    "the library module of the training": ("src/steelyard/ratios/training.py", statement, {}),
}


@pytest.mark.parametrize("change, expected", WORDS.values(), ids=WORDS.keys())
def test_words_rerun_pictures_alone(finished_workspace, change, expected):
    planned = finished_workspace[0].variant(change).dry_run()
    assert planned.code == 0, planned.text[-3000:]
    jobs = planned.jobs
    assert jobs.pop("record_provenance") == 1  # which records the configuration, words and all
    assert jobs == expected, planned.text[-6000:]


@pytest.fixture
def own_code(finished_workspace, tmp_path):
    """The finished analysis with a copy of the workflow and the library, which a test may change."""
    for name in ("Snakefile", "workflow", "src", "profiles", "config", "envs"):
        source = REPOSITORY / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, tmp_path / name)
    return replace(finished_workspace[0], repository=tmp_path)


@pytest.mark.parametrize("file, edit, expected", CODE.values(), ids=CODE.keys())
def test_code_reruns_the_stages_that_run_it_and_comments_none(own_code, file, edit, expected):
    path = own_code.repository / file
    path.write_text(edit(path.read_text()))
    planned = own_code.dry_run()
    assert planned.code == 0, planned.text[-3000:]
    assert planned.jobs == expected, planned.text[-6000:]


def test_all_networks_train_again_when_the_version_of_the_training_is_raised(own_code):
    path = own_code.repository / "src" / "steelyard" / "ratios" / "version.py"
    path.write_text(next_version(path.read_text()))
    assert costly(own_code.dry_run()) == {
        "train_member": 8,
        "train_variation": 4,
        "train_null": 1,
        "combine_ensemble": 8,
        "evaluate_ensemble": 12,
        "evaluate_variations": 6,
        **NEW_LEARNED_MODEL,
    }


def test_files_of_another_configuration_are_not_read(finished_workspace, tmp_path):
    """What an earlier configuration has left, such as members, points and batches that are no longer asked for."""
    workspace = finished_workspace[0].copy(tmp_path / "copy")
    targets = ["ensembles/S.pt", "belts/asimov.json", "intervals/asimov.json"]
    before = {target: (workspace.results / target).read_bytes() for target in targets}
    for left in ("ratios/S/member-2/network.pt", "toys/asimov/mu-2/batch-0.npz", "toys/asimov/mu-1/batch-2.npz"):
        (workspace.results / left).parent.mkdir(exist_ok=True)
        (workspace.results / left).write_bytes(b"of another configuration")
    for forced, made in (("build_belt", targets[1:]), ("combine_ensemble", targets[:1])):
        done = workspace.snakemake(*(f"results/tiny/{target}" for target in made), "--forcerun", forced)
        assert done.code == 0 and "100%" in done.text, done.text[-3000:]
    assert {target: (workspace.results / target).read_bytes() for target in targets} == before
