"""Toys a second, conditional and global fit in all basins, against the same with iminuit, toy by toy.

    python benchmarks/engine_toys.py [--nuisances 0 2 10 50] [--no-jax] [--threads 2]

About 1,000 events a toy, thrown and tested at mu = 1, shapes of 5 %, with fifty of them of 2 %. *iminuit*: the engine's
value and gradient, Migrad from the tested value (conditional) and from one point in each half of the coordinate
(global). *JAX + iminuit*: the same with the likelihood of `benchmarks/jax_likelihood.py`, padded to one size so that it
is compiled once, which is not counted. One core; *evaluations* are the engine's for a toy, failures are counted.
"""

import argparse
import time

import engine_analysis as common
import numpy as np

from steelyard.inference.toy_fits import Status, fit_toys
from steelyard.likelihood.likelihood import Likelihood
from steelyard.likelihood.minimise.minuit import minimise_with_minuit

TOYS = {0: 8000, 2: 3000, 10: 1500, 50: 150}
SINGLE = {0: 60, 2: 40, 10: 10, 50: 2}
TESTED = 1.0
STARTS = (0.5, 1.5)


def toys_of(nuisances: int, toys: int):
    """The analysis and thrown toys."""
    analysis = common.analysis(nuisances)
    return analysis, analysis.throw(TESTED, toys, np.random.default_rng(1))


def by_engine(analysis, thrown, threads: int = 1) -> tuple[float, object]:
    """Toys a second, the best of three times, and the fits."""
    rows, offsets, observed = thrown

    def run(toys: int = len(offsets) - 1):
        return fit_toys(
            analysis.mixture,
            analysis.intensities,
            offsets[: toys + 1],
            TESTED,
            analysis.systematics,
            analysis.log_g,
            observed[:toys],
            rows,
            threads,
        )

    run(2)
    return (len(offsets) - 1) / common.seconds(run, least=1.0), run()


def by_minuit(analysis, thrown, toys: int, fits, jax: bool) -> float:
    """Toys a second; t must be the engine's."""
    rows, offsets, observed = thrown
    mixture, nuisances = analysis.mixture, len(analysis.systematics)
    held = np.zeros(1 + nuisances, dtype=bool)
    held[0] = True
    padded, other, spent = int(np.diff(offsets[: toys + 1]).max()), None, 0.0
    for toy in range(toys):
        chosen = rows[offsets[toy] : offsets[toy + 1]]
        data = Likelihood.of(
            mixture, analysis.intensities[chosen], None, analysis.systematics, analysis.log_g[chosen], observed[toy]
        )
        starts = [np.concatenate([[kappa], observed[toy]]) for kappa in (np.sqrt(TESTED), *STARTS)]
        if jax:
            from jax_likelihood import JaxLikelihood

            likelihood = JaxLikelihood(data, padded=padded)
            if other is None:
                likelihood.gradient(starts[0]), likelihood.value(starts[0])
                other = likelihood
            likelihood.share_compilation(other)
            start = time.perf_counter()
            values = [likelihood.minimise(place, fixed=i == 0).fval for i, place in enumerate(starts)]
        else:
            start = time.perf_counter()
            evaluator, ends = data.evaluator, mixture.coordinate_bounds
            values = [
                minimise_with_minuit(evaluator, place, held & (i == 0), ends).value for i, place in enumerate(starts)
            ]
        spent += time.perf_counter() - start
        if abs(values[0] - min(values) - fits.t[toy]) > 1e-3:
            print(f"  toy {toy}: t = {values[0] - min(values):.5f} by iminuit, {fits.t[toy]:.5f} by the engine")
    return toys / spent


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nuisances", type=int, nargs="+", default=[0, 2, 10, 50])
    parser.add_argument("--no-jax", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    if given.threads > 1:
        analysis, thrown = toys_of(10, TOYS[10])
        one, many = (by_engine(analysis, thrown, threads)[0] for threads in (1, given.threads))
        print(f"{given.threads} threads, 10 nuisances: {many:.0f} toys a second, {many / one:.2f} times one thread")
    common.one_core()
    common.print_machine()
    common.print_head("toys a second", "engine", "evaluations", "failed", "iminuit", "JAX+iminuit")
    for nuisances in given.nuisances:
        analysis, thrown = toys_of(nuisances, TOYS[nuisances])
        rate, fits = by_engine(analysis, thrown)
        failed = int((fits.status > Status.AT_BOUND).sum())
        assert np.isnan(fits.t[fits.status > Status.AT_BOUND]).all()
        single = by_minuit(analysis, thrown, SINGLE[nuisances], fits, jax=False)
        jax = "-" if given.no_jax else by_minuit(analysis, thrown, min(SINGLE[nuisances], 20), fits, jax=True)
        common.print_row(f"{nuisances} nuisances", rate, float(fits.evaluations.mean()), str(failed), single, jax)


if __name__ == "__main__":
    main()
