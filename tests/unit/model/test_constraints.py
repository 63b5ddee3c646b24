"""Constraints: penalties, their derivatives, how the auxiliary measurements are thrown, and Poisson ones in fits."""

import numpy as np
import pytest
from binned_regions import region
from scipy import stats
from several_regions import mixture_of, penalty, systematics_of

from steelyard.errors import ModelError
from steelyard.inference.fit import fit, scan
from steelyard.inference.global_observables import throw_from
from steelyard.inference.toy_fits import RegionToys, fit_experiments
from steelyard.likelihood.likelihood import Likelihood
from steelyard.likelihood.region_events import RegionEvents
from steelyard.model.constraints import CONSTRAINTS, constraint_of, kinds
from steelyard.model.constraints.gaussian import Gaussian
from steelyard.model.constraints.poisson import Poisson
from steelyard.model.effects import Nuisance
from steelyard.model.model import Model
from steelyard.model.parameters import Parameter, ParameterSet
from steelyard.model.region import BinnedRegion, UnbinnedRegion

TOYS = 40_000


@pytest.mark.parametrize("constraint", [Gaussian(), Gaussian(0.3), Poisson(0.7), Poisson(40.0), Poisson(1e6)])
@pytest.mark.parametrize("observable", [0.6, 1.0, 1.7])
def test_penalty_is_its_formula_with_two_derivatives(constraint, observable):
    for value in (0.2, 1.0, 1.1, 3.0):
        found = constraint.penalty(value, observable, constraint.scale)
        there = penalty(constraint, value, observable)
        slope = complex(penalty(constraint, value + 1e-30j, observable)).imag / 1e-30
        h = 1e-4 * value
        ends = [complex(penalty(constraint, value + side * h + 1e-30j, observable)).imag / 1e-30 for side in (1, -1)]
        size = 2.0 * constraint.scale if isinstance(constraint, Poisson) else 1.0
        assert found[0] == pytest.approx(there, rel=1e-12, abs=1e-15 * size)
        assert found[1] == pytest.approx(slope, rel=1e-12, abs=1e-15 * size)
        assert found[2] == pytest.approx((ends[0] - ends[1]) / (2.0 * h), rel=1e-6)


def test_poisson_penalty_is_that_of_counted_events():
    """-2 ln of the Poisson probability, less its value where the expectation is what was counted; also of none."""
    for counted in (0, 1, 13):
        for value in (0.1, 0.9, 2.2):
            expected = -2.0 * (stats.poisson.logpmf(counted, 9.0 * value) - stats.poisson.logpmf(counted, counted))
            found = Poisson(9.0).penalty(value, counted / 9.0, 9.0)
            assert found[0] == pytest.approx(expected, abs=1e-12)
    assert Poisson(9.0).penalty(0.0, 0.0, 9.0)[0] == 0.0
    assert Poisson(9.0).penalty(0.0, 0.1, 9.0)[0] == np.inf
    assert Poisson(9.0).penalty(-0.1, 0.0, 9.0)[0] == np.inf


@pytest.mark.parametrize("expected", [0.05, 0.9, 7.3, 250.0, 4e4])
def test_poisson_measurements_are_the_quantiles_of_counted_events(expected):
    constraint, z = Poisson(expected / 1.3), np.random.default_rng(1).normal(size=TOYS)
    counted = constraint.throw(np.full(TOYS, 1.3), z) * constraint.events
    whole = np.round(counted)
    assert counted == pytest.approx(whole, abs=1e-9 * max(expected, 1.0))
    # The smallest number with at least the probability of z below it or at it.
    probability = stats.norm.cdf(z[:2000])
    assert np.array_equal(whole[:2000], stats.poisson.ppf(probability, expected))
    assert counted.mean() == pytest.approx(expected, abs=5.0 * np.sqrt(expected / TOYS))
    spread = np.sqrt((2.0 * expected**2 + expected) / TOYS)  # of the variance of Poisson numbers
    assert counted.var() == pytest.approx(expected, abs=5.0 * spread)


def test_gaussian_measurements_have_their_width_and_others_none():
    parameters = ParameterSet(
        (
            Parameter("wide", constraint=Gaussian(2.0)),
            Parameter("counted", nominal=1.0, bounds=(0.0, 5.0), constraint=Poisson(25.0)),
            Parameter("between", nominal=0.5, bounds=(0.0, 1.0), constraint=constraint_of("uniform")),
        )
    )
    z = np.random.default_rng(2).normal(size=(TOYS, 3))
    observed = throw_from(parameters, np.tile([0.7, 1.2, 0.2], (TOYS, 1)), z)
    assert observed[:, 0] == pytest.approx(0.7 + 2.0 * z[:, 0])
    assert observed[:, 1].mean() == pytest.approx(1.2, abs=5.0 * np.sqrt(1.2 / 25.0 / TOYS))
    assert np.all(observed[:, 2] == 0.5)
    assert np.corrcoef(observed[:, 1], z[:, 1])[0, 1] > 0.98


@pytest.mark.parametrize("kind", kinds())
def test_drawn_values_lie_within_the_bounds_and_as_often_as_the_constraint_has_them(kind):
    entry = constraint_of(kind)
    drawn = entry.draw(1.0, (0.2, 4.0), 40_000, np.random.default_rng(3))
    assert drawn.shape == (40_000,)
    assert drawn.min() >= 0.2
    assert drawn.max() <= 4.0
    likely = np.array(
        [np.exp(-0.5 * entry.penalty(value, 1.0, entry.scale)[0]) for value in np.linspace(0.2, 4.0, 801)]
    )
    if kind != "free":
        mean = (np.linspace(0.2, 4.0, 801) * likely).sum() / likely.sum()
        assert drawn.mean() == pytest.approx(mean, abs=5.0 * drawn.std() / 200.0 + 2e-3)


def test_kinds_have_numbers_of_their_own():
    assert len({entry.kind for entry in CONSTRAINTS}) == len(CONSTRAINTS)
    with pytest.raises(ModelError, match="gaussian"):
        constraint_of("gausian")
    for kind, scale in (("gaussian", 0.0), ("poisson", -1.0), ("free", 2.0)):
        with pytest.raises(ModelError, match="number"):
            constraint_of(kind, scale)


def with_control_region(events: float, counted: float) -> tuple[Likelihood, Likelihood, float]:
    """A norm factor that a control region of one bin knows: as a Poisson constraint, and as a region of its own.

    They differ by the constant by which the constraint is 0 at its measurement.
    """
    main = region("main", 12, 1, errors=False)
    names = [nuisance.name for nuisance in main.systematics.nuisances]
    likelihoods = []
    for kind in ("poisson", "free"):
        factor = Nuisance("counted", kind, "linear", 1.0, (0.01, 5.0), events if kind == "poisson" else None)
        nuisances = [
            factor if name == "counted" else old for name, old in zip(names, main.systematics.nuisances, strict=True)
        ]
        own = BinnedRegion("main", main.mixture, main.systematics.with_effects(nuisances), main.templates, main.log_g)
        counts = np.random.default_rng(5).poisson(own.templates.sum(axis=1)).astype(float)
        regions, seen = [own], [RegionEvents.of_counts(own, counts)]
        if kind == "free":
            mixture = mixture_of(("1",), np.array([events]), {"mu": (1.0, 0.0, 6.0)})
            effects = systematics_of(1, (factor,), None, {"counted": [0]})
            control = BinnedRegion("control", mixture, effects, np.array([[events]]))
            regions, seen = [control, own], [RegionEvents.of_counts(control, [counted]), *seen]
        model = Model(tuple(regions))
        observed = {"counted": counted / events, "norm": 0.3, "shape": -0.2}
        likelihoods.append(
            Likelihood(model, tuple(seen), np.array([observed[nuisance.name] for nuisance in model.nuisances]))
        )
    constant = 2.0 * (counted - (counted * np.log(counted) if counted else 0.0))
    return likelihoods[0], likelihoods[1], constant


@pytest.mark.parametrize(("events", "counted"), [(30.0, 37.0), (30.0, 0.0), (2.5, 1.0), (5000.0, 4800.0)])
def test_poisson_constraint_is_a_control_region_of_one_bin(events, counted):
    constrained, regions, constant = with_control_region(events, counted)
    assert constrained.parameters.names != regions.parameters.names
    order = [regions.parameters.index(name) for name in constrained.parameters.names]
    generator = np.random.default_rng(6)
    for _ in range(4):
        values = {"mu": generator.uniform(0.1, 3.0), "counted": generator.uniform(0.1, 3.0)}
        values |= {"norm": generator.normal(), "shape": generator.normal()}
        here, there = constrained.at(values), regions.at(values)
        assert here.value + constant == pytest.approx(there.value, rel=1e-12)
        assert here.gradient == pytest.approx(there.gradient[order], rel=1e-9, abs=1e-7)
        assert here.hessian == pytest.approx(there.hessian[np.ix_(order, order)], rel=1e-9, abs=1e-7)
    one, other = fit(constrained), fit(regions)
    assert one.minimum + constant == pytest.approx(other.minimum, abs=1e-5)
    assert other.hat == pytest.approx(one.hat, abs=2e-3 * one.uncertainty)
    assert other.values["counted"] == pytest.approx(one.values["counted"], abs=3e-3)
    mu = np.linspace(0.0, 3.0, 5)
    assert scan(regions, mu).t == pytest.approx(scan(constrained, mu).t, abs=2e-5)


def test_toys_with_a_poisson_constraint_are_those_with_the_control_region():
    constrained, regions, _ = with_control_region(30.0, 33.0)
    main, control = regions.model.regions[1], regions.model.regions[0]
    generator, toys = np.random.default_rng(7), 20
    counts = generator.poisson(main.templates.sum(axis=1), (toys, 12))
    controls = generator.poisson(30.0, toys)
    of_main = RegionToys(RegionEvents.of_counts(main, counts.ravel()), 12 * np.arange(toys + 1))
    of_control = RegionToys(RegionEvents.of_counts(control, controls), np.arange(toys + 1))
    observed = {"counted": controls / 30.0, "norm": generator.normal(size=toys), "shape": generator.normal(size=toys)}
    found = [
        fit_experiments(
            likelihood.model,
            thrown,
            0.5,
            np.stack([observed[nuisance.name] for nuisance in likelihood.model.nuisances], axis=1),
        )
        for likelihood, thrown in ((constrained, (of_main,)), (regions, (of_control, of_main)))
    ]
    assert found[1].t == pytest.approx(found[0].t, abs=2e-5)


def test_unbinned_regions_take_the_same_constraint():
    x = (np.arange(400) + 0.5) / 400
    mixture = mixture_of(("mu", "1"), np.array([50.0, 300.0]), {"mu": (1.0, 0.0, 6.0)})
    factor = Nuisance("counted", "poisson", "linear", 1.0, (0.01, 5.0), 20.0)
    own = UnbinnedRegion("events", mixture, systematics_of(2, (factor,), None, {"counted": [1]}))
    intensities = np.stack([3.0 * x**2, np.ones_like(x)], axis=1) * mixture.yields
    likelihood = Likelihood(Model((own,)), (RegionEvents(intensities),), np.array([1.3]))
    low, high = (likelihood.at({"mu": 0.8, "counted": value}) for value in (0.9, 1.2))
    plain = Likelihood(Model((own,)), (RegionEvents(intensities),), np.array([1.3]))
    assert high.value - low.value == pytest.approx(
        complex(
            2.0 * 300.0 * 0.3
            - 2.0 * np.log((intensities @ [0.8, 1.2]) / (intensities @ [0.8, 0.9])).sum()
            + penalty(Poisson(20.0), 1.2, 1.3)
            - penalty(Poisson(20.0), 0.9, 1.3)
        ).real,
        abs=1e-9,
    )
    assert plain.at({"mu": 0.8, "counted": 0.9}).value == low.value
