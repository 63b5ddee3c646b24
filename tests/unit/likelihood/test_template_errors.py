"""Binned regions: errors of the templates against minimisation over each bin's factor, derivatives, toys, and pyhf."""

from dataclasses import replace

import numpy as np
import pytest
from binned_regions import TRUTH, counted, expected, region
from scipy.optimize import minimize_scalar
from scipy.special import gammaln
from several_regions import derivatives, mixture_of, systematics_of

from steelyard.errors import ModelError
from steelyard.inference.fit import fit
from steelyard.inference.toy_fits import RegionToys, fit_experiments
from steelyard.likelihood.likelihood import Likelihood
from steelyard.likelihood.region_events import RegionEvents
from steelyard.model.model import Model
from steelyard.model.region import BinnedRegion, UnbinnedRegion


def one_bin(value: float, error: float) -> BinnedRegion:
    """A bin with so many expected events, times mu."""
    mixture = mixture_of(("mu",), np.array([value]), {"mu": (1.0, 0.01, 50.0)})
    return BinnedRegion("bin", mixture, systematics_of(1, ()), np.array([[value]]), errors=np.array([error]))


@pytest.mark.parametrize("count", [0.0, 1.0, 7.0, 400.0])
@pytest.mark.parametrize("error", [1e-4, 0.05, 0.3, 1.5])
@pytest.mark.parametrize("auxiliary", [1.0, 0.6, 2.5])
def test_factor_of_a_bin_is_at_its_minimum(count, error, auxiliary):
    own = one_bin(10.0, error)
    likelihood = Likelihood(Model((own,)), (RegionEvents.of_counts(own, [count], np.array([auxiliary])),))
    for mu in (0.05, 1.0, 30.0):

        def function(gamma: float, mu: float = mu) -> float:
            logarithm = count * np.log(gamma * 10.0 * mu) if count else 0.0
            return 2.0 * (gamma * 10.0 * mu - logarithm) + ((gamma - auxiliary) / error) ** 2

        span = 12.0 * error
        low, high = max(auxiliary - span - error**2 * 300.0, 0.0), auxiliary + span + count / (10.0 * mu)
        best = min(
            minimize_scalar(function, (low, high), (low, high), method="bounded", options={"xatol": 1e-12}).fun,
            function(low) if low > 0.0 or not count else np.inf,
        )
        assert likelihood.value(mu)[0] == pytest.approx(best, rel=1e-9, abs=1e-7)


def test_bin_without_error_has_no_factor_and_one_with_a_small_error_nearly_none():
    plain, exact, small = one_bin(10.0, 0.0), replace(one_bin(10.0, 0.0), errors=None), one_bin(10.0, 1e-6)
    values = []
    for own in (plain, exact, small):
        likelihood = Likelihood(Model((own,)), (RegionEvents.of_counts(own, [14.0]),))
        values.append(likelihood.at({"mu": 1.7}))
    assert (values[0].value, values[0].gradient[0]) == (values[1].value, values[1].gradient[0])
    assert values[2].value == pytest.approx(values[0].value, abs=1e-8)
    assert values[2].hessian[0, 0] == pytest.approx(values[0].hessian[0, 0], rel=1e-8)


def test_large_error_of_a_well_filled_bin_keeps_its_digits():
    """With h far below zero h + sqrt(h^2 + n delta^2) would cancel: gamma = n delta^2 / (sqrt - h)."""
    own = one_bin(1e7, 0.9)
    likelihood = Likelihood(Model((own,)), (RegionEvents.of_counts(own, [1e7]),))
    gradient, there = likelihood.at({"mu": 1.3}).gradient[0], derivatives(likelihood, np.array([1.3]))[1][0]
    assert gradient == pytest.approx(there, rel=1e-6)


def test_value_and_derivatives_agree_with_the_formula():
    regions = (region("one", 20, 1), region("two", 300, 2, order=(2, 1, 0)), region("three", 7, 3, errors=False))
    likelihood = counted(regions, 4)
    for number in range(3):
        generator = np.random.default_rng(number)
        names = dict(zip(("mu", "norm", "counted", "shape"), generator.uniform(0.3, 1.7, 4), strict=True))
        names["shape"] -= 1.0
        here = likelihood.at(names)
        there = derivatives(likelihood, likelihood.parameters.to_coordinates(likelihood.parameters.point(names)))
        assert here.value == pytest.approx(there[0], abs=1e-6)
        assert here.gradient == pytest.approx(there[1], rel=1e-6, abs=1e-5)
        assert here.hessian == pytest.approx(there[2], rel=1e-6, abs=1e-5)


def unbinned() -> tuple[UnbinnedRegion, np.ndarray]:
    """A region of events with the nuisance parameters of the bins, and their intensities."""
    x = (np.arange(3000) + 0.5) / 3000
    yields = np.array([50.0, 300.0])
    mixture = mixture_of(("mu", "1"), yields, {"mu": (1.0, 0.0, 6.0)})
    shape, norm = region("any", 4, 1).systematics.nuisances[2], region("any", 4, 1).systematics.nuisances[0]
    systematics = systematics_of(2, (shape, norm), {"norm": [[0.03, -0.02], [0.05, -0.06]]})
    return UnbinnedRegion("events", mixture, systematics), np.stack([3.0 * x**2, np.ones_like(x)], axis=1) * yields


def test_toys_of_events_bins_and_one_counter_are_fits_of_each():
    events, intensities = unbinned()
    bins, counter, toys = region("bins", 20, 1), region("counter", 1, 2, errors=False, order=(2, 0, 1)), 8
    model, generator = Model((bins, events, counter)), np.random.default_rng(5)
    total = intensities.sum(axis=1)
    numbers = generator.poisson(total.mean(), toys)
    rows = generator.choice(len(total), size=numbers.sum(), p=total / total.sum())
    offsets = np.concatenate([[0], np.cumsum(numbers)])
    auxiliary = generator.normal(1.0, bins.errors, (toys, 20))
    counts = {own.name: generator.poisson(expected(own, TRUTH), (toys, len(own.templates))) for own in (bins, counter)}
    thrown = (
        RegionToys(RegionEvents.of_counts(bins, counts["bins"].ravel()), 20 * np.arange(toys + 1), None, auxiliary),
        RegionToys(RegionEvents(intensities), offsets, rows),
        RegionToys(RegionEvents.of_counts(counter, counts["counter"].ravel()), np.arange(toys + 1)),
    )
    observed = np.array([0.0, 1.0, 0.0]) + generator.normal(size=(toys, 3)) * [1.0, 50.0**-0.5, 1.0]
    found = fit_experiments(model, thrown, 1.0, observed)
    again = fit_experiments(model, thrown, 1.0, observed, threads=2)
    assert np.array_equal(found.t, again.t)
    total_counts = counts["bins"].sum(axis=1) + counts["counter"].sum(axis=1)
    assert np.array_equal(found.events, numbers + total_counts)
    for toy in range(toys):
        seen = (
            RegionEvents.of_counts(bins, counts["bins"][toy], auxiliary[toy]),
            RegionEvents(intensities[rows[offsets[toy] : offsets[toy + 1]]]),
            RegionEvents.of_counts(counter, counts["counter"][toy]),
        )
        likelihood = Likelihood(model, seen, observed[toy])
        free, held = fit(likelihood), fit(likelihood, {"mu": 1.0})
        assert found.t[toy] == pytest.approx(held.minimum - free.minimum, abs=1e-5)
        assert found.hat[toy] == pytest.approx(free.hat, abs=2e-3 * free.uncertainty)
        if toy == 0:
            values = dict(TRUTH, mu=0.7)
            there = derivatives(likelihood, likelihood.parameters.to_coordinates(likelihood.parameters.point(values)))
            assert likelihood.at(values).value == pytest.approx(there[0], abs=1e-6)
            assert likelihood.at(values).hessian == pytest.approx(there[2], rel=1e-6, abs=1e-5)


def test_bins_with_errors_are_given_once_and_with_a_measurement_each():
    own = region("bins", 20, 1)
    tiled = RegionEvents(np.tile(own.templates, (2, 1)), np.ones(40), np.tile(own.log_g, (2, 1, 1)))
    with pytest.raises(ModelError, match="its 20 bins once, found 40"):
        fit_experiments(Model((own,)), (RegionToys(tiled, 20 * np.arange(3)),), 1.0)
    once = RegionEvents.of_counts(own, np.ones(40))
    with pytest.raises(ModelError, match=r"measurements of shape \(20,\) for 2 experiments"):
        fit_experiments(Model((own,)), (RegionToys(once, 20 * np.arange(3), None, np.ones(20)),), 1.0)
    with pytest.raises(ModelError, match=r"\(3,\) measurements of the factors of 20 bins"):
        Likelihood(Model((own,)), (RegionEvents.of_counts(own, np.ones(20), np.ones(3)),))


def test_two_binned_regions_agree_with_pyhf():
    """One channel a bin, one sample a process, whose normfactor is f_c; norms and shapes are ``normsys``."""
    import pyhf

    regions = (region("one", 6, 1, errors=False), region("two", 9, 2, errors=False, order=(2, 0, 1)))
    likelihood = counted(regions, 7)
    channels = []
    for own in regions:
        systematics, names = own.systematics, own.systematics.names
        for b, row in enumerate(own.templates):
            samples = []
            for c, template in enumerate(row):
                logs = np.array(systematics.log_yields[c])
                for t, (process, k) in enumerate(systematics.terms):
                    logs[k] += own.log_g[b, t] if process == c else 0.0
                modifiers = [{"name": f"f{c}", "type": "normfactor", "data": None}]
                for name, (up, down) in zip(names, np.exp(logs.astype(float)), strict=True):
                    if name == "counted" and c == 1:
                        modifiers.append({"name": name, "type": "normfactor", "data": None})
                    elif name != "counted":
                        modifiers.append({"name": name, "type": "normsys", "data": {"hi": up, "lo": down}})
                samples.append({"name": f"process{c}", "data": [float(template)], "modifiers": modifiers})
            channels.append({"name": f"{own.name}{b}", "samples": samples})
    theirs = pyhf.Model(
        {"channels": channels, "parameters": [{"name": f"f{c}", "bounds": [[-1e3, 1e3]]} for c in range(3)]},
        poi_name=None,
        validate=False,
        modifier_settings={"normsys": {"interpcode": "code4"}, "histosys": {"interpcode": "code4p"}},
    )
    counts = {
        f"{own.name}{b}": n for own, e in zip(regions, likelihood.events, strict=True) for b, n in enumerate(e.weights)
    }
    data = np.array([counts[channel] for channel in theirs.config.channels])
    generator = np.random.default_rng(8)
    for _ in range(6):
        values = {
            "mu": float(generator.uniform(0.1, 3.0)),
            "norm": float(generator.normal(scale=1.5)),
            "counted": float(generator.uniform(0.6, 1.5)),
            "shape": float(generator.normal(scale=1.5)),
        }
        given = {"f0": values["mu"], "f1": 1.0, "f2": np.sqrt(values["mu"]), **values}
        point = np.array([given[name] for name in theirs.config.par_order])
        other = -2.0 * float(np.ravel(theirs.mainlogpdf(data, point))[0]) - 2.0 * gammaln(data + 1.0).sum()
        ours = likelihood.at(values).value
        for nuisance, observed in zip(likelihood.model.nuisances, likelihood.global_observables, strict=True):
            constraint = nuisance.parameter.constraint
            ours -= constraint.penalty(values[nuisance.name], observed, constraint.scale)[0]
        assert ours == pytest.approx(other, abs=1e-6)
