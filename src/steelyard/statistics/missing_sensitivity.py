r"""The second-order error of t that functions of the features show: noise, or a signal that was not learned.

A network that has learned nothing gives t = 0, and the first-order measurement of its bias 0 too, since t has its
minimum there. What it misses is the second order, :math:`R=\int\lambda_0(\delta u)^2p_\mathrm{ref}` of
:mod:`steelyard.statistics.functional_derivative`, and the part of R along given functions :math:`h_j` can be measured
on events that did not train:

.. math:: a_j &= \int\lambda_0\,\delta u\,h_j\,p_\mathrm{ref}\,dx
          = \sum_c\int\delta p_c\,\nu_c
          \Big[\frac{\lambda_0}{\lambda_\mu}f_c(\mu)G_c\frac{g_c}{N_c}-f_c(\mu_0)\Big]h_j\,dx, \\
          R &\ge a^TG^{-1}a, \quad G_{jk} = \int\lambda_0\,h_jh_k\,p_\mathrm{ref}\,dx,

with :math:`\delta p_c` the density of the events less the learned one. The noise of the events adds
:math:`\mathrm{tr}\,G^{-1}C` to the square, C the covariance of a by the influence of single events
(:mod:`steelyard.statistics.influence`), and this is subtracted. The functions are the features, u, and the log ratios;
of few features also their products.
"""

import numpy as np

from steelyard.statistics.functional_derivative import Response
from steelyard.statistics.influence import SimulatedEvents
from steelyard.statistics.model import Model

# Of so many features or fewer the products are taken too.
FEW = 8
# Directions whose size is less than this part of the largest one are left out.
SMALLEST = 1e-10


class Functions:
    """The functions h_j on some of the reference events.

    Args:
        model: with the reference events.
        events: these as simulated ones.
        rows: (m,) numbers of the events.
        features: (m, D) of these.
    """

    def __init__(self, model: Model, events: SimulatedEvents, rows: np.ndarray, features: np.ndarray) -> None:
        values = np.asarray(features, dtype=float)
        scale = values.std(axis=0)
        values = (values - values.mean(axis=0))[:, scale > 0.0] / scale[scale > 0.0]
        ratios = model.rates[rows] / model.mixture.yields
        columns = [np.ones((len(rows), 1)), values, np.log(np.maximum(ratios, 1e-12))]
        if values.shape[1] <= FEW:
            first, second = np.triu_indices(values.shape[1])
            columns.append(values[:, first] * values[:, second])
        self._fixed = np.concatenate(columns, axis=1)
        self._rows, self._composition = rows, events.composition
        densities, weights = events.densities[rows], model.weights[rows]
        self._densities = densities / densities.sum(axis=0)
        self._weights = weights / weights.sum()
        self._ratios = ratios / (self._weights @ ratios)
        self._events = None if events.events is None else np.unique(events.events[rows], return_inverse=True)[1]

    def missing(self, response: Response, intensity: np.ndarray) -> tuple[float, float]:
        """The measured part of R and its standard deviation, with lambda_0 (n,) of all reference events."""
        u = response.u[self._rows]
        functions = np.concatenate([self._fixed, np.stack([u, u**2], axis=1)], axis=1)
        kernel, expected = response.kernel[self._rows], self._weights * intensity[self._rows]
        learned = np.einsum("ic,ic->i", self._ratios, kernel)
        found = functions.T @ (np.einsum("ic,ic->i", self._densities, kernel) - self._weights * learned)
        moved = self._densities * (kernel - learned[:, None] * self._composition)
        influence = moved.sum(axis=1)[:, None] * functions - self._densities @ (moved.T @ functions)
        if self._events is not None:
            summed = np.zeros((int(self._events.max()) + 1, functions.shape[1]))
            np.add.at(summed, self._events, influence)
            influence = summed
        sizes, directions = np.linalg.eigh(functions.T @ (expected[:, None] * functions))
        kept = sizes > SMALLEST * sizes[-1]
        whitened = directions[:, kept] / np.sqrt(sizes[kept])
        amplitudes, scattered = whitened.T @ found, influence @ whitened
        covariance = scattered.T @ scattered
        part = float(amplitudes @ amplitudes - np.trace(covariance))
        variance = 2.0 * np.sum(covariance**2) + 4.0 * max(amplitudes @ covariance @ amplitudes, 0.0)
        return part, float(np.sqrt(variance))
