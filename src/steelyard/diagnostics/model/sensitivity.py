"""Where the sensitivity comes from: each event's share in t(mu), mapped over pairs of variables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from steelyard.errors import ModelError
from steelyard.regions.binning import bin_index
from steelyard.regions.unbinned import UnbinnedModel

BINS = 30


class Observable(Protocol):
    """What a map needs to know of a stored quantity: its name, and the range of histograms where it has one."""

    @property
    def name(self) -> str:
        """Of the column."""

    @property
    def range(self) -> tuple[float, float] | None:
        """[lower, upper], or that of the data."""


@dataclass(frozen=True)
class Variable:
    """A variable of a map: name, values (n,) and, where it has one, its range."""

    name: str
    values: np.ndarray
    range: tuple[float, float] | None = None


@dataclass(frozen=True)
class SensitivityMap:
    """Expected shares in t(tested) in the plane of two variables.

    Attributes:
        tested: parameter value in the numerator.
        truth: parameter value of the Asimov data, and in the denominator.
        x, y: names of the variables.
        x_edges, y_edges: (Bx+1,), (By+1,).
        share: (Bx, By) expected contribution to t(tested); never negative; the sum is at most t.
        events: (Bx, By) expected events at the truth.
        total: t(tested), events outside the map included.
    """

    tested: float
    truth: float
    x: str
    y: str
    x_edges: np.ndarray
    y_edges: np.ndarray
    share: np.ndarray
    events: np.ndarray
    total: float


@dataclass(frozen=True)
class SensitivityMaps:
    """Several maps in one file."""

    maps: tuple[SensitivityMap, ...]


def event_shares(
    intensities: np.ndarray, weights: np.ndarray, tested: np.ndarray, truth: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    r"""Share of each reference event in the expected t, and its Asimov weight; both (n,).

    With :math:`\lambda_i(\mu)=\sum_c f_c(\mu)\nu_c r_c(x_i)` and the Asimov data at :math:`\mu_0`, whose best fit is
    :math:`\mu_0`,

    .. math:: t(\mu) = \sum_i 2 w_{\mathrm{ref},i}\,\lambda_i(\mu_0)\,\big[\rho_i - 1 - \ln\rho_i\big],
              \qquad \rho_i = \lambda_i(\mu)/\lambda_i(\mu_0)

    The first two terms are the event's share of the rate term 2 nu(mu) - 2 nu(mu_0), which the reference events sum
    up to because the ratios are normalised. Written like this no share is negative: it is the deviance of a Poisson
    number, bin for bin.

    Args:
        intensities: (n, C) nu_c r_c(x_i).
        weights: (n,) reference weights of sum one.
        tested, truth: (C,) coefficients f_c at mu and at mu_0.

    Raises:
        ModelError: an intensity is not positive.
    """
    at_truth, at_tested = np.asarray(intensities) @ np.asarray(truth), np.asarray(intensities) @ np.asarray(tested)
    bad = int(np.count_nonzero((weights != 0.0) & ((at_truth <= 0.0) | (at_tested <= 0.0))))
    if bad:
        raise ModelError(f"{bad} of {len(weights)} reference events have no positive density at one of the two points")
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = at_tested / at_truth - 1.0
        shares = 2.0 * weights * at_truth * (excess - np.log1p(excess))
    return np.where(weights != 0.0, shares, 0.0), weights * at_truth


def sensitivity_map(
    x: Variable,
    y: Variable,
    shares: np.ndarray,
    asimov: np.ndarray,
    tested: float,
    truth: float,
    bins: int = BINS,
) -> SensitivityMap:
    """Sum the shares and weights of :func:`event_shares` over a grid of two variables.

    Args:
        x, y: the variables; without a range, that of the central 99.8 % of the Asimov data.
        shares, asimov: (n,) from :func:`event_shares`.
        tested, truth: the two parameter values, for the result.
        bins: number of bins on each axis.
    """
    edges = [_edges(variable, asimov, bins) for variable in (x, y)]
    columns = [bin_index(v.values, e, overflow=True) for v, e in zip((x, y), edges, strict=True)]
    inside = (columns[0] < bins) & (columns[1] < bins)
    cell = (columns[0] * bins + columns[1])[inside]
    share, events = (
        np.bincount(cell, weights=weights[inside], minlength=bins * bins).reshape(bins, bins)
        for weights in (shares, asimov)
    )
    return SensitivityMap(
        tested=tested,
        truth=truth,
        x=x.name,
        y=y.name,
        x_edges=edges[0],
        y_edges=edges[1],
        share=share,
        events=events,
        total=float(shares.sum()),
    )


def sensitivity_maps(
    pairs: Sequence[tuple[Variable, Variable]],
    intensities: np.ndarray,
    weights: np.ndarray,
    tested: tuple[float, np.ndarray],
    truth: tuple[float, np.ndarray],
    bins: int = BINS,
) -> tuple[SensitivityMap, ...]:
    """Maps over several pairs of variables for one tested value.

    Args:
        pairs: pairs of variables of the n reference events.
        intensities, weights: as in :func:`event_shares`.
        tested, truth: each a parameter value with its coefficients (C,).
        bins: number of bins on each axis.
    """
    shares, asimov = event_shares(intensities, weights, tested[1], truth[1])
    return tuple(sensitivity_map(x, y, shares, asimov, tested[0], truth[0], bins) for x, y in pairs)


def _edges(variable: Variable, weights: np.ndarray, bins: int) -> np.ndarray:
    if variable.range is not None:
        return np.linspace(*variable.range, bins + 1)
    step = max(1, len(weights) // 100_000)
    values, share = np.asarray(variable.values[::step], dtype=float), np.maximum(weights[::step], 0.0)
    order = np.argsort(values)
    cumulative = np.cumsum(share[order])
    low, high = values[order[np.searchsorted(cumulative, np.array([0.001, 0.999]) * cumulative[-1])]]
    return np.linspace(low, high if high > low else low + 1.0, bins + 1)


def map_observables(
    observables: Sequence[Observable], values: np.ndarray, model: UnbinnedModel, tested: float, truth: float
) -> tuple[SensitivityMap, ...]:
    """Maps of the first observable against each of the others.

    Args:
        observables: of the configuration, the columns of ``values``.
        values: (n, K) of the model's reference events.
        model: the statistical model.
        tested: parameter value whose rejection is mapped.
        truth: parameter value of the Asimov data.
    """
    mixture = model.mixture
    variables = [
        Variable(observable.name, column, observable.range)
        for observable, column in zip(observables, values.T, strict=True)
    ]
    pairs = [(variables[0], other) for other in variables[1:]]
    points = [(mu, mixture.coefficients_along(mixture.to_coordinate(mu))[0]) for mu in (tested, truth)]
    return sensitivity_maps(pairs, model.intensities, model.weights, *points)
