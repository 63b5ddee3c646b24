"""A one-dimensional signal on a background with two nuisance parameters, whose joint effect is known in closed form.

``weight`` multiplies the rates by exp(a(u)) of the true u, ``scale`` moves the events, x = u + s u(1 - u). Both at once
are exp(a(u)) at x, which is not their product, exp(a(x)) times the density of moved events. A further cross term
exp(cross cos(2 pi x)) can be added.
"""

from dataclasses import dataclass

import numpy as np

from steelyard.data.reference_events import ReferenceEvents
from steelyard.diagnostics.factorisation.cross_term import JointEvents, Version
from steelyard.model.coefficients import Coefficients
from steelyard.model.effects import Nuisance
from steelyard.regions.declared_effects import DeclaredEffects, MeasuredEffects, ProcessEffect, Prune
from steelyard.regions.unbinned import UnbinnedModel, build_model

PROCESSES = ("S", "B")
SHIFT, SIZE = 0.06, 0.35
NUISANCES = (Nuisance("weight", interpolation="exponential"), Nuisance("scale", interpolation="exponential"))
VARIED = dict.fromkeys(PROCESSES, ("weight", "scale"))
POINT = {"weight": 1.0, "scale": 1.0}
DECLARED = DeclaredEffects(
    PROCESSES,
    NUISANCES,
    (
        *(ProcessEffect(c, "weight", kind="weights", directions=("up", "down"), use_shape=True) for c in PROCESSES),
        *(ProcessEffect(c, "scale", kind="events", directions=("up", "down"), use_shape=True) for c in PROCESSES),
    ),
    {},
)


def rates(x: np.ndarray) -> np.ndarray:
    """nu_c p_c(x), shape (n, 2)."""
    return np.stack([60.0 * (0.2 + x**2), 120.0 * (1.4 - x)], axis=1)


def factor(u: np.ndarray, side: float = 1.0) -> np.ndarray:
    """Logarithm of what ``weight`` does."""
    return side * SIZE * (u - 0.3)


def moved(u: np.ndarray, side: float = 1.0) -> np.ndarray:
    """Where ``scale`` puts an event."""
    return u + side * SHIFT * u * (1.0 - u)


def true(x: np.ndarray, side: float = 1.0) -> np.ndarray:
    """Where it came from."""
    s = side * SHIFT
    return 2.0 * x / (1.0 + s + np.sqrt((1.0 + s) ** 2 - 4.0 * s * x))


def log_moved(x: np.ndarray, side: float = 1.0) -> np.ndarray:
    """Logarithm of the rates of moved events over the nominal ones, (n, 2)."""
    u = true(x, side)
    jacobian = 1.0 + side * SHIFT * (1.0 - 2.0 * u)
    return np.log(rates(u) / rates(x) / jacobian[:, None])


def missing(x: np.ndarray, cross: float) -> np.ndarray:
    """ln of the joint rate over the product at x, of either process."""
    return factor(true(x)) - factor(x) + cross * np.cos(2.0 * np.pi * x)


def grid(events: int) -> np.ndarray:
    """Equidistant x, whose sums are integrals."""
    return (np.arange(events) + 0.5) / events


def log_r(x: np.ndarray) -> np.ndarray:
    """Exact log ratios to the mean of the processes' densities."""
    densities = rates(x) / rates(grid(20_000)).mean(axis=0)
    return np.log(densities / densities.mean(axis=1)[:, None])


def learned(x: np.ndarray, error: float) -> np.ndarray:
    """(n, 8) log ratios of the variations, by systematic, by process, up before down; as a network with an error."""
    weight = [factor(x, side) for _ in PROCESSES for side in (1.0, -1.0)]
    scale = [log_moved(x, side)[:, c] for c in range(2) for side in (1.0, -1.0)]
    return np.stack([*weight, *scale], axis=1) + error * np.cos(np.pi * np.arange(3, 11) * x[:, None])


def build(events: int = 4_000, error: float = 0.0) -> UnbinnedModel:
    """The model, whose ratios are exact but for ``error``."""
    x = grid(events)
    yields = rates(x).mean(axis=0)
    log_yields, exact = np.zeros((2, 2, 2)), learned(x, 0.0)
    for k, column in enumerate((0, 4)):
        for side in range(2):
            shapes = exact[:, [column + side, column + 2 + side]]
            log_yields[:, k, side] = np.log((rates(x) * np.exp(shapes)).mean(axis=0) / yields)
    density = (rates(x) / yields).mean(axis=1)
    table = ReferenceEvents(density / density.sum(), np.stack([np.zeros(events, dtype=int), np.arange(events)], axis=1))
    return build_model(
        dict(zip(PROCESSES, yields, strict=True)),
        Coefficients(("mu",), ("mu", "1"), {"mu": 1.0}),
        (0.0, 10.0),
        log_r(x),
        table,
        MeasuredEffects(DECLARED, log_yields, learned(x, error), Prune()),
    )


@dataclass(frozen=True, eq=False)
class Truth:
    """Simulated events of true u, with their versions."""

    model: UnbinnedModel
    u: np.ndarray
    ids: np.ndarray
    error: float = 0.0

    def version(self, weight: bool, scale: bool, cross: float = 0.0, product: bool = False) -> Version:
        """With one, both or none off; ``product``: densities and yields factorise but for the cross term."""
        x = moved(self.u) if scale else self.u
        weights = rates(self.u) / len(self.u)
        if weight:
            weights *= np.exp(factor(x if product else self.u) + cross * np.cos(2.0 * np.pi * x))[:, None]
        if product and weight and scale:
            fine = grid(20_000)
            joint = (rates(fine) * np.exp(factor(fine) + log_moved(fine).T).T).mean(axis=0)
            weights *= (
                self.model.mixture.yields * np.exp(self.model.systematics.log_yields[:, :, 0].sum(axis=1)) / joint
            )
        intensities = self.model.event_intensities(log_r(x))
        return Version(self.ids, weights, intensities, self.model.event_shapes(learned(x, self.error)))

    def events(self, cross: float = 0.0, product: bool = False) -> JointEvents:
        """All versions."""
        alone = {"weight": self.version(True, False), "scale": self.version(False, True)}
        joint = self.version(True, True, cross, product)
        return JointEvents(POINT, VARIED, self.version(False, False), joint, alone)


def simulate(model: UnbinnedModel, events: int, seed: int, error: float = 0.0) -> Truth:
    """Events at random."""
    generator = np.random.default_rng(seed)
    return Truth(model, generator.uniform(size=events), generator.permutation(events).astype(np.uint64), error)


def integrate(model: UnbinnedModel, events: int = 4_000, error: float = 0.0) -> Truth:
    """Equidistant events, with which nothing fluctuates."""
    return Truth(model, grid(events), np.arange(events, dtype=np.uint64), error)
