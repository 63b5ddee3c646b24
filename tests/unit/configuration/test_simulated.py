import pytest
from systematic_analyses import Varied, both, message, one, simulated, systematic

from steelyard.configuration.schema import resolve


def test_the_embedded_analysis_is_valid(monkeypatch):
    resolve(simulated(monkeypatch))


def point(*nuisances):
    return lambda c: c["audit"].update(nuisances=list(nuisances))


def observed(**nuisances):
    return lambda c: c["observed"]["simulate"].update(nuisances=nuisances)


def simulated_effect(index, **keys):
    return lambda c: c["systematics"][index]["effects"][0].update(keys)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            systematic(2, name="gg_scal"),
            "systematics[gg_scal].name: offshell4l has no systematic 'gg_scal', which the exact likelihood needs; did "
            "you mean 'gg_scale'? (its systematics: lumi, qqZZ_norm, gg_scale, qqZZ_angle, lepton_scale)",
        ),
        (
            both(systematic(2, name="gg_scal"), lambda c: c.pop("oracle")),
            "systematics[gg_scal].name: offshell4l has no systematic 'gg_scal', which the audit needs; did you mean",
        ),
        (
            simulated_effect(2, factors={"up": "factor_gg_scale_upp"}),
            "systematics[gg_scale].effects[0].factors.up: unknown branch 'factor_gg_scale_upp' in 'factor_gg_scale_upp'"
            "; did you mean 'factor_gg_scale_up'? (branches of samples[gg]: m4l, ",
        ),
        (  # the branch is that of another sample
            simulated_effect(2, processes=["S", "NI"]),
            "2 problems\n  systematics[gg_scale].effects[0].factors.up: unknown branch 'factor_gg_scale_up' in 'fact",
        ),
        (
            lambda c: c["systematics"][3].update(effects=[{"weights": {"up": {"NI": "weight_NI*factor_qq_angle_up"}}}]),
            "systematics[qqZZ_angle].effects[0].weights.up.NI: unknown branch 'factor_qq_angle_up' in 'weight_NI*fac",
        ),
        (
            simulated_effect(4, trees={"up": "events_lepton_up", "down": "events_lepton_scale_down"}),
            "systematics[lepton_scale].effects[0].trees.up: offshell4l writes no tree 'events_lepton_up'; did you mean "
            "'events_lepton_scale_up'? (its trees: events, events_lepton_scale_up, events_lepton_scale_down)",
        ),
        (
            lambda c: c["variables"].append({"name": "m", "expression": "m4l*factor_gg_scale_up"}),
            "variables[m].expression: unknown branch 'factor_gg_scale_up' in 'm4l*factor_gg_scale_up'; ",
        ),
        (
            lambda c: c["systematics"][4].update(
                effects=[{"processes": ["NI"], "files": {"up": {"qqZZ": ["a.root"]}}}]
            ),
            "systematics[lepton_scale].effects[0].files.up.qqZZ: the sample 'qqZZ' is simulated, and has no other fi",
        ),
        (
            lambda c: c["samples"][0]["simulate"].update(nuisances={"lumi": 1}),
            "samples[gg].simulate.nuisances: a sample has no nuisance parameters; remove it: variations of a sample",
        ),
        (
            observed(gg_scal=1),
            "observed.simulate.nuisances.gg_scal: offshell4l has no systematic 'gg_scal'; did you mean 'gg_scale'?",
        ),
        (
            observed(gg_scale=6),
            "observed.simulate.nuisances.gg_scale: found 6, outside the bounds [-5, 5] of gg_scale; move it inside, or",
        ),
        (
            point({}, {"lumi": 1, "lepton": 1}),
            "audit.nuisances[1].lepton: offshell4l has no systematic 'lepton'; did you mean 'lepton_scale'?",
        ),
        (
            point({"lumi": -7}),
            "audit.nuisances[0].lumi: found -7, outside the bounds [-5, 5] of lumi; move it inside, or widen systema",
        ),
        (
            point({}, {"lumi": 1}, {"gg_scale": 0}, {"lumi": 1, "gg_scale": 0}),
            "2 problems\n  audit.nuisances[2]: the same point as audit.nuisances[0]; remove it\n  audit.nuisances[3]",
        ),
        (point(), "audit.nuisances: found []; list should have at least 1 item"),
        (
            lambda c: c.update(norm_factors=[{"name": "free", "processes": ["NI"], "nominal": 1.2}]),
            "norm_factors[free].nominal: found 1.2, and the audit simulates the yields as they are; write 1, or remove",
        ),
        (  # a norm factor is not the simulator's
            both(point({"free": 1}), lambda c: c.update(norm_factors=[{"name": "free", "processes": ["NI"]}])),
            "audit.nuisances[0].free: offshell4l has no systematic 'free'; ",
        ),
    ],
)
def test_what_a_simulator_does_not_have_is_found_before_it_runs(monkeypatch, change, expected):
    found = message(simulated(monkeypatch, change))
    assert found.startswith("my.yaml: " + expected), found
    assert len(found.splitlines()) == (3 if expected.startswith("2 problems") else 1), found


def test_a_branch_that_a_varied_tree_does_not_have(monkeypatch):
    # A selection by a branch that the nominal tree of both samples has, and the varied trees lack.
    def branches(self, sample, tree=None):
        return (*original(self, sample, tree), *(() if tree and tree != "events" else ("trigger",)))

    original = Varied.branches
    monkeypatch.setattr(Varied, "branches", branches)
    data = simulated(monkeypatch, lambda c: c.update(selection="trigger > 0"))
    expected = (
        "selection: unknown branch 'trigger' in 'trigger > 0'; branches of samples[gg], tree events_lepton_scale_up:"
    )
    one(data, expected)


def test_a_simulator_without_oracle_and_audit_may_be_varied_by_any_name(monkeypatch):
    data = simulated(monkeypatch, systematic(2, name="renormalisation"))
    for key in ("oracle", "audit"):
        data.pop(key)
    resolve(data)


def test_nuisances_of_simulated_data_may_be_unknown_to_the_model(monkeypatch):
    def change(data):
        data["systematics"] = []
        data["observed"]["simulate"]["nuisances"] = {"gg_scale": 1}
        data["audit"]["nuisances"] = [{}, {"lepton_scale": -1.5}]

    configuration = resolve(simulated(monkeypatch, change))
    assert configuration.observed.simulate.nuisances == {"gg_scale": 1.0}
    assert configuration.audit.nuisances == [{}, {"lepton_scale": -1.5}]


def test_values_of_nuisance_parameters_are_finite(monkeypatch):
    change = both(observed(gg_scale=float("nan")), point({"lumi": float("inf")}))
    lines = message(simulated(monkeypatch, change)).splitlines()
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "observed.simulate.nuisances.gg_scale",
        "audit.nuisances[0].lumi",
    ]
