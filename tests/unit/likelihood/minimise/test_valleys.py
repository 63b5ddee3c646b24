"""Nuisance parameters with two valleys: found from the effects, and each of them is looked into."""

import numpy as np
import pytest
import random_models
import valley_models as models

from steelyard.inference.fit import fit, scan
from steelyard.inference.impacts import impacts
from steelyard.inference.toy_fits import fit_toys
from steelyard.likelihood.likelihood import Likelihood
from steelyard.likelihood.minimise.valleys import enter, find_valleys, valley_signs
from steelyard.likelihood.region_events import RegionEvents
from steelyard.model.effects import Normaliser
from steelyard.model.model import Model
from steelyard.model.region import UnbinnedRegion

SAME_SIDED = models.yields_only(((1.5, 1 / 1.5), (1.09, 1.10)))
EQUAL = models.yields_only(((1.0, 1.0), (1.1, 1.1)))
DATA = (30.0, 360.0)
GRID = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0])


def valleys_of(mixture, systematics, intensities, log_g=None):
    """Of one region."""
    return find_valleys(
        Model((UnbinnedRegion("region", mixture, systematics),)), [RegionEvents(intensities, None, log_g)]
    )


def folded(*norms, **nuisance):
    systematics = models.yields_only(*[((1.0, 1.0), norm) for norm in norms], **nuisance)
    return valleys_of(models.mixture(), systematics, np.zeros((0, 2))).folded.tolist()


def test_which_yields_fold():
    assert folded((1.09, 1.10)) == folded((1.1, 1.1)) == folded((1.1, 1.0)) == folded((1.1, 0.99)) == [0]
    assert folded((1.1, 1 / 1.1)) == folded((1.2, 0.9)) == folded((1.0, 1.0)) == []
    assert folded((1.1, 1.1), (1.2, 0.8), (0.7, 0.8)) == [2, 0]  # the largest first
    assert folded((1.001, 1.001)) == []  # a third of an event where the statistical error is 17
    assert folded((1.001, 1.001), constraint="uniform") == [0]  # five times that at its bounds


def test_which_shapes_fold():
    x = np.linspace(-4.0, 4.0, 401)
    intensities, up = models.densities(x) * models.YIELDS, 0.1 * x
    systematics = models.yields_only(((1.0, 1.0), (1.0, 1.0)))
    systematics = systematics.with_effects(terms=np.array([[1, 0]]), normaliser=Normaliser.none(1))
    found = [
        valleys_of(
            models.mixture(), systematics, intensities, np.stack([up, share * up], axis=1)[:, None]
        ).folded.tolist()
        for share in (1.0, 0.5, 0.0, -0.5, -1.0)
    ]
    assert found == [[0], [0], [0], [], []]


def test_what_a_toy_does_about_them():
    def found(*norms, **nuisance):
        systematics = models.yields_only(*[((1.0, 1.0), norm) for norm in norms], **nuisance)
        valleys = valleys_of(models.mixture(), systematics, np.zeros((0, 2)))
        return [part.tolist() for part in (valleys.folded, valleys.entered, valleys.crossed, valleys.weak)]

    assert found((1.006, 1.006), (1.1, 1.1), (1.1, 0.9)) == [[1, 0], [1], [1, 0], [False, True]]
    assert found((1.006, 1.006), constraint="uniform") == [[0], [0], [0], [False]]  # nothing else holds it


def test_large_two_sided_shapes_are_crossed_where_something_is_folded():
    x = np.linspace(-4.0, 4.0, 401)
    intensities, up = models.densities(x) * models.YIELDS, np.stack([0.1 * x, -0.1 * x], axis=1)[:, None]
    crossed = []
    for down, size in ((1.1, 1.0), (0.9, 1.0), (1.1, 0.3)):
        systematics = models.yields_only(((1.0, 1.0), (1.0, 1.0)), ((1.0, 1.0), (1.1, down)))
        systematics = systematics.with_effects(terms=np.array([[1, 0]]), normaliser=Normaliser.none(1))
        crossed.append(valleys_of(models.mixture(), systematics, intensities, size * up).crossed.tolist())
    assert crossed == [[1, 0], [], [1]]


def test_starts_are_all_combinations_of_the_largest():
    np.testing.assert_array_equal(valley_signs(np.array([], dtype=int), 2), np.zeros((1, 2)))
    assert {tuple(row) for row in valley_signs(np.array([2, 0]), 3)} == {(a, 0, b) for a in (1, -1) for b in (1, -1)}
    assert valley_signs(np.arange(7), 7).shape == (8, 7)
    bounds = np.array([[-5.0, 5.0]] * 3 + [[-0.5, 5.0]])
    start = enter(np.array([0.3, -2.0, 0.2, 0.0]), np.array([1.0, -1.0, 0.0, -1.0]), bounds)
    np.testing.assert_array_equal(start, [1.0, -2.0, 0.2, -0.5])


def test_same_sided_yields_by_scan_and_by_fixed_fit():
    # Exact minima over both valleys of [1.09, 1.10]; one track from the best basin gave 10.76, 7.55, 4.96, 2.97 at
    # 0.25 to 1, and the fixed fit 2.57 at 1.25.
    likelihood = models.asimov(DATA, SAME_SIDED, distance=1.5)
    along = scan(likelihood, GRID)
    np.testing.assert_allclose(along.t, [14.80, 3.46, 0.70, 0.46, 1.23, 1.55, 0.63, 0.00], atol=0.006)
    held = [fit(likelihood, {"mu": mu}).minimum - along.fit.minimum for mu in GRID]
    np.testing.assert_allclose(held, along.t, atol=1e-4)
    assert along.fit.hat == pytest.approx(1.983, abs=1e-3) and along.not_converged == 0
    # No point lies above a basin that the fit knows.
    for mu, value in along.fit.basins:
        assert fit(likelihood, {"mu": mu}).minimum <= value + 1e-4
    brute = [models.brute_force(likelihood, mu, seed=1, starts=8) - along.fit.minimum for mu in (0.5, 1.25)]
    np.testing.assert_allclose(along.t[[2, 5]], brute, atol=1e-3)


def test_equal_yields_leave_the_saddle():
    # At alpha = 0, a saddle, mu is 1.521 and -2 ln L 5.88 higher.
    likelihood = models.asimov(DATA, EQUAL, distance=1.5)
    found = fit(likelihood)
    assert found.valid and found.covariance is not None and abs(found.alpha[0]) > 1.0
    assert found.hat == pytest.approx(1.143, abs=1e-3)
    saddle = fit(likelihood, {"n0": 0.0})
    assert saddle.minimum - found.minimum == pytest.approx(5.88, abs=0.01)
    assert found.minimum == pytest.approx(models.brute_force(likelihood, None, seed=1, starts=8), abs=1e-4)
    along = scan(likelihood, GRID)
    assert along.not_converged == 0
    held = [fit(likelihood, {"mu": mu}).minimum - along.fit.minimum for mu in GRID]
    np.testing.assert_allclose(held, along.t, atol=1e-4)


def test_impacts_look_across_the_ridge():
    # The shift by +1 makes the other valley the deeper one: the impact is that of the complete fit.
    likelihood = models.asimov(DATA, EQUAL, distance=1.5, observed=np.array([-0.3]))
    result = impacts(likelihood)
    moved = models.asimov(DATA, EQUAL, distance=1.5, observed=np.array([0.7]))
    assert result.impacts[0].up == pytest.approx(fit(moved).hat - result.hat, abs=1e-4)


@pytest.mark.parametrize("systematics", [SAME_SIDED, EQUAL])
def test_toys_end_in_the_deeper_valley(systematics):
    x = np.linspace(-5.0, 5.0, 801)
    p = models.densities(x, 1.5)
    analysis = random_models.Analysis(
        models.mixture(), systematics, p * models.YIELDS, np.zeros((801, 0, 2), np.float32), np.full(801, x[1] - x[0])
    )
    rows, offsets, observed = analysis.throw(0.5, 25, np.random.default_rng(3))
    fits = fit_toys(analysis.mixture, analysis.intensities, offsets, 0.5, systematics, None, observed, rows)
    for toy in range(25):
        chosen = rows[offsets[toy] : offsets[toy + 1]]
        likelihood = Likelihood.of(
            analysis.mixture, analysis.intensities[chosen], None, systematics, None, observed[toy]
        )
        deepest, at_test = (models.brute_force(likelihood, mu, toy, starts=20) for mu in (None, 0.5))
        assert fits.t[toy] == pytest.approx(at_test - deepest, abs=1e-3)


@pytest.mark.parametrize("kind", models.KINDS[:4])
@pytest.mark.parametrize("seed", range(5))
def test_random_models_have_no_deeper_minimum(kind, seed):
    assert models.compare(seed, kind, starts=12) == []


@pytest.mark.parametrize("kind, seed", [("equal", 3005), ("same-sided", 3001), ("one-sided", 3003)])
def test_random_models_with_several_shapes(kind, seed):
    # In the first, from the minimum in one valley of the folded parameter a two-sided shape has to turn for another.
    assert models.compare(seed, kind, starts=12, together=True) == []


def weakly_folded(up: float, down: float, scale: float = 1.0):
    """An analysis with a small yield effect, and 40 toys of ``scale`` times its events."""
    systematics = models.yields_only(((1.01, 1 / 1.01), (up, down)))
    x = np.linspace(-5.0, 5.0, 801)
    intensities, no_shapes = models.densities(x, 1.5) * models.YIELDS, np.zeros((801, 0, 2), np.float32)
    analysis = random_models.Analysis(models.mixture(), systematics, intensities, no_shapes, np.full(801, x[1] - x[0]))
    thrown = models.replace(analysis, weights=scale * analysis.weights).throw(0.5, 40, np.random.default_rng(4))
    rows, offsets, observed = thrown
    return analysis, thrown, fit_toys(analysis.mixture, intensities, offsets, 0.5, systematics, None, observed, rows)


def test_weak_effects_cost_a_toy_little():
    folded, opposite = (weakly_folded(1.007, down)[2].evaluations.mean() for down in (1.007, 1 / 1.007))
    assert folded < opposite + 6.0  # four gradients, and now and then a search; two valleys cost 60


def test_weak_effects_are_entered_where_the_data_pull():
    # A quarter more events than expected, over four standard deviations: there are two valleys, and 4 of these 40 toys
    # end in the wrong one, by up to 0.67, where only one is looked into.
    analysis, (rows, offsets, observed), fits = weakly_folded(1.0115, 1.004, 1.25)
    assert valleys_of(analysis.mixture, analysis.systematics, analysis.intensities).entered.size == 0
    for toy in range(40):
        chosen = rows[offsets[toy] : offsets[toy + 1]]
        likelihood = Likelihood.of(
            analysis.mixture, analysis.intensities[chosen], None, analysis.systematics, None, observed[toy]
        )
        deepest, at_test = (models.quick_force(likelihood, mu, toy, starts=8).value for mu in (None, 0.5))
        assert fits.t[toy] == pytest.approx(at_test - deepest, abs=1e-3)


@pytest.mark.parametrize("expected", [1e3, 1e6])
def test_no_toy_fails_for_its_number_of_events(expected):
    # With a tolerance that does not know of their number, a third of the toys of 1e6 events end as not converged.
    systematics = models.yields_only(((1.05, 1 / 1.05), (1.02, 1 / 1.02)), ((1.03, 1 / 1.03), (0.98, 1 / 0.98)))
    x, yields = np.linspace(-5.0, 5.0, 4001), np.array([0.1, 0.9]) * expected
    intensities, no_shapes = models.densities(x, 1.5) * yields, np.zeros((4001, 0, 2), np.float32)
    mixture = models.mixture(yields)
    analysis = random_models.Analysis(mixture, systematics, intensities, no_shapes, np.full(4001, x[1] - x[0]))
    rows, offsets, observed = analysis.throw(1.0, 10, np.random.default_rng(2))
    fits = fit_toys(mixture, intensities, offsets, 1.0, systematics, None, observed, rows)
    assert fits.status.max() <= 1 and np.isfinite(fits.t).all()
