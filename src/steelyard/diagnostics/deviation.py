"""The size of a disagreement between two histograms beyond what statistics explains."""

import numpy as np


def relative_deviation(
    difference: np.ndarray, variance: np.ndarray, scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    r"""Rms deviation over bins with its statistical part subtracted, and its error towards larger values.

    .. math:: V = \sum_b \frac{d_b^2 - \sigma_b^2}{s_b}, \qquad
              \sigma_V^2 = \sum_b \frac{2\sigma_b^4}{s_b^2} +
              \max\Big(\sum_b\frac{4(d_b^2-\sigma_b^2)\,\sigma_b^2}{s_b^2},\,0\Big)

    V has expectation zero where the two agree, at any number of events, so :math:`\sqrt{\max(V,0)}` measures a size and
    not, as chi2 does, a size times a number of events. With the target's fractions as s_b it is the rms relative
    deviation of the densities. The error is :math:`\sqrt{\max(V,0)+\sigma_V}-\sqrt{\max(V,0)}`: for V = 0 the size
    that could go unnoticed.

    Args:
        difference: (..., B) d_b.
        variance: (..., B) sigma_b^2 of the differences.
        scale: (..., B) positive s_b.

    Returns:
        The size and its error, of the leading shape.
    """
    size = np.maximum(((difference**2 - variance) / scale).sum(axis=-1), 0.0)
    truth = np.maximum((4.0 * (difference**2 - variance) * variance / scale**2).sum(axis=-1), 0.0)
    spread = np.sqrt((2.0 * variance**2 / scale**2).sum(axis=-1) + truth)
    return np.sqrt(size), np.sqrt(size + spread) - np.sqrt(size)


def correlated_deviation(difference: np.ndarray, covariance: np.ndarray, scale: np.ndarray) -> tuple[float, float]:
    r"""The same as :func:`relative_deviation` of differences that are correlated between bins.

    .. math:: \sigma_V^2 = \sum_{bb'}\frac{2C_{bb'}^2}{s_bs_{b'}} +
              \max\Big(\sum_{bb'}\frac{4(d_bd_{b'}-C_{bb'})\,C_{bb'}}{s_bs_{b'}},\,0\Big)

    Args:
        difference: (B,) d_b.
        covariance: (B, B) C_bb' of the differences.
        scale: (B,) positive s_b.

    Returns:
        The size and its error.
    """
    weight = 1.0 / np.outer(scale, scale)
    excess = np.outer(difference, difference) - covariance
    size = max(float((np.diag(excess) / scale).sum()), 0.0)
    truth = max(float((4.0 * excess * covariance * weight).sum()), 0.0)
    spread = float(np.sqrt((2.0 * covariance**2 * weight).sum() + truth))
    return float(np.sqrt(size)), float(np.sqrt(size + spread) - np.sqrt(size))


def normalised_covariance(covariance: np.ndarray, share: np.ndarray) -> np.ndarray:
    r"""Covariance of differences of two normalised histograms, from the sums over events.

    Normalising takes each bin's share of the total fluctuation away, :math:`d'_{cb}=d_{cb}-u_{cb}\sum_{b'}d_{cb'}`, so
    that with independent bins

    .. math:: \mathrm{cov}(d'_{cb},d'_{c'b}) = C_b^{cc'}(1-u_{cb}-u_{c'b}) + u_{cb}u_{c'b}\sum_{b'}C_{b'}^{cc'}

    Args:
        covariance: (C, C, B) sums over a bin's events of delta_c delta_c'.
        share: (C, B) fraction of each normalised histogram in the bin.
    """
    first, second = share[:, None, :], share[None, :, :]
    return covariance * (1.0 - first - second) + first * second * covariance.sum(axis=-1, keepdims=True)
