r"""The second-order error of t along functions of the features: noise, or a signal that was not learned.

A network that has learned nothing gives t = 0, and the first-order measurement of its bias 0 too, since t has its
minimum there. What it misses is the second order, :math:`R=\int\lambda_0(\delta u)^2p_\mathrm{ref}` of
:mod:`steelyard.finite_simulation.functional_derivative`, and the part of R along given functions :math:`h_j` can be
measured on events that did not train:

.. math:: a_j &= \int\lambda_0\,\delta u\,h_j\,p_\mathrm{ref}\,dx
          = \sum_c\int\delta p_c\,\nu_c
          \Big[\frac{\lambda_0}{\lambda_\mu}f_c(\mu)G_c\frac{g_c}{N_c}-f_c(\mu_0)\Big]h_j\,dx, \\
          R &\ge a^TG^{-1}a, \quad G_{jk} = \int\lambda_0\,h_jh_k\,p_\mathrm{ref}\,dx,

with :math:`\delta p_c` the density of the events less the learned one. The noise of the events adds
:math:`\mathrm{tr}\,G^{-1}C` to the square, C the covariance of a by the influence of single events
(:mod:`steelyard.finite_simulation.influence`), and this is subtracted. The functions are the features and their
products.

Functions that simple may show a part of R only, and how much products add to what the features alone show tells: of
smooth problems the products add nothing, and of the embedded analysis with 20,000 training events a sample, where the
dips of the interference are not learned, R was larger than the part with products by 0.9 to 2.2 times what these added.
It is taken for as much larger as they add, with an error of half of that.
"""

import numpy as np

from steelyard.finite_simulation.functional_derivative import Response
from steelyard.finite_simulation.influence import SimulatedEvents
from steelyard.regions.unbinned import UnbinnedModel

# What R has beyond its part along the functions, in units of what products add to the features, and the error of that.
BEYOND, BEYOND_ERROR = 1.0, 0.5
# With more functions than this the products of different features are left out.
MOST = 600
# Of the mean square of each function, against functions that are sums of others.
RIDGE = 1e-6
# Random vectors that the trace of a square is estimated from, to a few per cent.
PROBES = 16
# Rows treated at a time.
BLOCK = 8_192


class Functions:
    """The functions h_j on some of the reference events.

    Args:
        model: with the reference events.
        intensity: (n,) lambda_0 of these.
        events: these as simulated ones.
        rows: (m,) numbers of the events.
        features: (m, D) of them.
    """

    def __init__(
        self,
        model: UnbinnedModel,
        intensity: np.ndarray,
        events: SimulatedEvents,
        rows: np.ndarray,
        features: np.ndarray,
    ) -> None:
        weights, densities = model.weights[rows], events.densities[rows]
        self._rows, self._composition = rows, events.composition
        self._weights = weights / weights.sum()
        sums = densities.sum(axis=0)
        self._present = sums > 0.0  # a rare process may have no event among these, and nothing is known of it then
        self._densities = densities / np.where(self._present, sums, 1.0)
        self._mixed = None
        if events.mixed is not None:
            mixed = events.mixed[rows]
            self._mixed = mixed / np.where(self._present, mixed.sum(axis=0), 1.0)
        ratios = model.intensities[rows] / model.mixture.yields
        self._ratios = ratios / (self._weights @ ratios)
        self._events = None if events.events is None else np.unique(events.events[rows], return_inverse=True)[1]
        columns, self._alone = _products(features)
        expected, gram = self._weights * intensity[rows], np.zeros((columns.shape[1],) * 2)
        for start in range(0, len(rows), BLOCK):  # float64 against sums of many, without a copy of all in it
            block = columns[start : start + BLOCK].astype(float)
            gram += block.T @ (expected[start : start + BLOCK, None] * block)
        gram[np.diag_indices(len(gram))] *= 1.0 + RIDGE
        # G = 1 in these, of which the first are made of the features alone.
        inverse = np.linalg.inv(np.linalg.cholesky(gram))
        self._functions = columns @ inverse.T.astype(np.float32)

    def measure(self, response: Response) -> tuple[float, float]:
        """R, as far as the functions tell, and its standard deviation."""
        kernel, functions = response.kernel[self._rows] * self._present, self._functions
        learned = np.einsum("ic,ic->i", self._ratios, kernel)
        found = np.einsum("ic,ic->i", self._densities, kernel) - self._weights * learned
        amplitudes = found.astype(np.float32) @ functions
        reference = learned[:, None] * self._composition
        if self._mixed is None:
            influence = _influence(self._densities, kernel - reference, functions)
        else:
            influence = _influence(self._densities, kernel, functions) - _influence(self._mixed, reference, functions)
        if self._events is not None:
            summed = np.zeros((int(self._events.max()) + 1, functions.shape[1]), dtype=np.float32)
            np.add.at(summed, self._events, influence)
            influence = summed
        probes = np.random.default_rng(0).choice(np.array([-1.0, 1.0], np.float32), (functions.shape[1], PROBES))
        square = np.mean(np.sum((influence.T @ (influence @ probes)).astype(float) ** 2, axis=0))  # tr C², Hutchinson
        along = np.sum((influence @ amplitudes).astype(float) ** 2)
        parts = amplitudes.astype(float) ** 2 - np.sum(influence.astype(float) ** 2, axis=0)
        part, added = float(parts.sum()), max(float(parts[self._alone :].sum()), 0.0)
        error = (1.0 + BEYOND) * np.sqrt(2.0 * square + 4.0 * along)
        return part + BEYOND * added, float(np.hypot(error, BEYOND_ERROR * added))


def _influence(densities: np.ndarray, values: np.ndarray, functions: np.ndarray) -> np.ndarray:
    """What each event adds to the means of values (m, C) times functions (m, J), each density normalised: (m, J)."""
    moved = (densities * values).astype(np.float32)
    return moved.sum(axis=1)[:, None] * functions - densities.astype(np.float32) @ (moved.T @ functions)


def _products(features: np.ndarray) -> tuple[np.ndarray, int]:
    """1, the features scaled to mean 0 and deviation 1, and their products, each of mean square 1: float32 (m, P); and
    how many are no products."""
    values = np.asarray(features, dtype=np.float32)
    values = values - values.mean(axis=0)
    scale = values.std(axis=0)
    values = values[:, scale > 0.0] / scale[scale > 0.0]
    number = values.shape[1]
    first, second = np.triu_indices(number)
    if len(first) + number + 1 > MOST:
        first = second = np.arange(number)
    columns = np.concatenate(
        [np.ones((len(values), 1), np.float32), values, values[:, first] * values[:, second]], axis=1
    )
    return columns / np.sqrt(np.mean(columns**2, axis=0)), 1 + number
