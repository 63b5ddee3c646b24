import ast
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from interference import BOUNDS, coefficients
from interference_effects import inputs, shape

from steelyard.data.reference_events import ReferenceEvents
from steelyard.errors import ModelError
from steelyard.inference.fall_back import find_fall_back
from steelyard.likelihood.likelihood import Likelihood
from steelyard.model.effects import Nuisance
from steelyard.model.yield_factors import total_yield_factors
from steelyard.regions.declared_effects import Prune
from steelyard.regions.unbinned import build_model, load_model, save_model


def events(n=4):
    return ReferenceEvents(np.full(n, 1.0 / n), np.stack([np.zeros(n, dtype=int), np.arange(n)], axis=1))


def test_ratios_are_exactly_normalised():
    generator = np.random.default_rng(0)
    log_r = generator.normal(size=(4, 4))
    yields = {"S": 1.0, "SBI": 2.0, "B": 3.0, "NI": 4.0}
    model = build_model(yields, coefficients(), BOUNDS, log_r, events())
    np.testing.assert_allclose(model.weights @ model.intensities, list(yields.values()), rtol=1e-14)
    # Any other event is divided by the same numbers.
    np.testing.assert_allclose(model.event_intensities(log_r), model.intensities, rtol=1e-14)


def test_asimov_weights_add_up_to_the_expected_events(interference):
    for mu in (0.0, 0.4, 1.0, 3.0):
        kappa = np.sqrt(mu)
        total = interference.mixture.total(kappa)[0]
        assert interference.asimov_weights(mu).sum() == pytest.approx(total, rel=1e-12)


def test_round_trip_through_a_file(interference, tmp_path):
    save_model(interference, tmp_path / "model.npz")
    back = load_model(tmp_path / "model.npz")
    assert back.mixture.processes == interference.mixture.processes
    np.testing.assert_array_equal(back.intensities, interference.intensities)
    np.testing.assert_array_equal(back.asimov_weights(0.7), interference.asimov_weights(0.7))


EVENTS = 4000


@pytest.fixture(scope="module")
def given():
    return inputs(EVENTS)


@pytest.fixture(scope="module")
def shaped(given):
    return given.build()


def x():
    return (np.arange(EVENTS) + 0.5) / EVENTS


def with_effects(given, **changes):
    return replace(given, effects=replace(given.effects, **changes))


def with_declared(given, **changes):
    return with_effects(given, declared=replace(given.effects.declared, **changes))


def with_shape(given, process, *directions, log_ratios, systematic="scale", symmetrise=False):
    one = shape(process, systematic, *directions, symmetrise=symmetrise)
    return with_effects(with_declared(given, effects=(one,)), log_ratios=np.asarray(log_ratios))


def raw(given):
    return given.effects.log_ratios


def density(given, process):
    ratio = np.exp(given.log_r[:, process]) * given.events.weights
    return ratio / ratio.sum()


def test_shape_effects_are_exactly_normalised(shaped, given):
    assert shaped.systematics.terms.tolist() == [[0, 1], [1, 1], [2, 1], [2, 2], [3, 2]]
    assert shaped.log_g.dtype == np.float32
    for t, (process, _) in enumerate(shaped.systematics.terms):
        expectation = density(given, process) @ np.exp(shaped.log_g[:, t].astype(float))
        np.testing.assert_allclose(expectation, 1.0, atol=1e-7)  # float32


def test_raw_expectations_are_kept_for_the_diagnostics(shaped, given):
    assert shaped.raw_g.names[:3] == ("S-scale-up", "S-scale-down", "SBI-scale-up")
    assert shaped.raw_g.names[6:] == ("B-angle-up", "NI-angle-up")
    for v, (name, ratio) in enumerate(zip(shaped.raw_g.variations, np.exp(raw(given)).T, strict=True)):
        p = density(given, shaped.mixture.processes.index(name[0]))
        assert shaped.raw_g.mean[v] == pytest.approx(p @ ratio, rel=1e-6)
        assert shaped.raw_g.error[v] == pytest.approx(np.sqrt(p**2 @ (ratio - p @ ratio) ** 2), rel=1e-6)


def test_other_events_get_the_same_shapes(shaped, given):
    np.testing.assert_array_equal(shaped.event_shapes(raw(given)), shaped.log_g)
    np.testing.assert_array_equal(shaped.event_shapes(raw(given)[7:8]), shaped.log_g[7:8])
    assert shaped.event_shapes(np.zeros((0, 8))).shape == (0, 5, 2)
    with pytest.raises(ModelError, match=r"knows 8 variations .*, found log ratios of shape \(4000, 5, 2\)"):
        shaped.event_shapes(shaped.log_g)


def test_a_missing_side_has_no_effect(shaped):
    angle = shaped.log_g[:, shaped.systematics.terms[:, 1] == 2]
    assert (angle[..., 1] == 0.0).all() and angle[..., 0].std() > 0.1


def test_two_sides_are_made_symmetric(given):
    up, down = 0.2 * (x() - 0.3), 0.1 * np.cos(5.0 * x())
    model = with_shape(given, "B", "up", "down", log_ratios=np.stack([up, down], 1), symmetrise=True).build()
    p = density(given, 2)
    for side, sign in enumerate((1.0, -1.0)):
        half = 0.5 * sign * (up - down)
        np.testing.assert_allclose(model.log_g[:, 0, side], half - np.log(p @ np.exp(half)), atol=1e-7)


@pytest.mark.parametrize(("direction", "side"), [("up", 0), ("down", 1)])
def test_one_side_is_mirrored_where_that_is_asked_for(given, direction, side):
    shape = 0.2 * (x() - 0.3)
    model = with_shape(given, "B", direction, log_ratios=shape[:, None], symmetrise=True).build()
    p = density(given, 2)
    np.testing.assert_allclose(model.log_g[:, 0, side], shape - np.log(p @ np.exp(shape)), atol=1e-7)
    np.testing.assert_allclose(model.log_g[:, 0, 1 - side], -shape - np.log(p @ np.exp(-shape)), atol=1e-7)


def test_effects_below_the_thresholds_are_left_out_and_listed(given):
    """The scale's rms of ln g is about 0.06 on every process, the angle's 0.1; lumi moves yields by 1.7 %."""
    model = with_effects(given, prune=Prune(norm=0.02, shape=0.08)).build()
    assert model.systematics.terms.tolist() == [[2, 2], [3, 2]]
    assert not model.systematics.log_yields[:, 0].any() and model.systematics.log_yields[:, 1].any()
    listed = {(effect.effect, effect.systematic, effect.process) for effect in model.pruned}
    assert listed == {("norm", "lumi", c) for c in ("S", "SBI", "B", "NI")} | {
        ("shape", "scale", c) for c in ("S", "SBI", "B")
    }
    for effect in model.pruned:
        assert 0.0 < effect.size < effect.threshold
    # Events still come with all variations.
    full = given.build()
    np.testing.assert_array_equal(model.event_shapes(raw(given)), full.event_shapes(raw(given))[:, 3:])
    assert model.raw_g.names == full.raw_g.names


@pytest.mark.parametrize("mu", [0.0, 0.4, 3.0])
def test_asimov_weights_follow_the_nuisance_parameters(shaped, mu):
    for alpha in ({}, {"lumi": 1.0, "k_NI": 0.5}, {"scale": -1.4, "fake": 0.7}, {"angle": 2.0}):
        point = shaped.systematics.point(alpha)
        coefficients = shaped.mixture.coefficients_along(np.sqrt(mu))[0]
        expected = coefficients @ (total_yield_factors(shaped.systematics, point) * shaped.mixture.yields)
        # One shape of a process at a time: the normaliser is exact, to float32 of log g.
        assert shaped.asimov_weights(mu, alpha).sum() == pytest.approx(expected, rel=1e-7)
        np.testing.assert_array_equal(shaped.asimov_weights(mu, point), shaped.asimov_weights(mu, alpha))


def test_nominal_weights_do_not_know_of_nuisance_parameters(shaped, given):
    plain = replace(given, effects=None).build()
    np.testing.assert_array_equal(shaped.asimov_weights(0.7), plain.asimov_weights(0.7))
    with pytest.raises(ModelError, match="no nuisance parameter 'scale'"):
        plain.asimov_weights(0.7, {"scale": 1.0})


def test_negative_weights_name_the_nuisance_parameters(shaped):
    intensities = shaped.intensities.copy()
    intensities[:7, 3] = -1e4
    with pytest.raises(ModelError, match=r"^7 of 4000 .* at parameter 1, scale = -2, k_NI = 0.5 \(they carry"):
        replace(shaped, intensities=intensities).asimov_weights(1.0, {"scale": -2.0, "k_NI": 0.5})
    with pytest.raises(ModelError, match=r"at parameter 1 \(they carry"):
        replace(shaped, intensities=intensities).asimov_weights(1.0)


def test_data_carry_what_the_likelihood_needs(shaped, monkeypatch):
    seen = []
    monkeypatch.setattr(Likelihood, "of", lambda *given, **named: seen.append((given, named)))
    alpha = {"scale": 1.0, "fake": 0.5, "k_NI": 0.9}
    shaped.asimov(0.5, alpha)
    shaped.observed(shaped.intensities[:3], shaped.log_g[:3])
    (asimov, with_asimov), (observed, with_observed) = seen
    np.testing.assert_array_equal(asimov[2], shaped.asimov_weights(0.5, alpha))
    # Global observables move with the constrained parameters only.
    np.testing.assert_array_equal(with_asimov["global_observables"], [0.0, 1.0, 0.0, 0.0, 1.0])
    assert with_asimov["log_g"] is shaped.log_g and with_asimov["systematics"] is shaped.systematics
    assert observed[2] is None and with_observed["global_observables"] is None
    with pytest.raises(ModelError, match="5 shape effects"):
        shaped.observed(shaped.intensities[:3])


def test_an_interpolation_that_would_turn_negative_is_exponential_on_these_events_alone(given):
    values = np.zeros((EVENTS, 2))
    values[5:8] = [5.0, -4.0]
    extreme = with_shape(given, "B", "up", "down", log_ratios=values)
    nuisances = tuple(
        replace(nuisance, interpolation="exponential") if nuisance.name == "scale" else nuisance
        for nuisance in extreme.effects.declared.nuisances
    )
    model, safe = extreme.build(), with_declared(extreme, nuisances=nuisances).build()
    (found,) = find_fall_back(model.mixture.processes, model.systematics, model.log_g, model.densities)
    assert (found.process, found.systematic, found.events) == ("B", "scale", 3)
    weights = model.asimov_weights(0.3, {"scale": 0.5})
    assert (weights >= 0.0).all()
    # The luminosity and the yields of all processes have another interpolation than in the other model, events do not.
    first, second = (m.log_g[5:8, m.systematics.terms.tolist().index([2, 1])] for m in (model, safe))
    np.testing.assert_array_equal(first, second)
    # Observed events are treated alike.
    moderate = with_shape(given, "B", "up", "down", log_ratios=0.01 * values).build()
    log_g = moderate.event_shapes(values[4:6])
    (found,) = find_fall_back(moderate.mixture.processes, moderate.systematics, log_g)
    assert found.events == 1 and found.share is None
    assert np.isfinite(moderate.observed(moderate.intensities[4:6], log_g).value(0.5, [0, 0.4, 0, 0, 1])).all()


def nan_at(row):
    values = np.zeros((EVENTS, 1))
    values[row] = np.nan
    return values


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"log_ratios": nan_at(3)}, "variation B-scale-up is not finite on 1 of the 4000 reference events"),
        ({"log_ratios": np.full((EVENTS, 1), 1e3)}, "variation B-scale-up has mean inf"),
        ({"log_ratios": np.zeros((7, 1))}, r"found log ratios of shape \(7, 1\) where \(4000, 1\)"),
        ({"systematic": "k_NI"}, "'linear' nuisance parameter has no shape effect"),
    ],
)
def test_shapes_that_cannot_be_used_are_an_error(given, changes, message):
    with pytest.raises(ModelError, match=message):
        with_shape(given, "B", "up", **{"log_ratios": np.zeros((EVENTS, 1))} | changes).build()


def test_effects_of_other_processes_than_those_of_the_model_are_an_error(given):
    with pytest.raises(ModelError, match="the same in order"):
        with_declared(given, processes=("SBI", "S", "B", "NI")).build()


def test_a_parameter_that_nothing_determines_is_an_error(given):
    effects = given.effects
    before = effects.declared.nuisances
    for index, nuisance in ((3, before[3]), (0, Nuisance("free", constraint="free"))):
        log_yields = effects.log_yields.copy()
        log_yields[:, index] = 0.0
        changed = with_declared(given, nuisances=(*before[:index], nuisance, *before[index + 1 :]))
        with pytest.raises(ModelError, match=f"nuisance parameter {nuisance.name} has no constraint and no effect"):
            with_effects(changed, log_yields=log_yields).build()
    log_yields = effects.log_yields.copy()
    log_yields[:, 0] = 0.0
    assert len(with_effects(given, log_yields=log_yields).build().systematics) == 5  # a constraint determines lumi


def test_round_trip_of_nuisance_parameters_through_a_file(given, tmp_path):
    model = with_effects(given, prune=Prune(norm=0.02, shape=0.08)).build()
    save_model(model, tmp_path / "model.npz")
    back = load_model(tmp_path / "model.npz")
    assert back.systematics.nuisances == model.systematics.nuisances and back.pruned == model.pruned
    assert back.raw_g.variations == model.raw_g.variations
    np.testing.assert_array_equal(back.log_g, model.log_g)
    alpha = {"scale": 1.0, "angle": -2.0}
    np.testing.assert_array_equal(back.asimov_weights(0.7, alpha), model.asimov_weights(0.7, alpha))
    np.testing.assert_array_equal(back.event_shapes(raw(given)), model.event_shapes(raw(given)))


def test_a_file_without_nuisance_parameters_has_only_empty_arrays_more(interference, tmp_path):
    save_model(interference, tmp_path / "model.npz")
    before = {"header", "yields", "intensities", "weights", "mean", "error", "rows"}
    with np.load(tmp_path / "model.npz") as file:
        assert before <= set(file.files)
        for name in set(file.files) - before:
            array = file[name]
            known = name.endswith("_knots") or name.startswith("form_")  # the coefficients, known from before
            assert array.size == 0 or str(array) == "[]" or known, name
    assert len(load_model(tmp_path / "model.npz").systematics) == 0


def test_a_model_from_file_needs_no_symbolic_algebra(tmp_path, interference):
    """Some sixty jobs of a run read one, and the package takes half a second to import."""
    save_model(interference, tmp_path / "model.npz")
    kappa = np.linspace(0.0, 2.0, 5)
    lines = [
        "import sys, numpy",
        "from steelyard.regions.unbinned import load_model",
        f"mixture = load_model({str(tmp_path / 'model.npz')!r}).mixture",
        "kappa = mixture.to_coordinate(numpy.linspace(0.0, 2.0, 5) ** 2)",
        "print([mixture.coefficients_along(kappa, order).tolist() for order in range(3)])",
        "assert 'sympy' not in sys.modules",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, check=True, text=True)
    expected = [interference.mixture.coefficients_along(kappa, order) for order in range(3)]
    np.testing.assert_allclose(ast.literal_eval(done.stdout), expected, rtol=1e-15)
