"""The predicted error of t(mu) against finite differences, regenerated training samples, and ratios made wrong."""

from dataclasses import replace

import interference
import interference_effects
import numpy as np
import pytest
from histogram_classifier import BINS, COMPOSITION, TRUE, densities_of, drawn, model_of, ratios_of

from steelyard.errors import ModelError
from steelyard.finite_simulation.bias_posterior import posterior
from steelyard.finite_simulation.functional_derivative import ExpectedData
from steelyard.finite_simulation.influence import SimulatedEvents, influences
from steelyard.finite_simulation.member_scatter import MemberRatios
from steelyard.finite_simulation.simulation_error import SimulationError, simulation_error
from steelyard.inference.fit import Scan
from steelyard.io.serialisation import from_data, to_data

GRID = np.array([0.0, 0.1, 0.3, 2.0, 3.0])
NOTHING = np.zeros(0)


class TestFunctionalDerivative:
    def test_is_the_change_of_t_with_a_density(self):
        model = interference.model(4_000)
        self._compare(model, NOTHING)

    def test_with_shapes_and_their_normalisers(self):
        self._compare(interference_effects.inputs(4_000).build(), np.array([0.5, 0.7, -1.2, 0.3, 1.1]))

    @staticmethod
    def _compare(model, alpha):
        x = (np.arange(len(model.weights)) + 0.5) / len(model.weights)
        for mu in (0.0, 0.2, 2.5):
            response = ExpectedData.at(model, 1.0).response(mu, alpha)
            for c in range(4):
                change = np.cos(3.0 * x + c)
                share = model.weights * model.intensities[:, c] / model.mixture.yields[c]
                change -= share @ change
                t = []
                for step in (1e-4, -1e-4):
                    intensities = model.intensities.copy()
                    intensities[:, c] *= 1.0 + step * change
                    t.append(ExpectedData.at(replace(model, intensities=intensities), 1.0).response(mu, alpha).t)
                assert (t[0] - t[1]) / 2e-4 == pytest.approx(share @ (response.phi[:, c] * change), rel=1e-5, abs=1e-6)

    def test_expected_data_with_negative_weights_are_refused(self):
        model = interference.model(1_000)
        intensities = model.intensities.copy()
        intensities[3, 1] = -intensities[3].sum()
        with pytest.raises(ModelError, match="1 of 1000 reference events have a negative Asimov weight"):
            ExpectedData.at(replace(model, intensities=intensities), 1.0)

    def test_a_negative_intensity_makes_t_infinite(self):
        model = interference.model(1_000)
        intensities = model.intensities.copy()
        intensities[3, 2] = -intensities[3].sum()
        changed = replace(model, intensities=intensities)
        assert ExpectedData.at(changed, 1.0).response(0.0, NOTHING).t == np.inf
        events = SimulatedEvents(
            np.abs(model.densities) / model.mixture.yields, COMPOSITION, ("gg",), np.zeros(1_000, dtype=int), 1.0
        )
        result = simulation_error(changed, Scan(np.array([0.0, 0.9]), np.zeros(2), 0.0, None), 1.0, events)
        assert result.sigma_t[0] == np.inf
        assert np.isfinite(result.sigma_t[1])

    def test_t_is_that_of_the_likelihood(self):
        model = interference.model(4_000)
        likelihood, data = model.asimov(1.0), ExpectedData.at(model, 1.0)
        kappa = model.mixture.to_coordinate(GRID)
        expected = likelihood.value(kappa) - likelihood.value(np.ones(1))
        assert [data.response(mu, NOTHING).t for mu in GRID] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def scan_of(model):
    data = ExpectedData.at(model, 1.0)
    t = np.array([data.response(mu, NOTHING).t for mu in GRID])
    return Scan(GRID, t, float(t[0]), None)


def trained(number, unseen, seed, change=None):
    """Error of t of a histogram classifier, of the exact ratios on the same reference, and what is predicted."""
    rng = np.random.default_rng(seed)
    counts, bins, processes, densities = drawn(number, rng), *densities_of(drawn(unseen, rng))
    learned = ratios_of(counts / number)
    if change is not None:
        learned = learned * change
    weights = densities @ COMPOSITION
    model, exact = model_of(learned, bins, weights), model_of(ratios_of(TRUE), bins, weights)
    events = SimulatedEvents(densities, COMPOSITION, interference.PROCESSES, processes, number / unseen)
    scan = scan_of(model)
    # A histogram has no scatter of its own: two members of it are the same.
    rows = np.arange(0, len(bins), 10)
    members = MemberRatios(rows, (np.zeros((2, len(rows))),) * 4)
    return scan.t - scan_of(exact).t, simulation_error(model, scan, 1.0, events, members)


@pytest.fixture(scope="module")
def found():
    return [trained(20_000, 20_000, seed) for seed in range(40)]


class TestRegeneratedSamples:
    """40 regenerated training samples of 20,000 events a process, with as many others to measure with."""

    def test_first_order_is_the_scatter_of_t(self, found):
        errors = np.array([error for error, _ in found])
        predicted = np.mean([np.sqrt(sum(v**2 for v in result.events.values())) for _, result in found], axis=0)
        # 40 numbers give a standard deviation to 1/sqrt(78) = 11 %, 2.6 of which are 30 %.
        assert errors.std(axis=0, ddof=1) / predicted == pytest.approx(1.0, abs=0.3)

    def test_sigma_t_is_the_rms_error(self, found):
        pulls = np.array([error / result.sigma_t for error, result in found])
        assert np.sqrt(np.mean(pulls**2, axis=0)) == pytest.approx(1.0, abs=0.3)

    def test_the_measured_bias_is_right_within_its_error(self, found):
        pulls = np.array([(error - result.bias) / result.bias_error for error, result in found])
        assert np.all(np.sqrt(np.mean(pulls**2, axis=0)) < 1.3)
        assert np.abs(pulls.mean(axis=0)).max() < 2.6 / np.sqrt(40.0)

    def test_noise_raises_t_and_is_seen(self):
        # 20 training events a bin and process: the noise of 16 bins in three ratios looks like sensitivity.
        found = [trained(300, 4_000, seed) for seed in range(40)]
        errors = np.array([error for error, _ in found])
        assert np.all(errors.mean(axis=0)[:2] > 3.0 * errors.std(axis=0)[:2] / np.sqrt(40.0))
        pulls = np.array([error / result.sigma_t for error, result in found])
        rms = np.sqrt(np.mean(pulls**2, axis=0))
        assert np.all((rms > 0.7) & (rms < 1.3))

    def test_a_wrong_ratio_is_a_bias(self):
        # The background's ratio wrong by up to a fifth, with so many events that little else matters.
        x = (np.arange(BINS) + 0.5) / BINS
        change = np.ones((BINS, 4))
        change[:, 2] -= 0.2 * np.cos(np.pi * x)
        error, result = trained(100_000, 100_000, 3, change)
        assert error[0] > 0.7
        assert result.bias[:3] == pytest.approx(error[:3], rel=0.15)
        assert np.all(result.sigma_t[:3] > 3.0 * np.sqrt(sum(v**2 for v in result.events.values()))[:3])

    def test_a_signal_that_was_not_learned_is_missed(self):
        # Ratios that are 1 everywhere: t has its minimum there, where nothing is seen to first order.
        rng = np.random.default_rng(5)
        bins, processes, densities = densities_of(drawn(20_000, rng))
        weights = densities @ COMPOSITION
        nothing = np.ones((BINS, 4)) * (1.0 + 1e-3 * rng.normal(size=(BINS, 4)))
        model, exact = model_of(nothing, bins, weights), model_of(ratios_of(TRUE), bins, weights)
        events = SimulatedEvents(densities, COMPOSITION, interference.PROCESSES, processes, 1.0)
        scan, rows = scan_of(model), np.arange(len(bins))
        error = scan.t - scan_of(exact).t
        members = MemberRatios(rows, tuple(np.log(nothing)[bins].T[:, None]), features=bins[:, None] / BINS)
        blind, seeing = (simulation_error(model, scan, 1.0, events, with_) for with_ in (None, members))
        assert np.all(error[[0, 1, 4]] < -0.8)
        assert np.all(np.abs(blind.bias[[0, 1, 4]]) < 0.3 * np.abs(error[[0, 1, 4]]))
        # The functions here show all of it, and twice that is taken for the whole.
        assert np.all(np.abs(seeing.bias[[0, 1, 4]] / error[[0, 1, 4]] - 1.4) < 0.7)

    def test_noise_is_no_signal_that_was_not_learned(self):
        rng = np.random.default_rng(6)
        for seed in range(8):
            counts, (bins, processes, densities) = drawn(20_000, rng), densities_of(drawn(20_000, rng))
            learned = ratios_of(np.maximum(counts, 1e-3) / 20_000)
            model = model_of(learned, bins, densities @ COMPOSITION)
            events = SimulatedEvents(densities, COMPOSITION, interference.PROCESSES, processes, 1.0)
            members = MemberRatios(
                np.arange(len(bins)), tuple(np.log(learned)[bins].T[:, None]), features=bins[:, None] / BINS
            )
            blind, seeing = (simulation_error(model, scan_of(model), 1.0, events, with_) for with_ in (None, members))
            assert np.all(seeing.sigma_t < 1.5 * blind.sigma_t), seed


class TestInfluences:
    def test_soft_labels_that_tell_all_have_none(self):
        rng = np.random.default_rng(1)
        ratios = rng.uniform(0.5, 1.5, (500, 2))
        composition = np.array([0.3, 0.7])
        ratios /= (ratios @ composition)[:, None]
        weights = rng.uniform(0.5, 1.5, 500)
        weights /= weights.sum()
        densities = weights[:, None] * ratios
        phi = rng.normal(size=(500, 2))
        scaled = influences(densities, composition, ratios, phi)
        means = (densities * (phi - (ratios * phi).sum(axis=1)[:, None] * composition)).sum(axis=0)
        assert scaled == pytest.approx(-densities @ means, abs=1e-15)

    def test_rows_of_one_event_are_summed_before_they_are_squared(self):
        events = SimulatedEvents(
            np.full((4, 1), 0.25), np.ones(1), ("a", "b"), np.array([0, 0, 1, 1]), 1.0, events=np.array([0, 0, 1, 2])
        )
        assert events.variances(np.array([1.0, -1.0, 2.0, 3.0])) == pytest.approx([0.0, 13.0])

    def test_events_of_another_reference_are_refused(self):
        events = SimulatedEvents(np.ones((3, 4)) / 3, COMPOSITION, ("a",), np.zeros(3, dtype=int), 1.0)
        model = interference.model(100)
        with pytest.raises(ModelError, match="3 simulated events and 100 reference events"):
            simulation_error(model, scan_of(model), 1.0, events)
        with pytest.raises(ModelError, match="do not belong"):
            SimulatedEvents(np.ones((3, 4)), COMPOSITION, ("a",), np.zeros(2, dtype=int), 1.0)
        with pytest.raises(ModelError, match="must be positive"):
            SimulatedEvents(np.ones((3, 4)), COMPOSITION, ("a",), np.zeros(3, dtype=int), 0.0)


class TestMembers:
    def test_variance_of_the_mean_of_members(self):
        # Members that differ in one process by a known function: the scatter follows from phi alone.
        model = interference.model(2_000)
        x = (np.arange(2_000) + 0.5) / 2_000
        shape, sizes = np.cos(2.0 * np.pi * x), np.random.default_rng(0).normal(scale=1e-3, size=12)
        log_r = [np.log(model.intensities[:, c] / model.mixture.yields[c])[None].repeat(12, axis=0) for c in range(4)]
        log_r[1] = log_r[1] + sizes[:, None] * shape
        events = SimulatedEvents(
            model.densities / model.mixture.yields, COMPOSITION, ("gg",), np.zeros(2_000, dtype=int), 1.0
        )
        members = MemberRatios(np.arange(2_000), tuple(log_r))
        result = simulation_error(model, scan_of(model), 1.0, events, members)
        data = ExpectedData.at(model, 1.0)
        for mu, found in zip(GRID, result.members, strict=True):
            phi = data.response(mu, NOTHING).phi[:, 1]
            slope = (model.densities[:, 1] / model.mixture.yields[1]) @ (phi * shape)
            assert found == pytest.approx(abs(slope) * sizes.std(ddof=1) / np.sqrt(12.0), rel=0.01)
        assert simulation_error(model, scan_of(model), 1.0, events).members is None

    def test_processes_of_one_network_move_together(self):
        # Members that move two processes by one function: as of one network the changes of t add, else their squares.
        model = interference.model(2_000)
        x = (np.arange(2_000) + 0.5) / 2_000
        shape, sizes = np.cos(2.0 * np.pi * x), np.random.default_rng(0).normal(scale=1e-3, size=12)
        log_r = [np.log(model.intensities[:, c] / model.mixture.yields[c])[None].repeat(12, axis=0) for c in range(4)]
        for c in (1, 2):
            log_r[c] = log_r[c] + sizes[:, None] * shape
        events = SimulatedEvents(
            model.densities / model.mixture.yields, COMPOSITION, ("gg",), np.zeros(2_000, dtype=int), 1.0
        )
        group, data = (("S", "SBI", "B"),) * 3, ExpectedData.at(model, 1.0)
        for networks in ((*group, ("NI",)), ()):
            members = MemberRatios(np.arange(2_000), tuple(log_r), networks=networks)
            result = simulation_error(model, scan_of(model), 1.0, events, members)
            for mu, found in zip(GRID, result.members, strict=True):
                phi = data.response(mu, NOTHING).phi[:, 1:3]
                slopes = ((model.densities / model.mixture.yields)[:, 1:3] * phi * shape[:, None]).sum(axis=0)
                slope = abs(slopes.sum()) if networks else np.sqrt(np.sum(slopes**2))
                assert found == pytest.approx(slope * sizes.std(ddof=1) / np.sqrt(12.0), rel=0.01, abs=1e-9)


class TestPosterior:
    def test_agreement_with_nothing_measured(self):
        found = posterior(shape=100.0, measured=0.0, sample=1.0, members=0.0, unseen=1.0)
        # Half the first-order variance of 1 is known from as many events; of the second order there is little.
        assert found.bias == pytest.approx(0.0, abs=0.05)
        assert found.error == pytest.approx(np.sqrt(0.5), rel=0.05)

    @pytest.mark.parametrize(("shape", "measured"), [(20.0, 20.0), (10.0, 1.0), (5.0, 9.0)])
    def test_an_excess_of_unknown_origin_is_between_first_and_second_order(self, shape, measured):
        found = posterior(shape, measured, 1e-6, 1e-6, 1e-6)
        bounds = measured / 2.0, measured - measured**2 / (4.0 * shape)
        assert found.bias - found.error == pytest.approx(bounds[0], rel=1e-4)
        assert found.bias + found.error == pytest.approx(bounds[1], rel=1e-4)

    def test_a_lost_signal_is_more_than_its_slope(self):
        # u a factor k too small: t is k² of the truth T, z = -2k(1-k)T, and t - T = (k²-1)T.
        k, truth = 0.5, 40.0
        found = posterior(k**2 * truth, -2.0 * k * (1.0 - k) * truth, 1e-6, 1e-6, 1e-6)
        assert found.bias == pytest.approx((k**2 - 1.0) * truth, rel=1e-3)

    def test_cross_fitted_events_do_not_measure_the_first_order(self):
        held, crossed = (posterior(1e4, 0.0, 1.0, 0.0, 1.0, trained=trained) for trained in (False, True))
        assert held.error == pytest.approx(np.sqrt(0.5), rel=0.01)
        assert crossed.error == pytest.approx(1.0, rel=0.01)


def test_survives_json():
    result = SimulationError(GRID, GRID, GRID, GRID, GRID, {"gg": GRID}, GRID, reference=GRID)
    again = from_data(SimulationError, to_data(result))
    assert again.events["gg"] == pytest.approx(GRID)
    assert again.members is None
    assert again.corrected == pytest.approx(np.zeros(5))


@pytest.mark.parametrize("negative", [0.0, 0.3])
def test_an_influence_is_what_another_weight_of_one_event_does(negative):
    """The densities, and those that the reference is made of, are normalised by themselves, with signs and without."""
    generator = np.random.default_rng(4)
    weights = generator.uniform(0.5, 1.5, size=(12, 2)) * np.where(
        generator.uniform(size=(12, 1)) < negative, -1.0, 1.0
    )
    composition, ratios, phi = (
        np.array([0.3, 0.7]),
        generator.uniform(0.5, 2.0, size=(12, 2)),
        generator.normal(size=(12, 2)),
    )
    learned = (ratios * phi).sum(axis=1)

    def functional(weights):
        densities, mixed = weights / weights.sum(axis=0), np.abs(weights) / np.abs(weights).sum(axis=0)
        return (densities * phi).sum() - (mixed @ composition) @ learned

    densities, mixed = weights / weights.sum(axis=0), np.abs(weights) / np.abs(weights).sum(axis=0)
    found = influences(densities, composition, ratios, phi, mixed if negative else None)
    step = 1e-6
    moved = [
        (functional(weights * (1.0 + step * one)[:, None]) - functional(weights * (1.0 - step * one)[:, None]))
        / (2.0 * step)
        for one in np.eye(12)
    ]
    np.testing.assert_allclose(found, moved, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(
        influences(densities, composition, ratios, phi, mixed), found, atol=1e-12 if not negative else 0
    )
