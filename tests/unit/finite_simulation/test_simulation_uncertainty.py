"""sigma_MC of given data against finite differences, regenerated simulation, and a bootstrap that does not see it."""

from dataclasses import replace

import interference
import interference_effects
import numpy as np
import pytest
from histogram_classifier import COMPOSITION, TRUE, YIELDS, densities_of, drawn, model_of, ratios_of

from steelyard.data.store import SampleInfo
from steelyard.errors import ModelError
from steelyard.finite_simulation.functional_derivative import ExpectedData
from steelyard.finite_simulation.influence import SimulatedEvents
from steelyard.finite_simulation.member_scatter import MemberRatios, MemberScatter
from steelyard.finite_simulation.reference_error import Components, reference_error
from steelyard.finite_simulation.result_functional import GivenData
from steelyard.finite_simulation.result_variances import Measurement, Simulation
from steelyard.finite_simulation.simulated_yields import SimulatedYields
from steelyard.finite_simulation.simulation_uncertainty import (
    SOURCES,
    SimulationUncertainty,
    simulation_uncertainty,
)
from steelyard.inference.fit import Fit, Scan, fit, scan
from steelyard.io.serialisation import from_data, to_data
from steelyard.likelihood.likelihood import Likelihood

# Far enough from the best fit that a scatter of mu_hat by 0.13 leaves the sign of the slope alone.
GRID = np.array([0.0, 0.1, 0.3, 2.0, 3.0])
NOTHING = np.zeros(0)
ALPHA = np.array([0.5, 0.7, -1.2, 0.3, 1.1])
HERE = np.array([-0.3, 0.4, 0.6, -0.2, 0.9])


def events_of(model, training=1.0, **changes):
    """The equidistant reference events as simulated ones: of every process at once, as with soft labels."""
    samples = np.zeros(len(model.weights), dtype=int)
    return SimulatedEvents(model.densities / model.mixture.yields, COMPOSITION, ("gg",), samples, training, **changes)


class TestFunctionals:
    """Derivatives of t of weights that stay, by finite differences."""

    def test_densities(self):
        model = interference_effects.inputs(2_000).build()
        best = ExpectedData.at(model, 0.8, HERE)
        x = (np.arange(2_000) + 0.5) / 2_000
        data = model.weights * best.intensity

        def change_of_t(mu, moved):
            t = 0.0
            for sign, (value, alpha) in ((1.0, (mu, ALPHA)), (-1.0, (0.8, HERE))):
                own = ExpectedData.at(moved, value, alpha)
                t += sign * 2.0 * (own.factors.sum() - data @ np.log(own.intensity))
            return t

        for mu in (0.1, 2.5):
            functional = GivenData(best).of_t(mu, ALPHA, NOTHING)
            for c in range(4):
                share = model.weights * model.intensities[:, c] / model.mixture.yields[c]
                change = np.cos(3.0 * x + c)
                change -= share @ change
                t = []
                for step in (1e-4, -1e-4):
                    intensities = model.intensities.copy()
                    intensities[:, c] *= 1.0 + step * change
                    t.append(change_of_t(mu, replace(model, intensities=intensities)))
                expected = share @ (functional.fixed[:, c] * change)
                assert (t[0] - t[1]) / 2e-4 == pytest.approx(expected, rel=1e-5, abs=1e-5)

    def test_reference_and_yields_of_observed_events(self):
        model = interference_effects.inputs(2_000).build()
        rows = np.random.default_rng(3).choice(2_000, 300)
        data = model.observed(model.intensities[rows], model.log_g[rows])
        functional = GivenData(ExpectedData.at(model, 0.8, HERE), data).of_t(2.5, ALPHA, NOTHING)

        def t(likelihood):
            return likelihood.at([2.5, *ALPHA]).value - likelihood.at([0.8, *HERE]).value

        for c in range(4):
            t_of = []
            for step in (
                1e-4,
                -1e-4,
            ):  # all ratios of a process by a factor are what another ln nu_c is, but for its sum
                yields = model.mixture.yields.copy()
                yields[c] *= 1.0 + step
                mixture = replace(model.mixture, yields=yields)
                intensities = data.intensities.copy()
                intensities[:, c] *= 1.0 + step
                t_of.append(
                    t(Likelihood.of(mixture, intensities, None, model.systematics, data.log_g, data.global_observables))
                )
            assert (t_of[0] - t_of[1]) / 2e-4 == pytest.approx(functional.yields[c], rel=1e-6, abs=1e-6)

    def test_the_reference_is_that_of_the_reference_error(self):
        model = interference.model(3_000)
        events = events_of(model)
        found = scan(model.asimov(1.0), GRID)
        result = simulation_uncertainty(model, found, events)
        components = Components(events.densities * COMPOSITION)
        known = reference_error(model, model.asimov(1.0), found, components, True)
        assert result.sources["reference"] == pytest.approx(known.sigma_t, rel=1e-9)
        assert result.hat_sources["reference"] == pytest.approx(known.sigma_hat, rel=0.01)  # by steps of other lengths

    def test_mu_hat_follows_a_density_as_the_functional_says(self):
        model = interference.model(4_000)
        data, best = model.asimov_weights(1.0), fit(model.asimov(1.0))
        functional = GivenData(ExpectedData.at(model, 1.0)).of_hat(best)
        x = (np.arange(4_000) + 0.5) / 4_000
        share = model.densities[:, 1] / model.mixture.yields[1]
        change = np.cos(2.0 * np.pi * x)
        change -= share @ change
        moved = []
        for step in (0.01, -0.01):
            intensities = model.intensities.copy()
            intensities[:, 1] *= 1.0 + step * change
            moved.append(fit(Likelihood.of(model.mixture, intensities, data)).hat)
        assert (moved[0] - moved[1]) / 0.02 == pytest.approx(share @ (functional.fixed[:, 1] * change), rel=0.02)


MIXTURE = interference.model(100).mixture
LIKELY = np.linspace(0.4, 1.7, 521)


def dense(ratios, mu=GRID):
    """t, mu_hat and its error of the exact expected data at mu = 1, bin by bin, with ratios (BINS, C)."""
    intensities = TRUE * YIELDS @ MIXTURE.coefficients_along(1.0)[0]

    def value(kappa):
        coefficients = MIXTURE.coefficients_along(kappa)
        return 2.0 * coefficients @ YIELDS - 2.0 * np.log(ratios * YIELDS @ coefficients.T).T @ intensities

    grid = value(LIKELY)
    place = int(np.argmin(grid[1:-1])) + 1
    before, here, after = grid[place - 1 : place + 2]
    bend, step = before - 2.0 * here + after, LIKELY[1] - LIKELY[0]
    kappa = LIKELY[place] + 0.5 * (before - after) / bend * step
    least = here - 0.125 * (before - after) ** 2 / bend
    return value(np.sqrt(mu)) - least, kappa**2, 2.0 * kappa * step * np.sqrt(2.0 / bend)


def regenerated(number, seed):
    """Learned minus exact t and mu_hat of the fixed data, and the uncertainty, of one newly drawn simulation."""
    rng = np.random.default_rng(seed)
    counts, (bins, processes, densities) = drawn(number, rng), densities_of(drawn(number, rng))
    learned, weights = ratios_of(np.maximum(counts, 1e-9) / number), densities @ COMPOSITION
    model = model_of(learned, bins, weights)
    t, hat, error = dense(learned / (weights @ learned[bins]))
    found = Fit(hat, 0.0, True, 0.0, False, ((hat, 0.0),), error, covariance=[[error**2]])
    events = SimulatedEvents(densities, COMPOSITION, interference.PROCESSES, processes, 1.0)
    rows = np.arange(0, len(bins), 10)  # a histogram has no scatter of its own: two members of it are the same
    members = MemberRatios(rows, (np.zeros((2, len(rows))),) * 4)
    exact = dense(ratios_of(TRUE))
    result = simulation_uncertainty(model, Scan(GRID, t, float(t[0]), found), events, members)
    return np.append(t - exact[0], hat - exact[1]), result, counts


@pytest.fixture(scope="module")
def found():
    return [regenerated(4_000, seed) for seed in range(60)]


def first_order(results):
    """sigma of sample and reference together, of t and of mu_hat (R, G + 1)."""
    return np.array(
        [
            np.hypot(
                np.append(result.sources["sample"], result.hat_sources["sample"]),
                np.append(result.sources["reference"], result.hat_sources["reference"]),
            )
            for result in results
        ]
    )


class TestRegeneratedSimulation:
    """60 regenerations of training and reference samples, 4,000 events a process each; one dense data set."""

    def test_the_scatter_of_t_and_of_mu_hat_is_predicted(self, found):
        errors = np.array([error for error, _, _ in found])
        predicted = np.sqrt(np.mean(first_order([result for _, result, _ in found]) ** 2, axis=0))
        # 60 numbers give a standard deviation to 1/sqrt(118) = 9.2 %, 3 of which are 28 %.
        assert errors.std(axis=0, ddof=1) / predicted == pytest.approx(1.0, abs=0.28)

    def test_pulls_have_the_width_one(self, found):
        pulls = np.array([error / np.append(r.shift_t, _without_noise(r)) for error, r, _ in found])
        assert np.sqrt(np.mean(pulls**2, axis=0)) == pytest.approx(1.0, abs=0.28)

    def test_what_a_bootstrap_of_the_members_misses(self, found):
        """The networks of an ensemble, each trained on a bootstrap of the same events, and a second bootstrap of these
        networks: the uncertainty of their mean falls with their number to nothing, while the sample's stays (the claim
        of arXiv:2505.19156 about such a procedure)."""
        _, result, counts = found[0]
        truth = np.std([error[0] for error, _, _ in found], ddof=1)
        rng, number = np.random.default_rng(11), 400
        members = rng.poisson(counts, (number, *counts.shape))
        ratios = np.array([ratios_of(np.maximum(own, 1e-9) / own.sum(axis=0)) for own in members])
        weights = TRUE @ COMPOSITION
        spread = []
        for _ in range(60):
            mean = ratios[rng.integers(0, number, number)].mean(axis=0)
            spread.append(dense(mean / (weights @ mean))[0][0])
        # sqrt(1/400) of the sample's part is 5 % of the scatter at most; 60 numbers know it to 9 %.
        assert np.std(spread, ddof=1) < 0.07 * truth
        assert first_order([result])[0, 0] == pytest.approx(truth, rel=0.28)


def _without_noise(result):
    return np.sqrt(result.sigma_hat**2 - result.hat_sources["noise"] ** 2)


class TestNoise:
    def test_data_of_finite_size_see_the_noise_of_single_events(self):
        """Members that differ by noise without a pattern: no functional sees it, and every data set does."""
        model = interference.model(20_000)
        rng, size = np.random.default_rng(5), 0.05
        log_r = [np.log(model.intensities[:, c] / model.mixture.yields[c]) for c in range(4)]
        noisy = [values + size * rng.normal(size=(4, 20_000)) for values in log_r]
        members = MemberRatios(np.arange(20_000), tuple(noisy))
        best = ExpectedData.at(model, 1.0)
        response = best.response(0.1, NOTHING)
        terms = GivenData(best).of_t(0.1, NOTHING, NOTHING).terms
        single = MemberScatter.of(model, members).single_noise(terms, best.intensity)
        # Variance of u with the four ratios off by size of theirs, independently.
        slopes = response.kernel * model.intensities / model.mixture.yields / best.intensity[:, None]
        expected = (model.weights * best.intensity) @ (slopes**2).sum(axis=1) * size**2
        assert single == pytest.approx(expected, rel=0.05)
        data = rng.poisson(best.intensity * model.weights, (400, 20_000))
        u = (slopes * size * rng.normal(size=slopes.shape)).sum(axis=1)
        # One network's noise on 400 data sets; their variance is known to 7 %.
        assert np.var(2.0 * data @ u) == pytest.approx(4.0 * expected, rel=0.25)


class TestYields:
    """Through the functional of a mixture with one simulated yield, nu of process 1."""

    @staticmethod
    def _relative(weights, generated):
        """sigma of ln nu_1 by the events of the unseen side, with as many on the training side."""
        number = len(weights)
        model = interference.model(number)
        densities = np.zeros((number, 4))
        densities[:, 1] = weights / weights.sum()
        events = SimulatedEvents(densities, COMPOSITION, ("a",), np.zeros(number, dtype=int), 1.0)
        info = SampleInfo("a", ("SBI",), (), (), generated, 2 * number, {"SBI": 2.0 * weights.sum()}, {}, {}, ())
        best = ExpectedData.at(model, 1.0)
        functional = replace(GivenData(best).of_t(0.1, NOTHING, NOTHING), yields=np.array([0.0, 1.0, 0.0, 0.0]))
        yields = SimulatedYields.of([info], interference.PROCESSES)
        return np.sqrt(Simulation(model, events, yields=yields).variances(functional, best.intensity).yields)

    def test_equal_weights_without_a_selection_have_no_error(self):
        # All 2,000 events of one weight: the yield is their number times it, whatever is drawn.
        assert self._relative(np.full(1_000, 0.5), 2_000) == pytest.approx(0.0, abs=1e-9)

    def test_a_configured_yield_has_none(self):
        info = SampleInfo("a", ("c",), (), (), 10, 10, {"c": 3.0}, {}, {}, ())
        assert SimulatedYields.of([info], ["c"], ["c"]).simulated.tolist() == [False]

    def test_regenerated_weights_scatter_by_it(self):
        """A quarter of 4,000 events is selected, with weights of two sizes; regenerated 1,000 times."""
        rng = np.random.default_rng(2)
        kept = rng.random((1_000, 4_000)) < 0.25
        totals = (kept * rng.choice([0.5, 1.5], (1_000, 4_000))).sum(axis=1)
        weights = np.where(np.arange(500) % 2 == 0, 0.5, 1.5)
        # 1,000 numbers give a standard deviation to 2.2 %.
        assert self._relative(weights, 4_000) == pytest.approx(np.std(totals) / totals.mean(), rel=0.07)


class TestReasons:
    @staticmethod
    def _with(fit_):
        model = interference.model(1_000)
        found = scan(model.asimov(1.0), GRID)
        return simulation_uncertainty(model, replace(found, fit=replace(found.fit, **fit_)), events_of(model))

    def test_a_best_fit_on_a_bound_has_no_uncertainty(self):
        result = self._with({"hat": 0.0, "at_bound": True, "uncertainty": None, "covariance": None})
        assert result.sigma_hat is None and "on a bound" in result.reason
        assert result.hat_sources == {} and np.isfinite(result.sigma_t).all()

    def test_across_basins_there_is_none(self):
        result = self._with({"basins": ((1.0, 0.0), (0.1, 1e-3)), "minimum": 0.0})
        assert result.sigma_hat is None and "another minimum, at 0.1" in result.reason
        assert self._with({"basins": ((1.0, 0.0), (0.1, 1e3)), "minimum": 0.0}).sigma_hat > 0.0

    def test_events_of_another_reference_are_refused(self):
        model = interference.model(1_000)
        with pytest.raises(ModelError, match="100 simulated events and 1000 reference events"):
            simulation_uncertainty(model, scan(model.asimov(1.0), GRID), events_of(interference.model(100)))


def test_a_part_of_the_events_is_enough():
    model = interference_effects.inputs(8_000).build()
    found = scan(model.asimov(1.0), GRID)
    events = events_of(model, labelled=_hard(model))
    whole, part = (simulation_uncertainty(model, found, events, number=number) for number in (8_000, 2_000))
    for name in ("sample", "reference"):  # sums of 2,000 squares: to 2 or 3 %
        assert part.sources[name] == pytest.approx(whole.sources[name], rel=0.15, abs=1e-6)


def _hard(model):
    """One process for each event at random, with its weights raised so that the densities keep their sums."""
    densities = model.densities / model.mixture.yields
    chosen = np.random.default_rng(1).integers(0, 4, len(densities))
    hard = np.where(np.arange(4) == chosen[:, None], densities, 0.0)
    return hard / hard.sum(axis=0)


class TestMeasurement:
    """Gaussian numbers: d = L + ref, and z = L + 2R + noise, of which the noise shares events with ref."""

    def test_is_the_conditional_distribution(self):
        rng, size = np.random.default_rng(9), 400_000
        learned, reference, noise = rng.normal(size=(3, size)) * np.array([1.5, 0.8, 1.0])[:, None]
        noise -= 0.5 * reference  # cov(noise, ref) = -kappa
        error, z = learned + reference, learned + noise
        given = np.abs(z - 1.2) < 0.02  # some 1,300 of them: a mean to 0.03, a square to 5 %
        found = Measurement(
            prior=2.25, reference=0.64, measured=1.2, unseen=1.0 + 0.25 * 0.64, shared=0.5 * 0.64
        ).error()
        assert found[0] == pytest.approx(error[given].mean(), abs=0.12)
        assert found[1] == pytest.approx(np.mean(error[given] ** 2), rel=0.2)

    def test_the_second_order_is_what_calibrated_networks_miss(self):
        # z = 0 with little noise: the error of the learned densities is orthogonal to them, and t low by R.
        calibrated = Measurement(prior=1e-6, reference=0.0, measured=0.0, unseen=1e-6, second=0.3).error()
        unrestrained = Measurement(prior=1e-6, reference=0.0, measured=0.6, unseen=1e-6, second=0.3).error()
        assert calibrated == pytest.approx((-0.3, 0.09), rel=1e-3)
        assert unrestrained == pytest.approx((0.3, 0.09), rel=1e-3)

    def test_a_bias_is_seen_as_it_is(self):
        bias, square = Measurement(prior=1.0, reference=0.0, measured=100.0, unseen=1.0).error()
        assert bias == pytest.approx(100.0, rel=0.02) and np.sqrt(square) == pytest.approx(100.0, rel=0.02)

    def test_what_one_event_does_in_training_and_reference_is_added_before_it_is_squared(self):
        # Cross-fitted, and nothing learned from z: (1 + 0.5)^2 of I and J = I/2.
        found = Measurement(prior=1.0, reference=0.25, measured=0.0, unseen=1e12, both=0.5, common=1.0).error()
        assert found == pytest.approx((0.0, 2.25))


def test_survives_json():
    sources = dict.fromkeys(SOURCES, GRID)
    result = SimulationUncertainty(
        GRID, GRID, GRID, 0.5 * GRID, sources, GRID, 1.0, 0.1, 0.2, dict.fromkeys(SOURCES, 0.05), 0.01
    )
    again = from_data(SimulationUncertainty, to_data(result))
    assert again.sources["noise"] == pytest.approx(GRID)
    assert again.at(np.array([0.05])) == pytest.approx([0.05])
    assert again.shift_at(np.array([0.05])) == pytest.approx([0.025])
    assert again.reason is None
