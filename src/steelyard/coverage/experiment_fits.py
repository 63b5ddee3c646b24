"""Fits of independently simulated experiments by the learned and by the exact likelihood."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from steelyard.inference.global_observables import throw_global_observables
from steelyard.inference.toy_fits import ToyFits, fit_toys
from steelyard.io.files import whole
from steelyard.regions.unbinned import UnbinnedModel


@dataclass(frozen=True, eq=False)
class SeenEvents:
    """Events of all experiments as one model sees them: ``intensities`` (M, C) and ``log_g`` (M, T, 2)."""

    model: UnbinnedModel
    intensities: np.ndarray
    log_g: np.ndarray


@dataclass(frozen=True, eq=False)
class FittedExperiments:
    """Fits of the same simulated experiments by the learned and by the exact likelihood.

    Attributes:
        mu: true and tested value of the parameter.
        nuisances: true values of the nuisance parameters that are not nominal.
        learned, exact: the fits.
    """

    mu: float
    nuisances: dict[str, float]
    learned: ToyFits
    exact: ToyFits


def fit_experiments(
    learned: SeenEvents, oracle: SeenEvents, offsets: np.ndarray, mu: float, nuisances: Mapping[str, float], seed: int
) -> FittedExperiments:
    """t(mu) of experiments thrown at ``mu`` and ``nuisances``, by the learned and by the exact likelihood.

    Args:
        learned, oracle: the same events in both models.
        offsets: (T+1,) where each experiment begins.
        mu: true and tested value.
        nuisances: true values of nuisance parameters, about which the global observables are thrown.
        seed: of the global observables.
    """
    fits = [fit_seen(side, offsets, mu, nuisances, seed) for side in (learned, oracle)]
    return FittedExperiments(mu, dict(nuisances), *fits)


def fit_seen(seen: SeenEvents, offsets: np.ndarray, mu: float, nuisances: Mapping[str, float], seed: int) -> ToyFits:
    """The same by one likelihood alone."""
    systematics = seen.model.anchored(nuisances).systematics
    thrown = throw_global_observables(systematics, nuisances, len(offsets) - 1, seed)
    return fit_toys(seen.model.mixture, seen.intensities, offsets, mu, systematics, seen.log_g, thrown)


_FIELDS = ("t", "hat", "events", "status", "alpha", "conditional")


def save_experiments(fitted: FittedExperiments, path: str | os.PathLike) -> None:
    """Write the fits of the simulated experiments of one point as ``.npz``."""
    with whole(path) as temporary:
        np.savez(
            temporary,
            header=json.dumps({"mu": fitted.mu, "nuisances": fitted.nuisances}),
            **{
                f"{name}_{field}": getattr(fits, field)
                for name, fits in (("learned", fitted.learned), ("exact", fitted.exact))
                for field in _FIELDS
            },
        )


def load_experiments(path: str | os.PathLike) -> FittedExperiments:
    """Read what :func:`save_experiments` wrote."""
    with np.load(path) as file:
        header = json.loads(str(file["header"]))
        learned, oracle = (ToyFits(*(file[f"{name}_{field}"] for field in _FIELDS)) for name in ("learned", "exact"))
    return FittedExperiments(header["mu"], header["nuisances"], learned, oracle)
