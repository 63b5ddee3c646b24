r"""Events on which code 4 falls back to the exponential form, and what t(μ) owes to that form.

Code 4 is a choice of how an effect goes from 1 to its known values g⁺ and g⁻; where it would turn negative the
exponential form is another (:mod:`steelyard.model.interpolation`). Both meet g⁺ and g⁻ and agree outside of ±1.
What a third form would have made of t is measured with the chord

.. math:: g(\alpha) = 1 + \alpha\,(g^+-1)\ (0\le\alpha\le1), \qquad 1 - \alpha\,(g^--1)\ (-1\le\alpha\le0),

which is positive too, and nowhere below the exponentials :math:`e^{\alpha u}` and :math:`e^{-\alpha d}`: a monotone,
convex effect lies between the two. The difference of t between them is a bracket of what is not known.

t is a difference of two minima, so to first order in the change of the likelihood its own change is that of the
likelihood at the minima of the one form; nothing is fitted twice.
"""

from dataclasses import dataclass

import numpy as np

from steelyard.inference.fit import scan
from steelyard.likelihood.likelihood import Likelihood
from steelyard.model.effects import Systematics
from steelyard.model.interpolation import interpolate
from steelyard.model.interpolation.code4 import non_positive
from steelyard.regions.unbinned import UnbinnedModel
from steelyard.regions.varied_intensities import process_factors, shape_products

# Global observables of the nuisance parameters with such events, in the data that t is measured on: at 0 a fit stays
# where all forms are 1, in between they differ most.
PULLS = (0.0, 0.5, -0.5)


@dataclass(frozen=True)
class FallBack:
    """One shape effect with events that fall back.

    Attributes:
        process, systematic: which.
        events: number of events that do.
        share: their part of what the process expects; absent where the events are not a reference.
    """

    process: str
    systematic: str
    events: int
    share: float | None = None

    def __str__(self) -> str:
        share = "" if self.share is None else f", {self.share:.2g} of the process"
        return f"{self.systematic} on {self.process}: {self.events} events{share}"


@dataclass(frozen=True)
class FallBackEffect:
    """What the form of these events may do to the result.

    Attributes:
        found: the effects that have some.
        mu: (G,) values of the parameter.
        difference: (P, G) t with the chord less t with the exponential form, of expected data whose global observables
            of these nuisance parameters are moved by ``PULLS``.
    """

    found: tuple[FallBack, ...]
    mu: tuple[float, ...]
    difference: tuple[tuple[float, ...], ...]

    @property
    def largest(self) -> float:
        """The largest difference by size."""
        return float(np.abs(np.array(self.difference)).max())


def find_fall_back(
    processes: tuple[str, ...], systematics: Systematics, log_g: np.ndarray, densities: np.ndarray | None = None
) -> tuple[FallBack, ...]:
    """The shape effects that fall back on some events.

    Args:
        processes: C names.
        systematics: nuisance parameters and terms.
        log_g: (n, T, 2) ln g at ±1 of any events.
        densities: (n, C) of reference events, for their share.
    """
    found = []
    for t, (c, k) in enumerate(systematics.terms):
        fallen = _fallen(systematics, log_g, t)
        if fallen.any():
            share = None if densities is None else float(densities[fallen, c].sum() / densities[:, c].sum())
            found.append(FallBack(processes[c], systematics.names[k], int(np.count_nonzero(fallen)), share))
    return tuple(found)


def fall_back_effect(model: UnbinnedModel, mu: np.ndarray, truth: float) -> FallBackEffect | None:
    """How much t of the expected data depends on the form of events that fall back; None if there are none.

    Args:
        model: with its reference events.
        mu: (G,) values at which t is compared.
        truth: of the expected data.
    """
    systematics = model.systematics
    found = find_fall_back(model.mixture.processes, systematics, model.log_g, model.densities)
    if not found:
        return None
    moved = np.array([name in {entry.systematic for entry in found} for name in systematics.names])
    weights, mu = model.asimov_weights(truth), np.asarray(mu, dtype=float)
    kappa, differences = model.mixture.to_coordinate(mu), []
    for pull in PULLS:
        observed = systematics.nominal + pull * systematics.errors * (moved & systematics.constrained)
        result = scan(Likelihood.of(model.mixture, model.intensities, weights, systematics, model.log_g, observed), mu)
        best = _change(model, weights, float(model.mixture.to_coordinate(result.fit.hat)), np.array(result.fit.alpha))
        changes = [_change(model, weights, *point) for point in zip(kappa, result.alpha, strict=True)]
        differences.append(tuple(float(change - best) for change in changes))
    return FallBackEffect(found, tuple(mu.tolist()), tuple(differences))


def _fallen(systematics: Systematics, log_g: np.ndarray, t: int) -> np.ndarray:
    if systematics.nuisances[systematics.terms[t, 1]].interpolation != "code4":
        return np.zeros(len(log_g), dtype=bool)
    return non_positive(log_g[:, t, 0], log_g[:, t, 1])


def _change(model: UnbinnedModel, weights: np.ndarray, kappa: float, alpha: np.ndarray) -> float:
    """-2 ln L with the chord less -2 ln L with the exponential form, at one point; inf if the density turns negative.

    Expected events do not change. The normaliser does, by the change of E[g] over the same reference events.
    """
    systematics, mixture = model.systematics, model.mixture
    factors = mixture.coefficients_along(kappa)[0] * process_factors(systematics, alpha[None])[0]
    before, after = np.zeros(len(weights)), np.zeros(len(weights))
    for c in range(len(mixture.processes)):
        intensities = model.intensities[:, c] * shape_products(systematics, model.log_g, alpha[None], c)[0]
        changed = intensities.copy()
        for t in np.flatnonzero(systematics.terms[:, 0] == c):
            place, fallen = alpha[systematics.terms[t, 1]], np.flatnonzero(_fallen(systematics, model.log_g, t))
            if len(fallen) and abs(place) < 1.0:
                up, down = model.log_g[fallen, t].astype(float).T
                chord = 1.0 + abs(place) * np.expm1(up if place > 0.0 else down)
                changed[fallen] *= chord / interpolate("code4", up, down, place)[0]
        before += factors[c] * intensities
        after += factors[c] * changed * ((model.weights @ intensities) / (model.weights @ changed))
    seen = weights > 0.0
    if not np.all(after[seen] > 0.0):
        return np.inf
    return float(-2.0 * weights[seen] @ np.log(after[seen] / before[seen]))
