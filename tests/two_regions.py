"""A signal, a background and a control region of bins: two parameters in the coefficients, one nuisance in both."""

import numpy as np

from steelyard.likelihood.region_events import RegionEvents
from steelyard.model.coefficients import Coefficients
from steelyard.model.effects import Nuisance, Systematics
from steelyard.model.mixture import Mixture
from steelyard.model.model import Model
from steelyard.model.region import BinnedRegion, UnbinnedRegion

REFERENCE = 4000
PARAMETERS = ("mu", "k")


def coefficients() -> Coefficients:
    """A linear signal and a background of free normalisation."""
    return Coefficients(PARAMETERS, ("mu", "k"), {"mu": 1.0, "k": 1.0}, (0.0, 0.0))


def mixture(signal: float, background: float) -> Mixture:
    """With these yields."""
    yields = np.array([signal, background])
    return Mixture(("S", "B"), coefficients(), yields, (0.0, 4.0), ((0.0, 3.0),), free=1)


def norm(size: float) -> Systematics:
    """One nuisance parameter, on the background's yield."""
    logs = np.zeros((2, 1, 2))
    logs[1, 0] = np.log1p(size), np.log1p(-size)
    return Systematics.of((Nuisance("norm"),), logs, np.zeros((2, 1), bool), np.zeros((0, 2), np.int64))


def model(signal: float = 80.0, background: float = 300.0) -> tuple[Model, list[RegionEvents | None]]:
    """The model, and the reference events of its unbinned region: x in [0, 1], the signal rises as 2 x."""
    x = (np.arange(REFERENCE) + 0.5) / REFERENCE
    intensities = np.stack([signal * 2.0 * x, background * np.ones(REFERENCE)], axis=1)
    reference = RegionEvents(intensities, np.full(REFERENCE, 1.0 / REFERENCE))
    templates = np.array([[0.5, 400.0], [1.0, 300.0], [2.0, 100.0]])
    errors = np.array([0.02, 0.02, 0.05])
    regions = (
        UnbinnedRegion("signal", mixture(signal, background), norm(0.1)),
        BinnedRegion("control", mixture(*templates.sum(axis=0)), norm(0.05), templates, errors=errors),
    )
    return Model(regions), [reference, None]
