"""Ensemble convergence: how far the mean of the members still moves."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from steelyard.checks import Check, Kind, Level, Levels, Threshold, at_least, at_most
from steelyard.diagnostics.empirical import normalised, ratios

ENSEMBLE = Kind(
    title="Ensemble",
    name="{of}ensemble of {ratio}",
    words={"of": ("", "members of the ")},
    levels={"convergence": Level(0.1, 0.3, "Error of the mean of the members' log r, rms over events.")},
    remedy="train more members: the error of their mean falls with the square root of their number",
    picture="convergence",
)
# Of one member nothing can be said.
MEMBERS = Levels(warn=2.0, fail=1.0)

# Orders in which the members are added; the curve averages over them, since member 0 is not special.
ORDERS = 8


@dataclass(frozen=True)
class Convergence:
    """The ensemble of one ratio against its number of members.

    Attributes:
        ratio: its name.
        members: (M,) 1 ... M.
        rms: (M,) rms distance of the log ratio of that many members from that of all M; the last is 0.
        check: verdict on the error of the mean; of one member, which has none, on the number of members.
        spread: rms deviation of one member's log ratio from the members' mean, with M-1 in the denominator; absent for
            one member.
        error_of_mean: spread / sqrt(M): what is left of the members' own randomness in the ensemble; absent likewise.
            What they share, above all their training events, does not show here.
    """

    ratio: str
    members: np.ndarray
    rms: np.ndarray
    check: Check
    spread: float | None = None
    error_of_mean: float | None = None


def convergence(
    ratio: str,
    log_ratio: np.ndarray,
    weights: np.ndarray,
    threshold: float | Threshold,
    combination: Literal["ratio", "log_ratio"] = "ratio",
    seed: int = 0,
) -> Convergence:
    """Spread of the members, and how the ensemble settles as they are added.

    Each member is normalised to E_ref[r] = 1 first, since a common factor drops out of the model.

    Args:
        ratio: name for the result.
        log_ratio: (M, n) of each member on the same events; a subsample of 10^4 to 10^5 is enough. For cross-fitted
            ensembles only the members that may judge the same events can be compared: pass them by fold.
        weights: (n,) reference weights, any positive sum.
        threshold: of the error of the mean.
        combination: mean of ratios or of log ratios.
        seed: of the orders in which members are added.

    Raises:
        ModelError: a log ratio is not finite.
    """
    weights = normalised(weights, f"reference of {ratio}")
    values = np.asarray(log_ratio, dtype=float)
    means = ratios(values, np.ones(values.shape, dtype=bool)) @ weights
    values = values - np.log(means)[:, None]
    count = len(values)
    if count < 2:
        words = "one member has no spread, and what chance does to it is not known: use two or more"
        check = at_least(ENSEMBLE.of(of="members of the ", ratio=ratio), 1.0, MEMBERS, words)
        return Convergence(ratio, np.arange(1, 2), np.zeros(1), check)
    terms = np.exp(values) if combination == "ratio" else values
    final = _combined(terms.mean(axis=0), combination)
    squares = np.zeros(count)
    generator = np.random.default_rng(seed)
    for _ in range(ORDERS):
        running = np.zeros(values.shape[1])
        for used, member in enumerate(generator.permutation(count), start=1):
            running += terms[member]
            squares[used - 1] += weights @ (_combined(running / used, combination) - final) ** 2
    squares[-1] = 0.0  # all members are all members, up to rounding
    spread = float(np.sqrt(weights @ values.var(axis=0, ddof=1)))
    error = spread / np.sqrt(count)
    detail = f"spread {spread:.3f} of one member, {count} members"
    check = at_most(ENSEMBLE.of(of="", ratio=ratio), error, threshold, detail=detail)
    return Convergence(ratio, np.arange(1, count + 1), np.sqrt(squares / ORDERS), check, spread, float(error))


def _combined(mean: np.ndarray, combination: str) -> np.ndarray:
    return np.log(mean) if combination == "ratio" else mean
