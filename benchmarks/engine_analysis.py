"""What the engine's benchmarks share: an interference analysis of any size, one core, and times.

The analysis is that of the tests (`tests/random_models.py`): S, SBI, B and a flat background in one variable, with
nuisance parameters that change shape and yield of all four processes, scaled to 1,000 expected events.
"""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
import random_models
from numba import njit
from random_models import Analysis

from steelyard.likelihood.likelihood import Likelihood

EXPECTED = 1000.0

# Sizes of the shapes: with fifty of them, 2 %; 5 % each would move the intensities by a third.
SHAPE = {50: 0.02}


def one_core() -> None:
    """Bind this process to one core, whatever libraries would like; call it before they start their threads."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


@cache
def analysis(nuisances: int, events: int = 4000) -> Analysis:
    """The analysis with so many nuisance parameters, code 4, each with shapes of all processes."""
    drawn = random_models.analysis(
        nuisances, seed=nuisances, shape=SHAPE.get(nuisances, 0.05), kinds=("code4",), events=events
    )
    scale = EXPECTED / drawn.mixture.total(1.0)[0]
    return replace(
        drawn,
        mixture=replace(drawn.mixture, yields=scale * drawn.mixture.yields),
        intensities=scale * drawn.intensities,
    )


def split(whole: Analysis, parts: int) -> Analysis:
    """The same analysis with every process in so many equal parts: C times as many columns and terms."""
    mixture, old = whole.mixture, whole.systematics
    coefficients = replace(mixture.coefficients, expressions=tuple(np.repeat(mixture.coefficients.expressions, parts)))
    mixture = replace(
        mixture,
        processes=tuple(f"{process}{part}" for process in mixture.processes for part in range(parts)),
        coefficients=coefficients,
        yields=np.repeat(mixture.yields, parts) / parts,
    )
    # Numbers of the old terms, in the new order: those of a process, once for each of its parts.
    of_process = [np.flatnonzero(old.terms[:, 0] == c) for c in range(len(whole.mixture.processes))]
    source = np.concatenate([np.tile(terms, parts) for terms in of_process])
    process = np.repeat(np.arange(len(mixture.processes)), [len(terms) for terms in of_process for _ in range(parts)])
    place = {(int(c), int(t)): new for new, (c, t) in enumerate(zip(process, source, strict=True))}
    pairs, factors = [], []
    for (t, u), b in zip(old.normaliser.pairs, old.normaliser.pair_factors, strict=True):
        for part in range(parts):
            c = parts * int(old.terms[t, 0]) + part
            pairs.append((place[c, int(t)], place[c, int(u)]))
            factors.append(b)
    systematics = old.with_effects(
        log_yields=np.repeat(old.log_yields, parts, axis=0),
        factors=np.repeat(old.factors, parts, axis=0),
        terms=np.stack([process, old.terms[source, 1]], axis=1),
        normaliser=replace(
            old.normaliser,
            table=old.normaliser.table[source],
            pairs=np.array(pairs, dtype=np.int64).reshape(-1, 2),
            pair_factors=np.reshape(factors, (-1, 2, 2)),
            directions=old.normaliser.directions[source],
            cumulants=np.repeat(old.normaliser.cumulants, parts, axis=0),
        ),
    )
    intensities = np.repeat(whole.intensities, parts, axis=1) / parts
    return Analysis(mixture, systematics, intensities, np.ascontiguousarray(whole.log_g[:, source]), whole.weights)


def asimov(whole: Analysis, events: int, mu: float = 1.0) -> Likelihood:
    """The expected data as so many weighted events: the reference events, over and over."""
    repeats = events // len(whole.weights)
    rows = np.tile(np.arange(len(whole.weights)), repeats)
    weights = np.tile(whole.asimov_weights(mu) / repeats, repeats)
    return Likelihood.of(whole.mixture, whole.intensities[rows], weights, whole.systematics, whole.log_g[rows])


def seconds(function: Callable[[], object], least: float = 0.5, calls: int = 1) -> float:
    """The shortest of repeated times of a call, repeated for ``least`` seconds and at least three times."""
    best, spent, runs = np.inf, 0.0, 0
    while spent < least or runs < 3:
        start = time.perf_counter()
        function()
        spent += (last := time.perf_counter() - start)
        best, runs = min(best, last), runs + 1
    return best / calls


@njit(fastmath=True)
def _total(numbers):
    total = 0.0
    for number in numbers:
        total += number
    return total


def streaming_seconds(size: int) -> float:
    """Time in which one core reads so many bytes once: the sum of float64 numbers, with vector instructions."""
    numbers = np.ones(max(size // 8, 1))
    return seconds(lambda: _total(numbers))


def exponent(sizes: list[int], times: list[float]) -> float:
    """Slope of log time against log size."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def print_head(*columns: str) -> None:
    """The head of a table of columns of twelve characters, the first of thirty."""
    print(f"{columns[0]:30}" + "".join(f"{column:>12}" for column in columns[1:]), flush=True)


def print_row(name: str, *values: float | str) -> None:
    """A row of it."""
    cells = (f"{value:>12}" if isinstance(value, str) else f"{value:12.4g}" for value in values)
    print(f"{name:30}" + "".join(cells), flush=True)


def print_machine() -> None:
    """Load of the machine, without which a time means little."""
    load = os.getloadavg()
    print(f"{os.cpu_count()} cores, load averages {load[0]:.1f} {load[1]:.1f} {load[2]:.1f}", flush=True)
