"""What regions cost: events in one or in many regions, histograms, and a model of a hundred small regions.

    python benchmarks/regions.py [--events 100000]

One core, one after the other in one run. *Cut*: the same events in regions of equal size, and in one large region and
many small ones, in ns per event; four processes, two nuisance parameters with shapes of all of them. *Bins*: one region
of 20 bins, three processes, three nuisance parameters, in µs, as Python calls it, and what of it is not the call: the
time of an evaluation in toy fits, which are compiled as a whole. *Many*: a hundred regions of a hundred events each,
with two nuisance parameters in common and two of their own.
"""

import argparse
import time
from collections.abc import Callable, Sequence

import engine_analysis as common
import numpy as np
from binned_regions import TRUTH, counted, expected, region

from steelyard.inference.toy_fits import RegionToys, fit_experiments
from steelyard.likelihood.compile import compile_model
from steelyard.likelihood.kernels.orders import GRADIENT, HESSIAN, VALUE
from steelyard.likelihood.likelihood import Likelihood
from steelyard.likelihood.minimise.search import minimise
from steelyard.likelihood.region_events import RegionEvents
from steelyard.model.effects import Nuisance, Systematics
from steelyard.model.model import Model
from steelyard.model.region import UnbinnedRegion

ORDERS = (VALUE, GRADIENT, HESSIAN)
TOYS = 200


def cut(events: int, sizes: Sequence[int]) -> Likelihood:
    """Events of the analysis with two nuisance parameters, in regions of these sizes."""
    analysis = common.analysis(2)
    generator = np.random.default_rng(1)
    regions, seen = [], []
    for number, size in enumerate(sizes):
        rows = generator.choice(len(analysis.intensities), size=size)
        regions.append(UnbinnedRegion(f"region{number}", analysis.mixture, analysis.systematics))
        seen.append(RegionEvents(analysis.intensities[rows], None, analysis.log_g[rows]))
    assert sum(sizes) == events
    return Likelihood(Model(tuple(regions)), tuple(seen))


def evaluations(likelihood: Likelihood, place: np.ndarray) -> list[float]:
    """Seconds of value, with gradient, with Hessian."""
    evaluator = likelihood.evaluator
    return [common.seconds(lambda order=order: evaluator.expand(place, order)) for order in ORDERS]


def print_cut(events: int) -> None:
    """Print the time of an event in one or in more regions."""
    place = np.array([0.9, 0.3, -0.4])
    shapes = {
        "one region": [events],
        "10 of equal size": [events // 10] * 10,
        "100 of equal size": [events // 100] * 100,
        "one with all but 9,900 events, 99 with 100": [events - 9900] + [100] * 99,
    }
    for name, sizes in shapes.items():
        likelihood = cut(events, sizes)
        common.print_row(name, *(1e9 * seconds / events for seconds in evaluations(likelihood, place)))


def per_evaluation(model: Model, thrown: Sequence[RegionToys]) -> tuple[float, float]:
    """Seconds of a toy fit, and of an evaluation in it."""
    best = np.inf
    for _ in range(3):
        start = time.perf_counter()
        found = fit_experiments(model, thrown, 1.0)
        best = min(best, time.perf_counter() - start)
    return best / TOYS, best / float(found.evaluations.sum())


def print_bins() -> None:
    """Print the times of a histogram."""
    generator = np.random.default_rng(2)
    place = np.array([1.1, 0.3, 1.05, -0.4])
    for errors in (False, True):
        own = region("bins", 20, 1, errors)
        name = "20 bins with template errors" if errors else "20 bins"
        common.print_row(name, *(1e6 * seconds for seconds in evaluations(counted((own,), 3), place)))
        counts = generator.poisson(expected(own, TRUTH), (TOYS, 20))
        thrown = (RegionToys(RegionEvents.of_counts(own, counts.ravel()), 20 * np.arange(TOYS + 1)),)
        toy, evaluation = per_evaluation(Model((own,)), thrown)
        common.print_row("  in toys: of an evaluation, and of a toy", 1e6 * evaluation, 1e6 * toy)


def many(number: int, size: int) -> Likelihood:
    """Regions with two nuisance parameters in common, which have shapes, and two of their own, which have none."""
    analysis = common.analysis(2)
    old, generator = analysis.systematics, np.random.default_rng(4)
    processes = len(old.log_yields)
    regions, seen = [], []
    for h in range(number):
        own = tuple(Nuisance(f"own{h}_{k}") for k in range(2))
        logs = np.concatenate([old.log_yields, 0.03 * generator.normal(size=(processes, 2, 2))], axis=1)
        mask = np.zeros(logs.shape[:2], dtype=bool)
        systematics = Systematics.of((*old.nuisances, *own), logs, mask, old.terms, old.normaliser)
        rows = generator.choice(len(analysis.intensities), size=size)
        regions.append(UnbinnedRegion(f"region{h}", analysis.mixture, systematics))
        seen.append(RegionEvents(analysis.intensities[rows], None, analysis.log_g[rows]))
    return Likelihood(Model(tuple(regions)), tuple(seen))


def timed(call: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    start = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - start)


def print_many() -> None:
    """Print the times of a model of many regions."""
    for number in (1, 10, 100):
        likelihood = many(number, 100)
        place = np.concatenate([[0.9], np.zeros(len(likelihood.parameters) - 1)])
        common.print_row(
            f"{number} regions, {len(place)} parameters",
            *(1e6 * seconds for seconds in evaluations(likelihood, place)),
        )
    model, regions, seen = likelihood.model, likelihood.model.regions, likelihood.events
    held = np.zeros(len(place), dtype=bool)
    print(
        f"  the model {timed(lambda: Model(regions)):.1f} ms, its arrays {timed(lambda: compile_model(model)):.1f} ms,"
    )
    print(f"  packing {timed(lambda: Likelihood(model, seen).evaluator):.1f} ms,")
    print(f"  a fit from one start {timed(lambda: minimise(likelihood.evaluator, place, held)):.1f} ms")


def main() -> None:
    """Print all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    arguments = parser.parse_args()
    common.one_core()
    print("Cut: ns per event; value, + gradient, + Hessian")
    print_cut(arguments.events)
    print("Bins: µs; value, + gradient, + Hessian")
    print_bins()
    print("Many: µs; value, + gradient, + Hessian")
    print_many()


if __name__ == "__main__":
    main()
