"""Pseudo-experiments by Poisson bootstrap of the reference events."""

import os
from dataclasses import dataclass

import numpy as np

from steelyard.outputs import whole
from steelyard.statistics.model import Model
from steelyard.statistics.toy_fits import ToyFits, fit_toys

# Pseudo-experiments that are drawn and fitted at a time; bounds a job's memory, does not change its result.
TOYS_AT_ONCE = 200


@dataclass(frozen=True)
class ToySampler:
    """Draws pseudo-experiments of one hypothesis at a cost of O(N) each.

    A Poisson bootstrap draws n_i ~ Poisson(w_A,i) for every reference event. A sum of independent Poisson numbers is
    Poisson, and given the sum they are multinomial: so N ~ Poisson(sum w_A) events with probability w_A,i / sum w_A
    each are the same distribution, without touching the full sample for every toy (DESIGN 1.8).

    Attributes:
        cumulative: (n,) running sum of the Asimov weights.
    """

    cumulative: np.ndarray

    @classmethod
    def at(cls, model: Model, mu: float) -> "ToySampler":
        """The sampler of the model's Asimov weights at ``mu``; raises ModelError on negative weights."""
        return cls(np.cumsum(model.asimov_weights(mu)))

    def draw(self, toys: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Rows (M,) of reference events and offsets (toys+1,) of the experiments in them; a row may repeat."""
        total = self.cumulative[-1]
        counts = generator.poisson(total, size=toys)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        rows = np.searchsorted(self.cumulative, generator.uniform(0.0, total, size=offsets[-1]), side="right")
        return np.minimum(rows, len(self.cumulative) - 1), offsets


def throw_toys(model: Model, mu: float, toys: int, seed: int) -> ToyFits:
    """Throw pseudo-experiments at ``mu`` and fit each: t(mu) and mu_hat.

    Raises:
        ModelError: the Asimov weights at ``mu`` are not all positive.
    """
    sampler, generator = ToySampler.at(model, mu), np.random.default_rng(seed)
    pieces = []
    for first in range(0, toys, TOYS_AT_ONCE):
        rows, offsets = sampler.draw(min(TOYS_AT_ONCE, toys - first), generator)
        pieces.append(fit_toys(model.mixture, model.rates[rows], offsets, mu))
    return concatenate(pieces)


def concatenate(pieces: list[ToyFits]) -> ToyFits:
    """One result from several batches, in their order."""
    names = ("t", "hat", "events", "status")
    return ToyFits(*(np.concatenate([getattr(piece, name) for piece in pieces]) for name in names))


def save_toys(fits: ToyFits, mu: float, path: str | os.PathLike) -> None:
    """Write the fits of one batch of pseudo-experiments thrown and tested at ``mu`` as ``.npz``."""
    with whole(path) as temporary:
        np.savez(temporary, mu=mu, t=fits.t, hat=fits.hat, events=fits.events, status=fits.status)


def load_toys(path: str | os.PathLike) -> tuple[float, ToyFits]:
    """Read what :func:`save_toys` wrote: the tested value and the fits."""
    with np.load(path) as file:
        return float(file["mu"]), ToyFits(file["t"], file["hat"], file["events"], file["status"])


def load_points(paths: list[str]) -> dict[float, ToyFits]:
    """The toys of every tested value, from all files of all its batches."""
    batches: dict[float, list[ToyFits]] = {}
    for path in paths:
        mu, fits = load_toys(path)
        batches.setdefault(mu, []).append(fits)
    return {mu: concatenate(pieces) for mu, pieces in batches.items()}
