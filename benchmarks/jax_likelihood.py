"""The likelihood in JAX, float64, as one would write it down first: what the engine is measured by.

Whole arrays over (events, processes, nuisance parameters); derivatives by reverse mode, the Hessian forward over it;
everything in one compiled function. Two forms: with the six coefficients of code 4 formed beforehand, which takes six
float64 numbers where the engine keeps two of float32; and from the logarithms, where they are formed at every call.

Needs `pip install -r envs/benchmarks.txt`.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from iminuit import Minuit

from steelyard.likelihood.likelihood import Likelihood

jax.config.update("jax_enable_x64", True)


def code4_coefficients(log_up, log_down):
    """a_1 .. a_6 of code 4 on a last axis, from the six conditions at ±1."""
    up, down = jnp.exp(log_up), jnp.exp(log_down)
    # Odd and even part of value less one, slope, and curvature.
    values = 0.5 * (up - down), 0.5 * (up + down) - 1.0
    slopes = 0.5 * (up * log_up - down * log_down), 0.5 * (up * log_up + down * log_down)
    curvatures = 0.5 * (up * log_up**2 - down * log_down**2), 0.5 * (up * log_up**2 + down * log_down**2)
    (odd0, even0), (odd1, even1), (odd2, even2) = values, slopes, curvatures
    return jnp.stack(
        [
            (15.0 * odd0 - 7.0 * odd1 + odd2) / 8.0,
            (24.0 * even0 - 9.0 * even1 + even2) / 8.0,
            (-10.0 * odd0 + 10.0 * odd1 - 2.0 * odd2) / 8.0,
            (-24.0 * even0 + 14.0 * even1 - 2.0 * even2) / 8.0,
            (3.0 * odd0 - 3.0 * odd1 + odd2) / 8.0,
            (8.0 * even0 - 5.0 * even1 + even2) / 8.0,
        ],
        axis=-1,
    )


def code4(log_up, log_down, coefficients, alpha):
    """g(alpha): (..., K) from (..., K), (..., K) and (..., K, 6)."""
    powers = alpha[:, None] ** jnp.arange(1, 7)
    inside = 1.0 + (coefficients * powers).sum(axis=-1)
    return jnp.where(jnp.abs(alpha) < 1.0, inside, jnp.exp(jnp.where(alpha > 0.0, alpha * log_up, -alpha * log_down)))


@dataclass(frozen=True, eq=False)
class Arrays:
    """Events as (n, C), (n,), (n, C, K), (n, C, K) and (n, C, K, 6) arrays; the last one may be missing."""

    intensities: jax.Array
    weights: jax.Array
    log_up: jax.Array
    log_down: jax.Array
    coefficients: jax.Array | None


jax.tree_util.register_dataclass(Arrays, ["intensities", "weights", "log_up", "log_down", "coefficients"], [])


class JaxLikelihood:
    """-2 ln L of a :class:`Likelihood` in (kappa, alpha), all of whose nuisance parameters have all shapes in code 4.

    Args:
        likelihood: the same in the library.
        precomputed: form code 4's coefficients of every event beforehand.
        padded: number of events to fill up to, by events of weight zero; so data sets share one compiled function.
    """

    def __init__(self, likelihood: Likelihood, precomputed: bool = True, padded: int = 0) -> None:
        mixture, nuisances = likelihood.mixture, likelihood.systematics
        processes = len(mixture.processes)
        assert all(nuisance.interpolation == "code4" for nuisance in nuisances.nuisances)
        assert len(nuisances.terms) == processes * len(nuisances)
        self.size = 1 + len(nuisances)
        self.bounds = [mixture.coordinate_bounds, *map(tuple, nuisances.bounds)]
        events = len(likelihood.intensities)
        rows = np.concatenate([np.arange(events), np.zeros(max(padded - events, 0), dtype=int)])
        weights = np.ones(events) if likelihood.weights is None else likelihood.weights
        weights = np.concatenate([weights, np.zeros(len(rows) - events)])
        empty = np.zeros((events, 0, 2), dtype=np.float32)
        log_g = (empty if likelihood.log_g is None else likelihood.log_g)[rows].astype(float)
        log_g = log_g.reshape(len(rows), processes, len(nuisances), 2)
        up, down = jnp.asarray(log_g[..., 0]), jnp.asarray(log_g[..., 1])
        coefficients = jax.jit(code4_coefficients)(up, down) if precomputed else None
        self.data = Arrays(jnp.asarray(likelihood.intensities[rows]), jnp.asarray(weights), up, down, coefficients)
        self.observed = jnp.asarray(likelihood.global_observables)
        self._model = _Model(likelihood)

    def value(self, place: np.ndarray) -> float:
        """-2 ln L."""
        return float(self._model.value(jnp.asarray(place), self.data, self.observed))

    def gradient(self, place: np.ndarray) -> tuple[float, np.ndarray]:
        """Value and gradient."""
        value, gradient = self._model.gradient(jnp.asarray(place), self.data, self.observed)
        return float(value), np.asarray(gradient)

    def hessian(self, place: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Value, gradient and Hessian."""
        value, gradient = self.gradient(place)
        return value, gradient, np.asarray(self._model.hessian(jnp.asarray(place), self.data, self.observed))

    def share_compilation(self, other: "JaxLikelihood") -> "JaxLikelihood":
        """Use the compiled functions of another data set of the same model and padded size."""
        self._model = other._model
        return self

    def minimise(self, start: np.ndarray, fixed: bool = False) -> Minuit:
        """Migrad from ``start`` with the gradient; ``fixed`` holds kappa."""
        minuit = Minuit(self.value, np.asarray(start, dtype=float), grad=lambda place: self.gradient(place)[1])
        for i, pair in enumerate(self.bounds):
            minuit.limits[i] = None if fixed and i == 0 else tuple(pair)
        minuit.fixed[0] = fixed
        minuit.errordef = 1.0
        minuit.strategy = 1
        minuit.tol = 1e-2 if self.size > 1 else 1e-4
        return minuit.migrad()


class _Model:
    """The compiled functions of (place, data, global observables)."""

    def __init__(self, likelihood: Likelihood) -> None:
        mixture, nuisances = likelihood.mixture, likelihood.systematics
        polynomial = mixture.coefficients.polynomial
        self._polynomial, self._yields = jnp.asarray(polynomial), jnp.asarray(mixture.yields)
        log_yields = jnp.asarray(nuisances.log_yields)
        self._log_up, self._log_down = log_yields[..., 0], log_yields[..., 1]
        self._coefficients = code4_coefficients(self._log_up, self._log_down)
        normaliser = nuisances.normaliser
        processes, shapes = len(mixture.processes), len(nuisances)
        self._lowest, self._step = float(normaliser.knots[0]), float(normaliser.knots[1] - normaliser.knots[0])
        self._table = jnp.asarray(normaliser.table).reshape(processes, shapes, *normaliser.table.shape[1:])
        # Pairs of terms as one matrix of nuisance parameters and sides for each process.
        if normaliser.cumulants.any():
            raise ValueError("this likelihood has no third order of the normaliser")
        pairs = np.zeros((processes, shapes, 2, shapes, 2))
        for (t, u), b in zip(normaliser.pairs, normaliser.pair_factors, strict=True):
            c, k = nuisances.terms[t]
            pairs[c, k, :, nuisances.terms[u, 1], :] = b
        self._pairs, self._constrained = jnp.asarray(pairs), jnp.asarray(nuisances.constrained)
        self.value = jax.jit(self._value)
        self.gradient = jax.jit(jax.value_and_grad(self._value))
        self.hessian = jax.jit(jax.hessian(self._value))

    def _value(self, place, data, observed):
        kappa, alpha = place[0], place[1:]
        process_coefficients = jnp.stack([jnp.polyval(row[::-1], kappa) for row in self._polynomial])
        yields = jnp.prod(code4(self._log_up, self._log_down, self._coefficients, alpha), axis=-1)
        coefficients = data.coefficients
        if coefficients is None:
            coefficients = code4_coefficients(data.log_up, data.log_down)
        shapes = jnp.prod(code4(data.log_up, data.log_down, coefficients, alpha), axis=-1)
        inner = jnp.clip(alpha, -1.0, 1.0)
        even = inner**2 * (15.0 - inner**2 * (10.0 - 3.0 * inner**2)) / 8.0 + jnp.abs(alpha) - jnp.abs(inner)
        sides = 0.5 * jnp.stack([even + alpha, even - alpha], axis=-1)
        log_normaliser = self._alone(alpha).sum(axis=-1) + jnp.einsum("ckslt,ks,lt->c", self._pairs, sides, sides)
        intensity = (data.intensities * shapes) @ (process_coefficients * yields * jnp.exp(-log_normaliser))
        pulls = jnp.where(self._constrained, alpha - observed, 0.0)
        value = (
            2.0 * process_coefficients @ (yields * self._yields)
            - 2.0 * data.weights @ jnp.log(intensity)
            + pulls @ pulls
        )
        return jnp.where((intensity > 0.0).all(), value, jnp.inf)

    def _alone(self, alpha):
        """(C, K) log normaliser of each shape alone, quintic between the knots."""
        if not len(alpha):
            return jnp.zeros((len(self._yields), 0))
        place = (alpha - self._lowest) / self._step
        left = jnp.clip(jnp.floor(place).astype(int), 0, self._table.shape[2] - 2)
        return jax.vmap(partial(_quintic, self._step), in_axes=(0, 0, 1), out_axes=1)(place - left, left, self._table)


def _quintic(step, u, left, table):
    """The Hermite polynomial at u in [0, 1] of an interval: (C,) from a table (C, Q, 3)."""
    scale = jnp.asarray([1.0, step, step * step])
    v0, d0, s0 = (table[:, left] * scale).T
    v1, d1, s1 = (table[:, left + 1] * scale).T
    h0 = 1.0 - 10.0 * u**3 + 15.0 * u**4 - 6.0 * u**5
    h1 = u - 6.0 * u**3 + 8.0 * u**4 - 3.0 * u**5
    h2 = 0.5 * (u**2 - 3.0 * u**3 + 3.0 * u**4 - u**5)
    h3 = 0.5 * (u**3 - 2.0 * u**4 + u**5)
    h4 = -4.0 * u**3 + 7.0 * u**4 - 3.0 * u**5
    return h0 * v0 + h1 * d0 + h2 * s0 + (1.0 - h0) * v1 + h4 * d1 + h3 * s1
