"""What a profile fit and a scan of one data set cost, against the same likelihood in JAX, minimised by iminuit.

    python benchmarks/engine_fits.py [--events 10000 100000 1000000] [--nuisances 0 2 10 50] [--jax 100000:10 ...]

*Newton*: the global minimum from mu = 1.5 and nominal nuisance parameters, one basin, as the engine fits toys and
impacts. *fit*: `steelyard.inference.fit.fit`, iminuit with the engine's gradient in all basins and on both bounds, as
the Asimov fit does. *scan*: `steelyard.inference.fit.scan`, that fit and 21 conditional ones and one at the lower
bound. *JAX + iminuit*: one Migrad from the same start, compilation not counted. One core, weighted Asimov data.
"""

import argparse
import time

import engine_analysis as common
import numpy as np

from steelyard.inference.fit import fit, scan
from steelyard.likelihood.likelihood import Likelihood
from steelyard.likelihood.minimise.search import minimise

# Bytes of shapes beyond which a data set is left out: they are held twice while they are packed.
LIMIT = 6e9


def start_of(likelihood: Likelihood) -> np.ndarray:
    """mu = 1.5 and nominal nuisance parameters."""
    return np.concatenate([[np.sqrt(1.5)], likelihood.systematics.nominal])


def once(function) -> tuple[float, object]:
    """Seconds of one call, and its result."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def measure(events: int, nuisances: int) -> None:
    """Print the row of one size."""
    name = f"{events:.0e} events, {nuisances} nuisances"
    if events * max(nuisances, 1) * 4 * 8 * 2 > LIMIT:
        print(f"{name:30} left out: {events * nuisances * 64e-9:.0f} GB of events")
        return
    likelihood = common.asimov(common.analysis(nuisances), events)
    packing, evaluator = once(lambda: likelihood.evaluator)
    free = np.zeros(1 + nuisances, dtype=bool)
    newton = common.seconds(lambda: minimise(evaluator, start_of(likelihood), free), least=0.3)
    found = minimise(evaluator, start_of(likelihood), free)
    assert found.converged
    of_fit, best = once(lambda: fit(likelihood))
    assert best.valid and best.minimum > found.value - 1e-3
    of_scan, result = once(lambda: scan(likelihood, np.linspace(0.0, 2.0, 21)))
    assert result.not_converged == 0 and np.isfinite(result.t).all()
    common.print_row(name, packing, newton, of_fit, of_scan)


def measure_jax(events: int, nuisances: int) -> None:
    """Print Newton's method against JAX and iminuit, side by side."""
    from jax_likelihood import JaxLikelihood

    likelihood = common.asimov(common.analysis(nuisances), events)
    free, start = np.zeros(1 + nuisances, dtype=bool), start_of(likelihood)
    ours = common.seconds(lambda: minimise(likelihood.evaluator, start, free), least=1.0)
    value = minimise(likelihood.evaluator, start, free).value
    other = JaxLikelihood(likelihood)
    other.gradient(start), other.value(start)  # compiled
    seconds, minuit = once(lambda: other.minimise(start))
    print(
        f"{events:.0e} events, {nuisances} nuisances: engine {ours:.3g} s, JAX + iminuit {seconds:.3g} s in "
        f"{minuit.nfcn} values and {minuit.ngrad} gradients, ratio {seconds / ours:.0f}; "
        f"-2 ln L higher by {minuit.fval - value:.1e}, valid {minuit.valid}",
        flush=True,
    )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--events", type=float, nargs="*", default=[1e4, 1e5, 1e6])
    parser.add_argument("--nuisances", type=int, nargs="+", default=[0, 2, 10, 50])
    parser.add_argument("--jax", nargs="*", default=["10000:10", "100000:10"], help="sizes, events:nuisances")
    given = parser.parse_args()
    common.one_core()
    common.print_machine()
    for size in given.jax:
        measure_jax(*map(int, size.split(":")))
    common.print_head("seconds", "packing", "Newton", "fit", "scan")
    for events in given.events:
        for nuisances in given.nuisances:
            measure(int(events), nuisances)


if __name__ == "__main__":
    main()
