"""The test for a density that is negative somewhere, beyond single events of negative weight."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from steelyard.errors import ModelError
from steelyard.ratios.signed import SignedNetwork
from steelyard.ratios.training_data import Rows, Slices

# Standard deviations below zero. The sum over the events where the network expects least is looked at with one event
# after the other: where the true sum is zero it goes below that by chance in one case of 10⁵.
SIGNIFICANT = 5.0
# Fewest events of a region.
FEWEST = 25
# Part of the region's events, in each feature, whose range is told: all but the outermost.
RANGE = (0.05, 0.95)
FEATURES_TOLD = 3


@dataclass(frozen=True)
class NegativeRegion:
    """Where the weights of a density sum to less than nothing.

    Attributes:
        rows: (m,) of the events there.
        total: their sum of weights, as a fraction of the sum of |w| of all events.
        error: its statistical error, √Σw².
    """

    rows: np.ndarray
    total: float
    error: float


def negative_region(expected: np.ndarray, weights: np.ndarray) -> NegativeRegion | None:
    """The events of lowest expectation whose weights sum to the most significantly negative number, if one is.

    A true density has no negative sum over any set of events that was chosen without a look at their weights.

    Args:
        expected: (N,) what a network expects of the sign of each event, in any monotone scale; it has not trained on
            these events.
        weights: (N,).
    """
    used = np.flatnonzero(weights)
    order = used[np.argsort(expected[used], kind="stable")]
    sums, errors = np.cumsum(weights[order]), np.sqrt(np.cumsum(weights[order] ** 2))
    if len(order) < FEWEST:
        return None
    pulls = (sums / errors)[FEWEST - 1 :]
    lowest = int(np.argmin(pulls))
    if pulls[lowest] > -SIGNIFICANT:
        return None
    last, total = lowest + FEWEST, np.abs(weights).sum()
    return NegativeRegion(order[:last], float(sums[last - 1] / total), float(errors[last - 1] / total))


def require_positive(network: SignedNetwork, rows: Rows, name: str, features: Sequence[str]) -> None:
    """Raise an error if a density is negative in a region of the events (N,), on which the network has not trained.

    Args:
        network: trained.
        rows: events with the weights of both densities.
        name: of the ratio and member.
        features: names of the columns.

    Raises:
        ModelError: the density is negative somewhere: more training changes nothing. The message names the region.
    """
    parts = []
    with torch.inference_mode():
        for batch, *_ in Slices(rows):
            parts.append([None if logit is None else logit.cpu().numpy() for logit in network.parts(batch)[1:]])
    for place, (what, weights) in enumerate((("numerator", rows.w1), ("denominator", rows.w0))):
        if network.net[place] is None:
            continue
        weights = weights.cpu().numpy().astype(float)
        region = negative_region(np.concatenate([part[place] for part in parts]), weights)
        if region is not None:
            raise ModelError(_message(region, rows.features.cpu().numpy(), name, what, features))


def _message(region: NegativeRegion, values: np.ndarray, name: str, what: str, features: Sequence[str]) -> str:
    low, high = np.quantile(values[region.rows], RANGE, axis=0)
    everywhere = np.quantile(values, RANGE, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        narrowness = np.nan_to_num((high - low) / (everywhere[1] - everywhere[0]), nan=1.0)
    told = [f"{features[i]} from {low[i]:.4g} to {high[i]:.4g}" for i in np.argsort(narrowness)[:FEATURES_TOLD]]
    return (
        f"{name}: the density of its {what} is negative in a region, and no training can make a ratio of that. The "
        f"weights of {len(region.rows)} events that no network trained on sum to {region.total:.3g} ± "
        f"{region.error:.2g} of all |w| there ({', '.join(told)}). A process needs a positive density: take an "
        "interference together with what it interferes with as one process (such as SBI for I, with the coefficients "
        "that this changes), correct the signs of the weights, or leave the region out by `selection`"
    )
