"""Fits of many pseudo-experiments at once, in the one-dimensional fit coordinate."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from steelyard.statistics.fits import SEARCH_POINTS, local_minima
from steelyard.statistics.mixture import Mixture

# Events whose search grid is evaluated at a time: bounds the memory to about 64 * 8 bytes * this.
BLOCK_EVENTS = 65_536
STEPS = 40
TOLERANCE = 1e-9  # expected distance to the minimum, in -2 ln L, at which a basin is done


class Status(IntEnum):
    """How the fit of one pseudo-experiment ended. Only the first two have a usable t."""

    CONVERGED = 0
    AT_BOUND = 1
    NO_VALID_START = 2  # no parameter value gives every event a positive density
    NEGATIVE_AT_TEST = 3  # the tested hypothesis gives some event a negative density
    NOT_CONVERGED = 4


@dataclass(frozen=True)
class ToyFits:
    """Results of T pseudo-experiments, all arrays (T,).

    Attributes:
        t: test statistic t(mu) of the tested value, ``nan`` where the fit failed.
        hat: best-fit parameter value, ``nan`` where there is none.
        events: number of events.
        status: a :class:`Status` each.
    """

    t: np.ndarray
    hat: np.ndarray
    events: np.ndarray
    status: np.ndarray


@dataclass(frozen=True)
class _Experiments:
    """Ragged events of T experiments: experiment k owns rows ``offsets[k]:offsets[k+1]`` of ``rates`` (M, C)."""

    mixture: Mixture
    rates: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def sums(self, terms: np.ndarray) -> np.ndarray:
        """Sum of per-event terms (M, ...) over each experiment: (T, ...); an empty experiment sums to zero."""
        padded = np.concatenate([terms, np.zeros((1, *terms.shape[1:]))])  # reduceat: a row behind the last experiment
        result = np.add.reduceat(padded, self.offsets[:-1], axis=0)
        result[self.offsets[:-1] == self.offsets[1:]] = 0.0
        return result

    def grid_values(self, grid: np.ndarray) -> np.ndarray:
        """-2 ln L of every experiment on one common grid (G,): (T, G), ``inf`` where a density is not positive."""
        intensity = self.rates @ self.mixture.fractions(grid).T
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.where(intensity > 0.0, np.log(intensity), -np.inf)
        return 2.0 * self.mixture.total(grid) - 2.0 * self.sums(logs)

    def derivatives(self, kappa: np.ndarray) -> np.ndarray:
        """-2 ln L, slope and curvature of each experiment at its own coordinate (T,): (T, 3)."""
        counts = np.diff(self.offsets)
        intensity = np.empty((len(self.rates), 3))
        totals = np.empty((len(self), 3))
        for order in range(3):
            fractions = self.mixture.fractions(kappa, order)
            intensity[:, order] = np.einsum("ic,ic->i", self.rates, np.repeat(fractions, counts, axis=0))
            totals[:, order] = fractions @ self.mixture.yields
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = intensity[:, 1] / intensity[:, 0]
            logs = np.where(intensity[:, 0] > 0.0, np.log(intensity[:, 0]), -np.inf)
            terms = np.stack([logs, slope, intensity[:, 2] / intensity[:, 0] - slope**2], axis=1)
        return 2.0 * totals - 2.0 * self.sums(terms)

    def select(self, chosen: np.ndarray) -> "_Experiments":
        """The experiments at these indices, repeats allowed."""
        counts = np.diff(self.offsets)[chosen]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        rows = np.arange(offsets[-1]) - np.repeat(offsets[:-1] - self.offsets[:-1][chosen], counts)
        return _Experiments(self.mixture, self.rates[rows], offsets)


def fit_toys(mixture: Mixture, rates: np.ndarray, offsets: np.ndarray, mu: float) -> ToyFits:
    """Fit pseudo-experiments and return t(mu) = -2 ln L(mu) + 2 ln L(mu_hat) of each.

    The coordinate's range is searched on a grid, every local minimum of every experiment is refined by a safeguarded
    Newton iteration with the exact second derivative inside its bracket, and the deepest wins; both bounds compete as
    exact values.

    Args:
        mixture: the model.
        rates: (M, C) nu_c r_c(x) of all events of all experiments, one experiment behind the other.
        offsets: (T+1,) where each experiment begins; empty experiments are allowed.
        mu: tested value of the parameter.
    """
    offsets = np.asarray(offsets, dtype=np.int64)
    pieces = []
    for first, last in _chunks(offsets):
        start, stop = offsets[first], offsets[last]
        pieces.append(_fit_chunk(_Experiments(mixture, rates[start:stop], offsets[first : last + 1] - start), mu))
    empty = ToyFits(*(np.zeros(0) for _ in range(4)))
    return ToyFits(*(np.concatenate([getattr(piece, name) for piece in pieces or [empty]]) for name in _FIELDS))


_FIELDS = ("t", "hat", "events", "status")


def _chunks(offsets: np.ndarray) -> list[tuple[int, int]]:
    chunks, first = [], 0
    while first < len(offsets) - 1:
        last = int(np.searchsorted(offsets, offsets[first] + BLOCK_EVENTS, side="right")) - 1
        last = min(max(last, first + 1), len(offsets) - 1)
        chunks.append((first, last))
        first = last
    return chunks


def _fit_chunk(experiments: _Experiments, mu: float) -> ToyFits:
    mixture = experiments.mixture
    low, high = mixture.coordinate_bounds
    grid = np.linspace(low, high, SEARCH_POINTS)
    tested = float(mixture.to_coordinate(mu))
    values = experiments.grid_values(np.append(grid, tested))
    values, at_test = values[:, :-1], values[:, -1]

    minimum = np.minimum(values[:, 0], values[:, -1])
    kappa = np.where(values[:, 0] <= values[:, -1], low, high)
    done = np.isfinite(minimum)
    # The tested value is a point of the allowed range too: t >= 0 by construction, even below rounding.
    closer = at_test < minimum
    minimum, kappa = np.where(closer, at_test, minimum), np.where(closer, tested, kappa)

    rows, columns = local_minima(values)
    bracket = np.stack([grid[np.maximum(columns - 1, 0)], grid[np.minimum(columns + 1, SEARCH_POINTS - 1)]], axis=1)
    found, depth, converged = _newton(experiments.select(rows), grid[columns], bracket)
    for row, place, value, good in zip(rows, found, depth, converged, strict=True):
        if value < minimum[row]:
            minimum[row], kappa[row], done[row] = value, place, good

    status = np.full(len(experiments), Status.CONVERGED)
    status[(kappa == low) | (kappa == high)] = Status.AT_BOUND
    status[~done] = Status.NOT_CONVERGED
    status[~np.isfinite(at_test)] = Status.NEGATIVE_AT_TEST
    status[~np.isfinite(minimum)] = Status.NO_VALID_START
    usable = status <= Status.AT_BOUND
    with np.errstate(invalid="ignore"):
        t = np.where(usable, np.maximum(at_test - minimum, 0.0), np.nan)
    hat = np.where(np.isfinite(minimum), mixture.to_parameter(kappa), np.nan)
    return ToyFits(t=t, hat=hat, events=np.diff(experiments.offsets), status=status)


def _newton(
    experiments: _Experiments, start: np.ndarray, bracket: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Minimise -2 ln L of each experiment inside its bracket (R, 2): place, value, converged, all (R,).

    The bracket shrinks by the sign of the slope; a Newton step that leaves it, or that has no positive curvature, is
    replaced by its middle. So each step either converges quadratically or halves the bracket.
    """
    low, high = bracket[:, 0].copy(), bracket[:, 1].copy()
    place, value = start.copy(), np.full(len(start), np.inf)
    best, converged = start.copy(), np.zeros(len(start), dtype=bool)
    active = np.arange(len(start))
    subset = experiments
    for _ in range(STEPS):
        if not len(active):
            break
        here = place[active]
        now, slope, curvature = subset.derivatives(here).T
        allowed = np.isfinite(now)
        better = allowed & (now < value[active])
        best[active[better]], value[active[better]] = here[better], now[better]
        # A forbidden point lies on the side that the search must leave: keep the half with the best point.
        right = np.where(allowed, slope > 0.0, here > best[active])
        high[active[right]] = here[right]
        low[active[~right]] = here[~right]
        with np.errstate(divide="ignore", invalid="ignore"):
            step = here - slope / curvature
            distance = 0.5 * slope**2 / curvature
        newton = allowed & (curvature > 0.0) & (step > low[active]) & (step < high[active])
        place[active] = np.where(newton, step, 0.5 * (low[active] + high[active]))
        finished = (allowed & (curvature > 0.0) & (distance < TOLERANCE)) | (high[active] - low[active] < 1e-12)
        converged[active[finished]] = True
        if finished.any():
            active = active[~finished]
            subset = experiments.select(active)
    return best, value, converged
