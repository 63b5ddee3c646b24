"""Nuisance parameters on the analysis of :mod:`interference`, one of each kind.

Raw log ratios are smooth functions of x with a constant that an untidy network might leave; what the model has to make
of them follows from integrals over the equidistant reference.
"""

from dataclasses import dataclass

import interference
import numpy as np

from steelyard.data.reference_events import ReferenceEvents
from steelyard.model.effects import Nuisance
from steelyard.regions.declared_effects import DeclaredEffects, MeasuredEffects, ProcessEffect, Prune
from steelyard.regions.unbinned import UnbinnedModel, build_model

NUISANCES = (
    Nuisance("lumi", interpolation="exponential"),
    Nuisance("scale"),
    Nuisance("angle", interpolation="exponential", bounds=(-4.0, 3.0)),
    Nuisance("fake", constraint="uniform", bounds=(-1.0, 1.0)),
    Nuisance("k_NI", constraint="free", interpolation="linear", nominal=1.0, bounds=(0.0, 5.0)),
)


@dataclass(frozen=True, eq=False)
class Inputs:
    """What :func:`~steelyard.regions.unbinned.build_model` takes."""

    yields: dict[str, float]
    log_r: np.ndarray
    events: ReferenceEvents
    effects: MeasuredEffects

    def build(self) -> UnbinnedModel:
        return build_model(
            self.yields, interference.coefficients(), interference.BOUNDS, self.log_r, self.events, self.effects
        )


def log_yields() -> np.ndarray:
    """(4, 5, 2): luminosity on all processes, a scale on the gg ones, both sides of a fake rate on the flat one."""
    result = np.zeros((4, 5, 2))
    result[:, 0] = np.log(1.017), -np.log(1.017)
    result[:3, 1] = np.log(1.12), np.log(0.91)
    result[3, 3] = np.log(1.05), np.log(0.97)
    return result


def shape(process: str, systematic: str, *directions: str, symmetrise: bool = False) -> ProcessEffect:
    """A declared shape effect of varied events."""
    return ProcessEffect(
        process, systematic, kind="events", directions=directions, use_shape=True, symmetrise=symmetrise
    )


# A scale on the gg processes with both sides, and a one-sided angle on the flat one and on B.
DECLARED = DeclaredEffects(
    ("S", "SBI", "B", "NI"),
    NUISANCES,
    (*(shape(c, "scale", "up", "down") for c in ("S", "SBI", "B")), *(shape(c, "angle", "up") for c in ("B", "NI"))),
    {"k_NI": ("NI",)},
)


def raw_shapes(x: np.ndarray) -> np.ndarray:
    """(n, 8) raw log ratios of the variations."""
    slope, wave = 0.25 * (x - 0.6), 0.15 * np.cos(3.0 * np.pi * x)
    sides = [slope + 0.02, -0.9 * slope + 0.1 * slope**2 - 0.01]
    # The scale is rounded as the answer of a network is.
    return np.stack([*(side.astype(np.float32).astype(float) for side in sides * 3), wave, wave + 0.03], axis=1)


def inputs(events: int = 20_000, prune: Prune | None = None) -> Inputs:
    """Everything of an equidistant reference, whose integrals are sums."""
    base = interference.model(events)
    x = (np.arange(events) + 0.5) / events
    with np.errstate(divide="ignore"):
        log_r = np.log(base.intensities / base.mixture.yields)
    return Inputs(
        yields=dict(zip(base.mixture.processes, base.mixture.yields, strict=True)),
        log_r=log_r,
        events=ReferenceEvents(base.weights, base.rows),
        effects=MeasuredEffects(DECLARED, log_yields(), raw_shapes(x), prune or Prune()),
    )
