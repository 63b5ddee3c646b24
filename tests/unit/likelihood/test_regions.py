"""Several regions: one region cut in two is the same likelihood, and what a region declares is its own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import one_sided_search
import pytest
import random_models
from several_regions import derivatives, mixture_of, normaliser_of, systematics_of

from steelyard.inference.fit import Fit, fit, scan
from steelyard.likelihood.likelihood import Likelihood
from steelyard.likelihood.region_events import RegionEvents
from steelyard.model.effects import Normaliser, Nuisance, Systematics
from steelyard.model.model import Model
from steelyard.model.region import UnbinnedRegion

CUT = 0.4
EXPRESSIONS = ("mu - sqrt(mu)", "sqrt(mu)", "1 - sqrt(mu)", "1", "1")
PARAMETERS = {"mu": (1.0, 0.0, 10.0)}
YIELDS = np.array([60.0, 330.0, 300.0, 250.0, 60.0])

# Only the fourth process lies wholly on one side of the cut, and there is one that norms it alone.
NORM = Nuisance("norm")
WIDE = Nuisance("wide", interpolation="exponential", scale=0.5)
ONE_SIDE = Nuisance("one_side")
FACTOR = Nuisance("factor", "free", "linear", 1.0, (0.0, 5.0))
COUNTED = Nuisance("counted", "poisson", "linear", 1.0, (0.01, 5.0), 40.0)
SHAPE = Nuisance("shape")
OTHER = Nuisance("other", interpolation="exponential")


def densities(x: np.ndarray) -> np.ndarray:
    """p_c(x) (n, C) on [0, 1]; the last process stops at the cut."""
    signal, background = np.sqrt(5.0) * x**2, np.sqrt(3.0) * (1.0 - x)
    together = (signal - 2.0 * background) ** 2
    return np.stack(
        [
            signal**2,
            together / (1.0 + 4.0 - 4.0 * np.sqrt(15.0) / 12.0),
            background**2,
            np.ones_like(x),
            (x < CUT) / CUT,
        ],
        axis=1,
    )


@dataclass(frozen=True)
class Part:
    """Processes, nuisance parameters and events of a region of the analysis."""

    name: str
    processes: tuple[int, ...]
    nuisances: tuple[Nuisance, ...]
    chosen: np.ndarray
    yields: np.ndarray


def norms(nuisance: Nuisance, processes: tuple[int, ...]) -> np.ndarray:
    """ln of yield factors at ±1 (C, 2)."""
    sizes = {"norm": (0.04, -0.03), "wide": (-0.05, 0.06), "one_side": (0.1, -0.2)}.get(nuisance.name, (0.0, 0.0))
    logs = np.outer([1.0, 1.2, 0.9, 0.5, -0.7], sizes)
    if nuisance.name == "one_side":
        logs[:4] = 0.0
    return logs[list(processes)]


def region_of(part: Part, systematics: Systematics) -> UnbinnedRegion:
    """A part of the analysis as a region."""
    mixture = mixture_of([EXPRESSIONS[c] for c in part.processes], part.yields[list(part.processes)], PARAMETERS)
    return UnbinnedRegion(part.name, mixture, systematics)


def normed(part: Part) -> Systematics:
    """Norms, and norm factors of the fourth and the last process."""
    names = {nuisance.name for nuisance in part.nuisances}
    factors = {"factor": [part.processes.index(3)], "counted": [part.processes.index(2)]}
    return systematics_of(
        len(part.processes),
        part.nuisances,
        {nuisance.name: norms(nuisance, part.processes) for nuisance in part.nuisances},
        {name: own for name, own in factors.items() if name in names},
    )


def likelihood_of(
    parts: tuple[Part, ...],
    systematics: tuple[Systematics, ...],
    events: tuple[np.ndarray, np.ndarray | None, np.ndarray | None],
    observed: Mapping[str, float],
) -> Likelihood:
    """Of the intensities (n, C) of all events, their weights and their effects (n, T, 2)."""
    intensities, weights, log_g = events
    model = Model(tuple(region_of(part, own) for part, own in zip(parts, systematics, strict=True)))
    seen = tuple(
        RegionEvents(
            np.ascontiguousarray(intensities[part.chosen][:, list(part.processes)]),
            None if weights is None else weights[part.chosen],
            None if log_g is None else log_g[part.chosen],
        )
        for part in parts
    )
    return Likelihood(model, seen, np.array([observed[nuisance.name] for nuisance in model.nuisances]))


def observed_events(seed: int) -> np.ndarray:
    """x of about a thousand events at mu = 1."""
    generator = np.random.default_rng(seed)
    grid = (np.arange(100_000) + 0.5) / 100_000
    total = densities(grid) @ (YIELDS * [0.0, 1.0, 0.0, 1.0, 1.0])
    return generator.choice(grid, size=generator.poisson(total.mean()), p=total / total.sum())


GLOBAL_OBSERVABLES = {"norm": 0.4, "wide": -0.2, "one_side": 0.7, "factor": 1.0, "counted": 1.1, "shape": -0.3}


def cut(weighted: bool) -> tuple[Likelihood, Likelihood]:
    """The whole and its two parts, which declare what acts in them, each in an order of its own."""
    x = observed_events(1)
    grid = (np.arange(20_000) + 0.5) / 20_000
    below = densities(grid)[grid < CUT].sum(axis=0) / densities(grid).sum(axis=0)
    events = (YIELDS * densities(x), np.random.default_rng(2).uniform(0.2, 1.8, len(x)) if weighted else None, None)
    everything = (NORM, WIDE, ONE_SIDE, FACTOR, COUNTED)
    whole = Part("whole", (0, 1, 2, 3, 4), everything, np.full(len(x), True), YIELDS)
    parts = (
        Part("below", (4, 2, 3, 1, 0), (COUNTED, ONE_SIDE, NORM, FACTOR, WIDE), x < CUT, YIELDS * below),
        Part("above", (0, 1, 2, 3), (WIDE, FACTOR, COUNTED, NORM), x >= CUT, YIELDS * (1.0 - below)),
    )
    return (
        likelihood_of((whole,), (normed(whole),), events, GLOBAL_OBSERVABLES),
        likelihood_of(parts, tuple(normed(part) for part in parts), events, GLOBAL_OBSERVABLES),
    )


def points(likelihood: Likelihood, number: int, seed: int) -> list[dict[str, float]]:
    """Random values of the parameters."""
    generator = np.random.default_rng(seed)
    result = []
    for _ in range(number):
        values = {"mu": float(generator.uniform(0.0, 4.0))}
        for nuisance in likelihood.model.nuisances:
            linear = nuisance.interpolation == "linear"
            values[nuisance.name] = float(generator.uniform(0.6, 1.5) if linear else generator.normal(scale=1.2))
        result.append(values)
    return result


def differences(one: Likelihood, other: Likelihood, values: Mapping[str, float]) -> tuple[float, float, float]:
    """Of value, gradient and Hessian, relative to the largest; by the names of the parameters."""
    here, there = one.at(values), other.at(values)
    order = [other.parameters.index(name) for name in one.parameters.names]
    gradient, hessian = there.gradient[order], there.hessian[np.ix_(order, order)]
    return (
        abs(here.value / there.value - 1.0),
        float(np.abs(here.gradient - gradient).max() / np.abs(gradient).max()),
        float(np.abs(here.hessian - hessian).max() / np.abs(hessian).max()),
    )


def same_fit(one: Fit, other: Fit, tolerance: float) -> None:
    """Best fits in units of their errors, minima and covariances are those of each other, by name."""
    names = (*one.others, *one.nuisances)
    order = [0, *(1 + (*other.others, *other.nuisances).index(name) for name in names)]
    errors = np.array([1.0 if error is None else error for error in one.errors])  # 1 of what was held
    here = np.array([one.hat, *(one.values[name] for name in names)])
    there = np.array([other.hat, *(other.values[name] for name in names)])
    assert other.minimum == pytest.approx(one.minimum, rel=1e-9)
    assert np.abs((here - there) / errors).max() < tolerance
    assert (one.valid, one.at_bound, set(one.bounds_hit)) == (other.valid, other.at_bound, set(other.bounds_hit))
    covariance = np.array(other.covariance)[np.ix_(order, order)]
    assert np.abs((covariance - one.covariance) / np.outer(errors, errors)).max() < tolerance


@pytest.mark.parametrize("weighted", [False, True])
def test_region_cut_in_two_without_shapes_is_the_same_likelihood(weighted):
    whole, parts = cut(weighted)
    assert [region.name for region in parts.model.regions] == ["below", "above"]
    assert whole.parameters.names != parts.parameters.names
    assert set(whole.parameters.names) == set(parts.parameters.names)
    for values in points(whole, 5, 3):
        assert max(differences(whole, parts, values)) < 1e-12


@pytest.mark.parametrize("weighted", [False, True])
def test_fit_and_scan_of_a_region_cut_in_two_without_shapes_are_the_same(weighted):
    whole, parts = cut(weighted)
    same_fit(fit(whole), fit(parts), 1e-9)
    mu = np.linspace(0.0, 4.0, 9)
    one, other = scan(whole, mu), scan(parts, mu)
    assert one.not_converged == other.not_converged == 0
    assert other.t == pytest.approx(one.t, abs=1e-9 * abs(one.fit.minimum))
    assert other.t_lower_bound == pytest.approx(one.t_lower_bound, abs=1e-9 * abs(one.fit.minimum))


SHAPES = ((0, "shape"), (1, "shape"), (1, "other"), (2, "shape"), (3, "other"), (4, "shape"))


def waves(x: np.ndarray, size: float, frequency: float) -> np.ndarray:
    """ln g at ±1 of the terms, (n, T, 2): not opposite to each other, and other ones for each process."""
    terms = np.arange(len(SHAPES))
    up = np.sin(frequency * x[:, None] + 0.3 * terms)
    return size * np.stack([up, -up + 0.2 * np.cos(frequency * x[:, None] + terms)], axis=2)


def shaped(
    part: Part, order: tuple[Nuisance, ...], log_g: np.ndarray, of_grid: np.ndarray, moved: np.ndarray | None
) -> tuple[Systematics, np.ndarray]:
    """Effects of a part with shapes normalised over its own densities, (n, C), and which of the terms they are.

    ``moved`` (T, 2): ln of the yields of the part at ±1.
    """
    chosen = [t for t, (c, _) in enumerate(SHAPES) if c in part.processes]
    pairs = [(part.processes.index(SHAPES[t][0]), SHAPES[t][1]) for t in chosen]
    names = [nuisance.name for nuisance in order]
    ranked = sorted(range(len(pairs)), key=lambda i: (pairs[i][0], names.index(pairs[i][1])))
    terms = np.array([chosen[i] for i in ranked])
    logs = {nuisance.name: norms(nuisance, part.processes) for nuisance in order}
    for t in terms if moved is not None else ():
        logs[SHAPES[t][1]][part.processes.index(SHAPES[t][0])] += moved[t]
    systematics = systematics_of(len(part.processes), order, logs, shapes=[pairs[i] for i in ranked])
    normaliser = normaliser_of(systematics, log_g[:, terms], of_grid[:, list(part.processes)])
    return systematics.with_effects(normaliser=normaliser), terms


def with_shapes(
    parts: tuple[Part, ...], orders: tuple[tuple[Nuisance, ...], ...], x: np.ndarray, size: float, moves: bool
) -> Likelihood:
    """The likelihood of regions with shapes; where these move yields between the regions, with what they move."""
    grid = (np.arange(4000) + 0.5) / 4000
    intensities, effects, of_grid = YIELDS * densities(x), waves(x, size, 3.0), waves(grid, size, 3.0)
    mean = np.stack([densities(grid)[:, c] @ np.exp(of_grid[:, t]) for t, (c, _) in enumerate(SHAPES)])
    mean = np.log(mean / np.array([[densities(grid)[:, c].sum()] for c, _ in SHAPES]))
    effects, of_grid = (effects - mean).astype(np.float32), (of_grid - mean).astype(np.float32)
    regions, events = [], []
    for part, order in zip(parts, orders, strict=True):
        inside = {"below": grid < CUT, "above": grid >= CUT}.get(part.name, np.full(len(grid), True))
        inside = inside if moves else np.full(len(grid), True)
        own, moved = densities(grid[inside]), None
        if moves:
            logs = of_grid[inside].astype(float)
            means = np.stack([own[:, c] @ np.exp(logs[:, t]) for t, (c, _) in enumerate(SHAPES)])
            moved = np.log(means / np.maximum(np.array([[own[:, c].sum()] for c, _ in SHAPES]), 1e-300) + 1e-300)
        systematics, terms = shaped(part, order, of_grid[inside], own, moved)
        regions.append(region_of(part, systematics))
        own_intensities = np.ascontiguousarray(intensities[part.chosen][:, list(part.processes)])
        events.append(RegionEvents(own_intensities, None, effects[part.chosen][:, terms]))
    model = Model(tuple(regions))
    observed = np.array([GLOBAL_OBSERVABLES.get(nuisance.name, 0.2) for nuisance in model.nuisances])
    return Likelihood(model, tuple(events), observed)


def cut_with_shapes(moves: bool, size: float = 0.05) -> tuple[Likelihood, Likelihood]:
    """The whole and two parts: by the cut in x, or by chance, where no shape can move a yield."""
    x = observed_events(5)
    everything, chance = (NORM, SHAPE, OTHER), np.random.default_rng(6).uniform(size=len(x)) < 0.3
    whole = Part("whole", (0, 1, 2, 3, 4), everything, np.full(len(x), True), YIELDS)
    if moves:
        grid = (np.arange(4000) + 0.5) / 4000
        below = densities(grid)[grid < CUT].sum(axis=0) / densities(grid).sum(axis=0)
        parts = (
            Part("below", (4, 2, 3, 1, 0), everything, x < CUT, YIELDS * below),
            Part("above", (0, 1, 2, 3), everything, x >= CUT, YIELDS * (1.0 - below)),
        )
    else:
        parts = (
            Part("below", (4, 2, 3, 1, 0), everything, chance, 0.3 * YIELDS),
            Part("above", (0, 1, 2, 3, 4), everything, ~chance, 0.7 * YIELDS),
        )
    orders = ((OTHER, NORM, SHAPE), (SHAPE, NORM, OTHER))
    return with_shapes((whole,), (everything,), x, size, moves), with_shapes(parts, orders, x, size, moves)


def test_region_with_shapes_that_keep_the_yields_of_its_parts_is_the_same_everywhere():
    whole, parts = cut_with_shapes(moves=False)
    for values in points(whole, 4, 7):
        value, gradient, hessian = differences(whole, parts, values)
        assert value < 1e-12  # the sum is of the same numbers, in another order
        assert gradient < 1e-6 and hessian < 1e-6  # sums of float32
    # A search ends at an estimated distance of 1e-6, a thousandth of a standard deviation from the minimum.
    same_fit(fit(whole), fit(parts), 1e-3)
    one, other = scan(whole, np.linspace(0.0, 4.0, 9)), scan(parts, np.linspace(0.0, 4.0, 9))
    assert other.t == pytest.approx(one.t, abs=5e-6)


def test_region_with_shapes_that_move_yields_is_the_same_where_these_are_known():
    whole, parts = cut_with_shapes(moves=True)
    kappa = np.sqrt(np.linspace(0.0, 4.0, 9))
    places = [0, parts.parameters.index("norm")]  # those of the whole are 0 and 1
    for shape, other in ((0.0, 0.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)):
        held = {"shape": shape, "other": other}
        values = {"mu": 1.7, "norm": 0.6, **held}
        here, there = whole.at(values), parts.at(values)
        assert here.value == pytest.approx(there.value, rel=1e-12)
        assert here.gradient[:2] == pytest.approx(there.gradient[places], rel=1e-9)
        assert here.hessian[:2, :2] == pytest.approx(there.hessian[np.ix_(places, places)], rel=1e-9)
        same_fit(fit(whole, held), fit(parts, held), 1e-3)
        one, two = (each.parameters.to_coordinates(each.parameters.point(values))[1:] for each in (whole, parts))
        assert parts.value(kappa, two) == pytest.approx(whole.value(kappa, one), rel=1e-12)


def test_what_a_cut_costs_where_yields_of_parts_are_interpolated_is_small_and_known():
    """Code 4 of a part's yield is not the sum of code 4 of its events, nor a product of two effects that of its parts'.

    5 % effects of three processes and a thousand events: some hundredths of a unit where two parameters are moved.
    """
    whole, parts = cut_with_shapes(moves=True)

    def moved(shape: float, other: float) -> float:
        values = {"mu": 1.3, "norm": 0.3, "shape": shape, "other": other}
        return abs(whole.at(values).value - parts.at(values).value)

    assert 1e-4 < moved(0.5, 0.0) < 2e-3
    assert 1e-3 < moved(2.0, 0.0) < 2e-2
    assert 5e-3 < moved(1.0, 1.0) < 3e-2


def test_regions_agree_with_the_formula():
    for likelihood in (cut(weighted=True)[1], cut_with_shapes(moves=True)[1]):
        for values in points(likelihood, 2, 11):
            here = likelihood.at(values)
            there = derivatives(likelihood, likelihood.parameters.to_coordinates(likelihood.parameters.point(values)))
            assert here.value == pytest.approx(there[0], abs=1e-6)
            assert here.gradient == pytest.approx(there[1], rel=1e-6, abs=1e-5)
            assert here.hessian == pytest.approx(there[2], rel=1e-6, abs=1e-5)


def analyses() -> list[tuple[UnbinnedRegion, RegionEvents]]:
    """Regions of all kinds: other numbers of terms, knots, directions, tables of pairs and anchors, none, no events."""
    drawn = [random_models.analysis(3, 1, kinds=("code4",), events=600)]
    for number, seed, rank in ((2, 2, 4), (4, 5, 2)):
        plain = random_models.analysis(number, seed, kinds=("code4",), norm_only=int(seed == 2), events=300)
        drawn.append(random_models.with_third_order_and_anchor(plain, seed, rank))
    plain = random_models.analysis(2, 9, kinds=("code4",), events=200)
    drawn.append(replace(plain, systematics=plain.systematics.with_effects(normaliser=Normaliser.none())))
    drawn.append(random_models.analysis(0, 9, events=200))
    pairs = one_sided_search.model(0.2, sides=(0.0, 1.0), events=400)
    # A root, so that the coordinate is that of the others.
    coefficients = replace(pairs.mixture.coefficients, expressions=("sqrt(mu)", "1"))
    drawn.append(replace(pairs, mixture=replace(pairs.mixture, bounds=(0.0, 10.0), coefficients=coefficients)))
    assert len(pairs.systematics.normaliser.surface_pairs)
    assert len({own.systematics.normaliser.table.shape[1] for own in drawn}) > 2
    result = []
    for number, own in enumerate(drawn):
        rows = slice(0, 0) if number == 4 else slice(None)
        region = UnbinnedRegion(f"region{number}", own.mixture, own.systematics)
        result.append((region, RegionEvents(own.intensities[rows], None, own.log_g[rows])))
    return result


@pytest.mark.parametrize("threads", [1, 2])
def test_regions_with_normalisers_of_all_kinds_add_up(threads):
    parts, generator = analyses(), np.random.default_rng(1)
    model = Model(tuple(region for region, _ in parts))
    whole = Likelihood(model, tuple(events for _, events in parts), threads=threads)
    for held in (None, 5.0, 6.3):  # a parameter on its bound and beyond, where one may hold it
        values = {nuisance.name: float(generator.normal()) for nuisance in model.nuisances}
        values |= {"mu": float(generator.uniform(0.2, 2.0)), "nuisance0": held or values["nuisance0"]}
        value, gradient, hessian = 0.0, np.zeros(len(whole.parameters)), np.diag(np.zeros(len(whole.parameters)))
        for region, events in parts:
            alone = Likelihood(Model((region,)), (events,))
            here = alone.at({name: values[name] for name in alone.parameters.names})
            own = [whole.parameters.index(name) for name in alone.parameters.names]
            point = np.array([0.0, *(values[name] for name in alone.parameters.names[1:])])
            value += here.value - point @ point
            gradient[own] += here.gradient - 2.0 * point
            hessian[np.ix_(own, own)] += here.hessian - 2.0 * np.diag(np.arange(len(own)) > 0)
        point = np.array([0.0, *(values[name] for name in whole.parameters.names[1:])])
        found = whole.at(values)
        assert found.value == pytest.approx(value + point @ point, rel=1e-12)
        assert found.gradient == pytest.approx(gradient + 2.0 * point, rel=1e-9, abs=1e-9)
        assert found.hessian == pytest.approx(hessian + 2.0 * np.diag(np.arange(len(point)) > 0), rel=1e-9, abs=1e-9)
