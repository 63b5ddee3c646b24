"""Toys fitted by the engine and by iminuit, one by one, and where the two disagree.

iminuit minimises the same likelihood (which is checked against its formula in `unit/statistics/engine`) with the exact
gradient, and knows nothing of the engine's search for basins: it starts from several values of the coordinate, and
once with the coordinate held on each of its bounds, where Minuit's transformation of limits can stick.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import random_models

from steelyard.inference.toy_fits import Status, ToyFits, fit_toys
from steelyard.likelihood.kernels.orders import VALUE
from steelyard.likelihood.likelihood import Likelihood
from steelyard.likelihood.minimise.minuit import minimise_with_minuit

# In -2 ln L.
TOLERANCE = 1e-4

# Where Minuit starts, as shares of the coordinate's range.
STARTS = (0.02, 0.15, 0.3, 0.5)


@dataclass(frozen=True)
class Disagreement:
    """One toy on which the two disagree.

    Attributes:
        model, toy: which.
        kind: ``status``: one has a result and the other has none; ``shallow`` and ``shallow at test``: the engine's
            global or conditional minimum lies above iminuit's; ``deep`` and ``deep at test``: below it; ``t``: its
            test statistic is not the difference of its own minima; ``bounds``: a parameter is out of its range.
        size: in -2 ln L.
        hat, hat_minuit: best fit of the parameter of interest.
        pull: largest distance of a constrained nuisance parameter from its global observable at iminuit's minimum. A
            large shape can have minima where it is pulled by several standard deviations; neither of the two looks
            for these, but either may come across one.
    """

    model: str
    toy: int
    kind: str
    size: float
    hat: float
    hat_minuit: float
    pull: float

    @property
    def excused(self) -> bool:
        """The engine found the deeper minimum."""
        return self.kind.startswith("deep")


@dataclass(frozen=True)
class Minima:
    """Minuit's conditional and global minimum: -2 ln L, the best-fit coordinate, and the largest pull there."""

    at_test: float
    deepest: float
    kappa: float
    pull: float


def fit_with_minuit(likelihood: Likelihood, tested: float) -> Minima:
    """The conditional fit at the coordinate ``tested`` and the global one, each the best of several starts."""
    evaluator, systematics = likelihood.evaluator, likelihood.systematics
    ends = likelihood.mixture.coordinate_bounds
    held = np.zeros(1 + len(systematics), dtype=bool)
    held[0] = True
    near = np.where(systematics.constrained, likelihood.global_observables, systematics.nominal)
    found, at_test = [], [np.inf]
    for alpha in (np.clip(near, *systematics.bounds.T), systematics.nominal):
        for kappa in (tested, *ends):
            place = np.concatenate([[kappa], alpha])
            if np.isfinite(evaluator.expand(np.concatenate([[kappa], alpha]), VALUE).value):
                minimum = minimise_with_minuit(evaluator, place, held, ends)
                found.append(minimum)
                if kappa == tested:
                    at_test.append(minimum.value)
        if len(at_test) > 1:
            break
    for share in STARTS:
        place = np.concatenate([[ends[0] + share * (ends[1] - ends[0])], found[0].place[1:] if found else near])
        if np.isfinite(evaluator.expand(place, VALUE).value):
            found.append(minimise_with_minuit(evaluator, place, np.zeros_like(held), ends))
    if not found:
        return Minima(np.inf, np.inf, np.nan, np.nan)
    best = min(found, key=lambda minimum: minimum.value)
    pulls = np.abs(best.place[1:] - likelihood.global_observables)[systematics.constrained]
    return Minima(min(at_test), best.value, float(best.place[0]), float(pulls.max(initial=0.0)))


def compare(
    name: str,
    analysis: random_models.Analysis,
    mu: float,
    thrown: float,
    toys: int,
    seed: int,
    chosen_toys: Collection[int] | None = None,
) -> tuple[ToyFits, list[Disagreement]]:
    """Throw toys at ``thrown``, test ``mu`` in them with both, and list what differs by more than the tolerance.

    iminuit fits ``chosen_toys`` only, if these are given.
    """
    rows, offsets, observed = analysis.throw(thrown, toys, np.random.default_rng(seed))
    mixture, systematics = analysis.mixture, analysis.systematics
    ours = fit_toys(mixture, analysis.intensities, offsets, mu, systematics, analysis.log_g, observed, rows)
    tested, found = float(mixture.to_coordinate(mu)), []
    for toy in range(toys) if chosen_toys is None else chosen_toys:
        chosen = rows[offsets[toy] : offsets[toy + 1]]
        likelihood = Likelihood.of(
            mixture, analysis.intensities[chosen], None, systematics, analysis.log_g[chosen], observed[toy]
        )
        theirs = fit_with_minuit(likelihood, tested)

        def note(kind: str, size: float, toy: int = toy, theirs: Minima = theirs) -> None:
            hat = float(mixture.to_parameter(theirs.kappa))
            found.append(Disagreement(name, toy, kind, float(size), float(ours.hat[toy]), hat, theirs.pull))

        if (ours.status[toy] <= Status.AT_BOUND) != np.isfinite(theirs.at_test):
            note("status", np.nan)
        if ours.status[toy] > Status.AT_BOUND:
            continue
        kappa, alpha = float(mixture.to_coordinate(ours.hat[toy])), ours.alpha[toy]
        low, high = systematics.bounds.T
        outside = any(((point < low) | (point > high)).any() for point in (alpha, ours.conditional[toy]))
        if outside or not mixture.bounds[0] <= ours.hat[toy] <= mixture.bounds[1]:
            note("bounds", np.nan)
        deepest = likelihood.evaluator.expand(np.concatenate([[kappa], alpha]), VALUE).value
        at_test = likelihood.evaluator.expand(np.concatenate([[tested], ours.conditional[toy]]), VALUE).value
        for suffix, above in (("", deepest - theirs.deepest), (" at test", at_test - theirs.at_test)):
            if not abs(above) <= TOLERANCE:
                note(("deep" if above < 0.0 else "shallow") + suffix, abs(above))
        if not abs(ours.t[toy] - (at_test - deepest)) <= TOLERANCE:
            note("t", ours.t[toy] - (at_test - deepest))
    return ours, found


def random_analyses(number: int, seed: int = 0):
    """Random models of many kinds with names: (name, analysis), sizes and numbers of everything drawn."""
    generator = np.random.default_rng(seed)
    for index in range(number):
        arguments = {
            "nuisances": int(generator.choice([0, 1, 2, 3, 5, 8])),
            "shape": float(generator.choice([0.02, 0.05, 0.1, 0.2])),
            "norm": float(generator.choice([0.01, 0.05, 0.1])),
            "norm_only": int(generator.choice([0, 0, 2])),
            "factors": int(generator.choice([0, 0, 1])),
            "common": float(generator.choice([0.5, 0.9])),
        }
        if arguments["nuisances"] >= 5:  # many large shapes of one process: the second-order normaliser is no good
            arguments["shape"] = min(arguments["shape"], 0.05)
        name = f"model {index}: " + ", ".join(f"{key} {value:g}" for key, value in arguments.items() if value)
        yield name, random_models.analysis(seed=1000 * seed + index, events=2000, **arguments)
