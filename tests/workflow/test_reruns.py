"""What you change → what reruns: a dry run after every kind of change, with the exact jobs of the stages that cost.

The table of these rows stands in docs/reruns.md. Stages that only draw, diagnose or summarise are left out of a row:
they take seconds, and follow whatever they show.
"""

from collections import Counter

import pytest

pytestmark = pytest.mark.xdist_group("workflow")  # one worker, which uses all cores and shares the finished analysis

CHEAP = {
    "all",
    "audit_belt",
    "build_belt",
    "compare_data",
    "compare_oracle",
    "diagnose_model",
    "diagnose_ratio",
    "diagnose_systematic",
    "fit_baseline",
    "invert_belt",
    "map_sensitivity",
    "plot_audit",
    "plot_checks",
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
    "write_page",
}
# Once the model changes, all that is drawn from it follows: learned and exact, 3 points of 2 batches, one audit.
NEW_MODEL = {"build_model": 1, "build_oracle_model": 1, "throw_toys": 12, "simulate_experiments": 1}
NEW_LEARNED_MODEL = {"build_model": 1, "throw_toys": 6, "simulate_experiments": 1}  # the exact one has no networks
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
    "a nuisance parameter less": (remove_shape, NEW_MODEL),
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
    "a hyper-parameter of the nominal networks": (
        lambda configuration: configuration["training"].update(epochs=4),
        {"train_member": 8, "combine_ensemble": 4, "evaluate_ensemble": 12, **NEW_LEARNED_MODEL},
    ),
    "a hyper-parameter of the variations' networks": (
        lambda configuration: configuration["variations"]["training"].update(epochs=3),
        {"train_variation": 4, "combine_ensemble": 4, "evaluate_variations": 6, **NEW_LEARNED_MODEL},
    ),
    "the composition of the reference": (
        fewer_processes,
        {"mix_reference": 1, "train_member": 8, "combine_ensemble": 4, "evaluate_ensemble": 12, **NEW_MODEL},
    ),
    "a point of the belt more": (
        lambda configuration: configuration["belts"].update(points=[0, 1, 2, 3]),
        {"throw_toys": 4},
    ),
    "more toys": (
        lambda configuration: configuration["belts"].update(toys=120),
        {"throw_toys": 12},
    ),
    "another confidence level": (lambda configuration: configuration["belts"].update(levels=[0.6827, 0.9]), {}),
    "a finer scan": (lambda configuration: configuration["scan"].update(points=25), {}),
    "another baseline": (lambda configuration: configuration["baselines"].pop(), {}),
    "more simulated experiments": (
        lambda configuration: configuration["audit"].update(experiments=50),
        {"simulate_experiments": 1},
    ),
    "a label of a picture": (
        lambda configuration: configuration["observables"][0].update(label="mass [GeV]"),
        {"ingest_sample": 0},
    ),
}


@pytest.mark.parametrize("change, expected", ROWS.values(), ids=ROWS.keys())
def test_a_change_reruns_what_depends_on_it_and_nothing_else(finished_workspace, change, expected):
    workspace, _ = finished_workspace
    planned = workspace.variant(change).dry_run()
    assert planned.code == 0, planned.text[-3000:]
    jobs = Counter({rule: count for rule, count in planned.jobs.items() if rule not in CHEAP})
    assert jobs == Counter({rule: count for rule, count in expected.items() if count}), planned.text[-6000:]
