r"""Third cumulants of the shapes of a process, in the directions that matter to its normaliser.

The effects of a process at one event are :math:`\ln g=\sum_{t,s}h_{ts}\,\ell_{ts}(x)`, with
:math:`\ell_{t\pm}=\ln g_t^\pm` and the weights :math:`h_{ts}` of the exponential interpolation (code 4 differs from it
by less than the third order, unless one side is far from the opposite of the other). So
:math:`\ln N_c=\ln E_{p_c}[e^{h\cdot\ell}]` is the generating function of the cumulants of the 2T numbers ℓ, and its
third order is

.. math:: \tfrac16\,\kappa_{ijl}\,z_iz_jz_l, \qquad z = V^Th, \qquad
          \kappa_{ijl} = E_{p_c}[y_iy_jy_l], \qquad y = V^T(\ell-E_{p_c}[\ell]),

where the columns of V are eigenvectors of the covariance of ℓ. All of them give the third order exactly. They are taken
by decreasing variance, and only as many as change :math:`2\nu_c\ln N_c` at one standard deviation by something.
"""

from dataclasses import dataclass

import numpy as np

# In units of -2 ln L, with all nuisance parameters one standard deviation off: what is left out changes it by less.
NEGLIGIBLE = 0.03

# The tensor has this number to the third power elements. Fifty unlike two-sided shapes need fifty directions; with more
# than this the evaluation would take a good part of that of a thousand events.
LARGEST_RANK = 64

# Numbers that are held at a time.
_BLOCK = 1 << 21


@dataclass(frozen=True, eq=False)
class Cubic:
    """The third order of one process with m terms: ``directions`` (2m, r), up sides first, ``cumulants`` (r, r, r)."""

    directions: np.ndarray
    cumulants: np.ndarray

    @property
    def rank(self) -> int:
        """Number of directions."""
        return self.directions.shape[1]

    def value(self, weights: np.ndarray) -> np.ndarray:
        """The third order at weights h, (..., 2m) to (...)."""
        z = weights @ self.directions
        return np.einsum("...i,...j,...ij->...", z, z, np.tensordot(z, self.cumulants, (-1, 0))) / 6.0

    def at_corners(self) -> np.ndarray:
        """What two effects at one full side each do beyond what each does alone: (2m, 2m)."""
        v, k = self.directions, self.cumulants
        # kappa(a + b)^3 - kappa a^3 - kappa b^3 = 3 kappa a a b + 3 kappa a b b
        once = np.einsum("ai,aj,ijl->al", v, v, k, optimize=True) @ v.T
        return 0.5 * (once + once.T)


def third_order(log_g: np.ndarray, density: np.ndarray, expected: float) -> Cubic:
    """The third order of one process.

    Args:
        log_g: (n, m, 2) logarithms of the effects of its m terms.
        density: (n,) of the process on the events, with sum 1.
        expected: number of events that count, for :data:`NEGLIGIBLE`.
    """
    size = 2 * log_g.shape[1]
    mean, covariance = np.zeros(size), np.zeros((size, size))
    step = max(_BLOCK // size, 1)
    for start in range(0, len(log_g), step):
        sides, weights = _sides(log_g[start : start + step]), density[start : start + step]
        mean += weights @ sides
        covariance += (sides * weights[:, None]).T @ sides
    covariance -= np.outer(mean, mean)
    variances, vectors = np.linalg.eigh(covariance)
    variances, vectors = np.clip(variances[::-1], 0.0, None), vectors[:, ::-1]
    # |E[y_i y_j y_l]| is of the size of the product of the three widths: what this bounds cannot matter.
    bound = 2.0 * expected * variances.sum() * np.sqrt(variances)
    rank = min(int(np.count_nonzero(bound > NEGLIGIBLE)), LARGEST_RANK)
    vectors = np.ascontiguousarray(vectors[:, :rank])
    if not rank:
        return Cubic(vectors, np.zeros((0, 0, 0)))
    cumulants = _third_moments(log_g, density, mean, vectors)
    rank = _needed(cumulants, 2.0 * expected)
    return Cubic(np.ascontiguousarray(vectors[:, :rank]), np.ascontiguousarray(cumulants[:rank, :rank, :rank]))


def _sides(log_g: np.ndarray) -> np.ndarray:
    """(n, m, 2) to (n, 2m), float64, all up sides first."""
    return np.concatenate([log_g[..., 0], log_g[..., 1]], axis=1).astype(float)


def _third_moments(log_g: np.ndarray, density: np.ndarray, mean: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    rank = vectors.shape[1]
    first, second = np.triu_indices(rank)
    sums = np.zeros((len(first), rank))
    step = max(_BLOCK // len(first), 1)
    for start in range(0, len(log_g), step):
        y = (_sides(log_g[start : start + step]) - mean) @ vectors
        sums += (y[:, first] * y[:, second]).T @ (y * density[start : start + step, None])
    result = np.zeros((rank, rank, rank))
    result[first, second] = sums
    result[second, first] = sums
    # Equal for any order of the three but for rounding.
    return (result + result.transpose(1, 2, 0) + result.transpose(2, 0, 1)) / 3.0


def _needed(cumulants: np.ndarray, scale: float) -> int:
    """The smallest number of leading directions that leaves less than what is negligible."""
    low, high = 0, len(cumulants)
    while low < high:
        rank = (low + high) // 2
        rest = cumulants.copy()
        rest[:rank, :rank, :rank] = 0.0
        # The mean square of kappa z z z / 6 over independent z of variance 1.
        trace = np.einsum("ijj->i", rest)
        left = scale * np.sqrt((6.0 * np.sum(rest**2) + 9.0 * np.sum(trace**2)) / 36.0)
        low, high = (rank + 1, high) if left > NEGLIGIBLE else (low, rank)
    return low
