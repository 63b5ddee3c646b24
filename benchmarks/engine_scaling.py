"""How the cost grows with events, nuisance parameters, processes and toys: times and fitted exponents.

    python benchmarks/engine_scaling.py

An exponent of 1 is a cost in proportion. Evaluations are of value, gradient and Hessian; fits of toys are conditional
and global ones. One core.
"""

from collections.abc import Callable

import engine_analysis as common
import numpy as np

from steelyard.inference.toy_fits import fit_toys
from steelyard.likelihood.kernels.orders import HESSIAN, VALUE
from steelyard.likelihood.likelihood import Likelihood

NUISANCES = 10
EVENTS = 20_000


def evaluation(likelihood: Likelihood, order: int) -> Callable[[], object]:
    """One evaluation away from the minimum."""
    alpha = np.random.default_rng(1).uniform(-0.9, 0.9, size=len(likelihood.systematics))
    evaluator = likelihood.evaluator
    return lambda: evaluator.expand(0.9, alpha, order)


def toys(analysis: common.Analysis, number: int) -> Callable[[], object]:
    """The fits of so many toys."""
    rows, offsets, observed = analysis.throw(1.0, number, np.random.default_rng(1))
    mixture, systematics = analysis.mixture, analysis.systematics
    return lambda: fit_toys(mixture, analysis.intensities, offsets, 1.0, systematics, analysis.log_g, observed, rows)


def report(name: str, sizes: list[int], runs: list[Callable[[], object]]) -> None:
    """Time each and print the exponent."""
    times = [common.seconds(run, least=0.3) for run in runs]
    common.print_row(name, *(f"{time:.3g} s" for time in times), f"{common.exponent(sizes, times):.2f}")


def main() -> None:
    """Print the table."""
    common.one_core()
    common.print_machine()
    base = common.analysis(NUISANCES)
    sizes = [8_000, 40_000, 200_000]
    common.print_head("events", *map(str, sizes), "exponent")
    data = [common.asimov(base, size) for size in sizes]
    report("value", sizes, [evaluation(likelihood, VALUE) for likelihood in data])
    report("+ gradient + Hessian", sizes, [evaluation(likelihood, HESSIAN) for likelihood in data])
    sizes = [5, 10, 20, 40]
    common.print_head("nuisance parameters", *map(str, sizes), "exponent")
    analyses = [common.analysis(size) for size in sizes]
    data = [common.asimov(analysis, EVENTS) for analysis in analyses]
    report("value", sizes, [evaluation(likelihood, VALUE) for likelihood in data])
    report("+ gradient + Hessian", sizes, [evaluation(likelihood, HESSIAN) for likelihood in data])
    report("40 toys", sizes, [toys(analysis, 40) for analysis in analyses])
    sizes = [4, 8, 16, 32]
    common.print_head("processes", *map(str, sizes), "exponent")
    analyses = [common.split(base, size // 4) for size in sizes]
    data = [common.asimov(analysis, EVENTS) for analysis in analyses]
    report("value", sizes, [evaluation(likelihood, VALUE) for likelihood in data])
    report("+ gradient + Hessian", sizes, [evaluation(likelihood, HESSIAN) for likelihood in data])
    report("40 toys", sizes, [toys(analysis, 40) for analysis in analyses])
    sizes = [50, 200, 800]
    common.print_head("toys", *map(str, sizes), "exponent")
    report("10 nuisances", sizes, [toys(base, size) for size in sizes])


if __name__ == "__main__":
    main()
