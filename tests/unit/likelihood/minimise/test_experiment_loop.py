"""Profile fits of odd toys: each ends with a defined status, and a result only where there is one."""

from dataclasses import replace

import numpy as np
import pytest
import random_models

from steelyard.inference.toy_fits import Status, fit_toys
from steelyard.likelihood.likelihood import Likelihood
from steelyard.model.coefficients import Coefficients
from steelyard.model.effects import Normaliser, Nuisance, Systematics
from steelyard.model.mixture import Mixture

FITTED = (Status.CONVERGED, Status.AT_BOUND)


@pytest.fixture(scope="module")
def analysis():
    return random_models.analysis(nuisances=3, seed=11, shape=0.08, norm=0.05)


def fit(analysis, rows, offsets, mu=1.0, observed=None, **changes):
    given = {"mixture": analysis.mixture, "intensities": analysis.intensities, "systematics": analysis.systematics}
    given |= {"log_g": analysis.log_g} | changes
    return fit_toys(
        given["mixture"],
        given["intensities"],
        np.asarray(offsets),
        mu,
        given["systematics"],
        given["log_g"],
        observed,
        np.asarray(rows, dtype=np.int64),
    )


def counting(signal, background, coefficient="mu", nuisances=(), log_yields=None):
    """A mixture of two processes in one bin, with nuisance parameters of yields."""
    mixture = Mixture(
        ("s", "b"), Coefficients(["mu"], [coefficient, "1"], {"mu": 1.0}), np.array([signal, background]), (0.0, 5.0)
    )
    systematics = Systematics.of(
        tuple(nuisances),
        np.zeros((2, len(nuisances), 2)) if log_yields is None else np.asarray(log_yields, dtype=float),
        np.zeros((2, len(nuisances)), dtype=bool),
        np.zeros((0, 2), dtype=np.int64),
    )
    return mixture, systematics


def test_experiments_do_not_depend_on_threads_nor_on_company(analysis):
    rows, offsets, observed = analysis.throw(1.0, 40, np.random.default_rng(0))
    arguments = (
        analysis.mixture,
        analysis.intensities,
        offsets,
        1.0,
        analysis.systematics,
        analysis.log_g,
        observed,
        rows,
    )
    one, many = fit_toys(*arguments), fit_toys(*arguments, threads=3)
    last = fit(analysis, rows[offsets[-2] :], [0, offsets[-1] - offsets[-2]], observed=observed[-1:])
    for name in ("t", "hat", "status", "alpha", "conditional", "edm"):
        np.testing.assert_array_equal(getattr(one, name), getattr(many, name))
        np.testing.assert_array_equal(getattr(one, name)[-1:], getattr(last, name))


def test_bounds_are_respected_and_reached(analysis):
    narrow = replace(
        analysis.systematics,
        nuisances=tuple(replace(nuisance, bounds=(-0.3, 0.2)) for nuisance in analysis.systematics.nuisances),
    )
    tight = replace(analysis.mixture, bounds=(0.5, 1.2))
    tight = replace(tight, coefficients=replace(tight.coefficients, lower=0.0))
    rows, offsets, observed = analysis.throw(1.0, 60, np.random.default_rng(1))
    fits = fit(analysis, rows, offsets, observed=observed, mixture=tight, systematics=narrow)
    assert np.isin(fits.status, FITTED).all()
    for alpha in (fits.alpha, fits.conditional):
        assert alpha.min() == -0.3 and alpha.max() == 0.2
    assert fits.hat.min() == pytest.approx(0.5) and fits.hat.max() == pytest.approx(1.2)
    assert fits.hat.min() >= 0.5 - 1e-12 and fits.hat.max() <= 1.2 + 1e-12
    at_bound = (np.abs(fits.hat - 0.5) < 1e-12) | (np.abs(fits.hat - 1.2) < 1e-12)
    np.testing.assert_array_equal(fits.status == Status.AT_BOUND, at_bound)


@pytest.mark.parametrize("negative", [1, 2, 8])
def test_no_valid_start_is_a_failure(analysis, negative):
    """Also where the negative densities are even in number, and their product is positive."""
    rows = np.arange(40)
    intensities = analysis.intensities[:40].copy()
    intensities[:negative] = [0.0, 0.0, 0.0, -1.0]
    fits = fit(analysis, rows, [0, 40, 40], intensities=intensities, log_g=analysis.log_g[:40])
    assert list(fits.status) == [Status.NO_VALID_START, fits.status[1]] and fits.status[1] in FITTED
    assert np.isnan(fits.t[0]) and np.isnan(fits.hat[0])
    assert np.isfinite(fits.t[1])


def test_what_is_forbidden_at_the_tested_value_alone_is_said_so(analysis):
    intensities = analysis.intensities[:40].copy()
    intensities[0] = [-100.0, 0.0, 0.0, 10.0]
    fits = fit(analysis, np.arange(40), [0, 40], mu=9.0, intensities=intensities, log_g=analysis.log_g[:40])
    assert fits.status[0] == Status.NEGATIVE_AT_TEST
    assert np.isnan(fits.t[0])
    assert 0.0 <= fits.hat[0] < 9.0  # the global fit has a result, which is kept


def test_no_fit_ends_where_a_density_is_negative():
    """Noisy ratios: a fifth of the events have a density that is negative somewhere in the range."""
    analysis = random_models.analysis(nuisances=2, seed=12, shape=0.05)
    generator = np.random.default_rng(3)
    intensities = analysis.intensities * generator.normal(1.0, 0.5, size=analysis.intensities.shape)
    mixture, systematics = analysis.mixture, analysis.systematics
    sizes = generator.integers(1, 60, size=300)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    rows = generator.integers(len(intensities), size=offsets[-1])
    fits = fit(analysis, rows, offsets, intensities=intensities)
    seen = set()
    for toy in range(len(sizes)):
        chosen = rows[offsets[toy] : offsets[toy + 1]]
        data = Likelihood.of(mixture, intensities[chosen], None, systematics, analysis.log_g[chosen])
        seen.add(Status(fits.status[toy]))
        grid = data.value(np.linspace(*mixture.coordinate_bounds, 33))
        if fits.status[toy] in FITTED:
            best = data.value(mixture.to_coordinate(fits.hat[toy]), fits.alpha[toy])[0]
            at_test = data.value(1.0, fits.conditional[toy])[0]
            assert np.isfinite(best) and np.isfinite(at_test)
            assert fits.t[toy] == pytest.approx(at_test - best, abs=1e-4)
            assert best <= grid.min() + 1e-4
        else:
            assert np.isnan(fits.t[toy])
        if fits.status[toy] == Status.NO_VALID_START:
            assert not np.isfinite(grid).any()
    assert {Status.CONVERGED, Status.NO_VALID_START, Status.NEGATIVE_AT_TEST} <= seen


def test_empty_and_one_event_toys(analysis):
    fits = fit(analysis, [1234, 7], [0, 0, 1, 1, 2])
    assert list(fits.events) == [0, 1, 0, 1]
    assert np.isin(fits.status, FITTED).all() and np.isfinite(fits.t).all()
    assert fits.t[0] == fits.t[2]
    # No event: 2 nu(mu, alpha) + alpha^2, nowhere in the neighbourhood lower than at the best fit.
    data = Likelihood.of(analysis.mixture, analysis.intensities[:0], None, analysis.systematics, analysis.log_g[:0])
    value = data.value(analysis.mixture.to_coordinate(fits.hat[0]), fits.alpha[0])[0]
    generator = np.random.default_rng(5)
    away = np.concatenate(
        [fits.alpha[:1], np.clip(generator.normal(scale=0.5, size=(200, 3)) + fits.alpha[0], -5.0, 5.0)]
    )
    kappa = np.linspace(*analysis.mixture.coordinate_bounds, 101)
    assert min(data.value(kappa, alpha).min() for alpha in away) >= value - 1e-6


def test_a_nuisance_parameter_without_effect_changes_nothing(analysis):
    old = analysis.systematics
    more = old.with_effects(
        nuisances=(*old.nuisances, Nuisance("idle")),
        log_yields=np.concatenate([old.log_yields, np.zeros((4, 1, 2))], axis=1),
        factors=np.concatenate([old.factors, np.zeros((4, 1), dtype=bool)], axis=1),
    )
    rows, offsets, observed = analysis.throw(1.0, 30, np.random.default_rng(6))
    thrown = np.linspace(-2.0, 2.0, 30)
    without = fit(analysis, rows, offsets, observed=observed)
    fits = fit(analysis, rows, offsets, observed=np.column_stack([observed, thrown]), systematics=more)
    np.testing.assert_array_equal(fits.status, without.status)
    np.testing.assert_allclose(fits.t, without.t, atol=1e-5)
    np.testing.assert_allclose(fits.alpha[:, -1], thrown, atol=1e-6)
    np.testing.assert_allclose(fits.conditional[:, -1], thrown, atol=1e-6)


def test_two_identical_nuisance_parameters_without_constraints():
    """Only their sum means anything: the Hessian is singular, and t is that of one of them."""
    analysis = random_models.analysis(nuisances=1, seed=13, shape=0.1, norm=0.1, kinds=("exponential",))
    old = analysis.systematics
    single = replace(old, nuisances=(replace(old.nuisances[0], constraint="free", bounds=(-4.0, 4.0)),))
    member = replace(single.nuisances[0], bounds=(-2.0, 2.0))
    terms = np.array([(c, k) for c in range(4) for k in range(2)])
    normaliser = Normaliser.none(8)
    double = Systematics.of(
        (replace(member, name="one"), replace(member, name="two")),
        np.repeat(old.log_yields, 2, axis=1),
        np.zeros((4, 2), dtype=bool),
        terms,
        normaliser,
    )
    # An exponential shape with log g- = -log g+ is exactly exp(alpha log g+), and two of them are one of the sum.
    odd = analysis.log_g.copy()
    odd[:, :, 1] = -odd[:, :, 0]
    yields = np.stack([old.log_yields[..., 0], -old.log_yields[..., 0]], axis=-1)
    single = single.with_effects(log_yields=yields, normaliser=Normaliser.none(4))
    double = double.with_effects(log_yields=np.repeat(yields, 2, axis=1))
    rows, offsets, _ = analysis.throw(1.0, 30, np.random.default_rng(7))
    one = fit(analysis, rows, offsets, systematics=single, log_g=odd)
    two = fit(analysis, rows, offsets, systematics=double, log_g=np.repeat(odd, 2, axis=1))
    assert np.isin(one.status, FITTED).all()
    np.testing.assert_array_equal(two.status, one.status)
    np.testing.assert_allclose(two.t, one.t, atol=1e-4)
    np.testing.assert_allclose(two.alpha.sum(axis=1), one.alpha[:, 0], atol=5e-3)


def test_best_fit_at_zero():
    mixture, systematics = counting(10.0, 50.0, nuisances=[Nuisance("b")], log_yields=[[[0, 0]], [[0.05, -0.05]]])
    intensities = np.tile(mixture.yields, (40, 1))
    fits = fit_toys(mixture, intensities, np.array([0, 40]), 0.0, systematics)
    assert fits.hat[0] == 0.0 and fits.t[0] == 0.0 and fits.status[0] == Status.AT_BOUND
    np.testing.assert_array_equal(fits.alpha, fits.conditional)
    higher = fit_toys(mixture, intensities, np.array([0, 40]), 1.0, systematics)
    assert higher.hat[0] == 0.0 and higher.t[0] > 0.0 and higher.status[0] == Status.AT_BOUND


@pytest.mark.parametrize("nuisances", [(), (Nuisance("b"),), (Nuisance("b", constraint="free"),)])
def test_a_flat_likelihood_has_t_zero(nuisances):
    """A signal that is not there: every value of the parameter is as good, and the first of them is taken."""
    mixture, systematics = counting(
        0.0, 50.0, nuisances=nuisances, log_yields=np.full((2, len(nuisances), 2), [0.05, -0.05])
    )
    intensities = np.tile([0.0, 50.0], (47, 1))
    fits = fit_toys(mixture, intensities, np.array([0, 47, 47]), 2.0, systematics)
    assert np.isin(fits.status, FITTED).all()
    np.testing.assert_allclose(fits.t, 0.0, atol=1e-9)
    assert ((fits.hat >= 0.0) & (fits.hat <= 5.0)).all()


def test_toys_without_an_allowed_value_between_toys_with_one(analysis):
    """What one toy leaves behind does not reach the next."""
    rows, offsets, observed = analysis.throw(1.0, 3, np.random.default_rng(8))
    intensities = np.concatenate([analysis.intensities, [[0.0, 0.0, 0.0, -1.0]]])
    log_g = np.concatenate([analysis.log_g, analysis.log_g[:1]])
    rows[offsets[1]] = len(analysis.intensities)
    fits = fit(analysis, rows, offsets, observed=observed, intensities=intensities, log_g=log_g)
    assert fits.status[1] == Status.NO_VALID_START and np.isnan(fits.t[1])
    alone = [
        fit(analysis, rows[offsets[i] : offsets[i + 1]], [0, offsets[i + 1] - offsets[i]], observed=observed[i : i + 1])
        for i in (0, 2)
    ]
    np.testing.assert_array_equal(fits.t[[0, 2]], [single.t[0] for single in alone])
