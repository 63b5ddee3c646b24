"""What one evaluation costs: value, gradient and Hessian against streaming the same bytes, and against JAX.

    python benchmarks/engine_evaluations.py [--events 100000] [--nuisances 0 2 10 50] [--no-jax] [--threads 2]

In ns per event, process and nuisance parameter (with none of these, per event and process). Streaming: the sum of as
many bytes as the engine keeps of the events, by one core. JAX (`benchmarks/jax_likelihood.py`): the straightforward
implementation, with code 4's coefficients formed beforehand, and from the logarithms; both give the engine's values,
which is checked. Everything runs on one core, one after the other.
"""

import argparse

import engine_analysis as common
import numpy as np

from steelyard.likelihood.evaluate import Evaluator
from steelyard.likelihood.kernels.orders import GRADIENT, HESSIAN, VALUE

# Beyond this many numbers of code 4's coefficients JAX runs out of memory, or of patience.
JAX_LIMIT = 100_000_000


def size_of(evaluator: Evaluator) -> int:
    """Bytes of the packed events that an evaluation reads."""
    events = evaluator.events
    return events.intensities.nbytes + events.weights.nbytes + events.shapes.nbytes


def place_of(nuisances: int) -> np.ndarray:
    """A point away from the minimum, with nuisance parameters inside code 4's polynomial."""
    return np.concatenate([[0.9], np.random.default_rng(1).uniform(-0.9, 0.9, size=nuisances)])


def measure(nuisances: int, events: int, with_jax: bool) -> None:
    """Print the rows of one number of nuisance parameters."""
    likelihood = common.asimov(common.analysis(nuisances), events)
    evaluator, place = likelihood.evaluator, place_of(nuisances)
    unit = 1e9 / (len(likelihood.intensities) * len(likelihood.mixture.processes) * max(nuisances, 1))
    orders = (VALUE, GRADIENT, HESSIAN)
    times = [common.seconds(lambda order=order: evaluator.expand(place, order)) for order in orders]
    streaming = common.streaming_seconds(size_of(evaluator))
    common.print_row(f"{nuisances} nuisances: streaming", streaming * unit)
    common.print_row("  engine", *(time * unit for time in times))
    common.print_row("  engine / streaming", *(time / streaming for time in times))
    if not with_jax:
        return
    from jax_likelihood import JaxLikelihood

    numbers = len(likelihood.intensities) * len(likelihood.mixture.processes) * nuisances
    for name, precomputed in (("JAX, coefficients", True), ("JAX, logarithms", False)):
        if numbers * (6 if precomputed else 2) > JAX_LIMIT:
            print(f"  {name}: left out, {numbers * 48e-9 if precomputed else numbers * 16e-9:.0f} GB of events")
            continue
        other = JaxLikelihood(likelihood, precomputed)
        value, gradient = other.gradient(place)
        here = evaluator.expand(place, GRADIENT)
        assert abs(value - here.value) < 1e-3, (value, here.value)
        assert np.abs(gradient - here.gradient).max() < 1e-2, (gradient, here.gradient)
        calls = [other.value, other.gradient]
        if numbers <= 400_000 and precomputed:
            hessian = other.hessian(place)[2]
            full = evaluator.expand(place, HESSIAN).hessian
            assert np.abs(hessian - full).max() < 1e-4 * np.abs(full).max()
            calls.append(other.hessian)
        theirs = [common.seconds(lambda call=call: call(place), least=1.0) for call in calls]
        common.print_row(f"  {name}", *(time * unit for time in theirs))
        common.print_row(f"  {name} / engine", *(time / ours for time, ours in zip(theirs, times, strict=False)))


def measure_threads(nuisances: int, events: int, threads: int) -> None:
    """Print what so many threads gain over one; the process must not be bound to one core."""
    likelihood, place = common.asimov(common.analysis(nuisances), events), place_of(nuisances)
    evaluator = likelihood.evaluator
    times = []
    for number in (1, threads):
        evaluator.threads = number
        times.append(common.seconds(lambda: evaluator.expand(place, HESSIAN), least=2.0))
    print(f"{threads} threads, {events} events, {nuisances} nuisances, Hessian: {times[0] / times[1]:.2f} times one")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--nuisances", type=int, nargs="+", default=[0, 2, 10, 50])
    parser.add_argument("--no-jax", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    if given.threads > 1:
        measure_threads(10, given.events, given.threads)
    common.one_core()
    common.print_machine()
    common.print_head(f"{given.events} events, ns", "value", "+ gradient", "+ Hessian")
    for nuisances in given.nuisances:
        measure(nuisances, given.events, not given.no_jax)


if __name__ == "__main__":
    main()
