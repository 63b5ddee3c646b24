"""What nuisance parameters do to the templates of a binned analysis."""

from dataclasses import replace

import numpy as np

from steelyard.baselines.binning import histogram
from steelyard.errors import ModelError
from steelyard.statistics.normaliser import build_normaliser
from steelyard.statistics.systematics import Systematics


def bin_systematics(
    index: np.ndarray, densities: np.ndarray, log_g: np.ndarray, systematics: Systematics, bins: int
) -> tuple[Systematics, np.ndarray]:
    r"""The systematics of a histogram, from the shape effects of its simulated events.

    With :math:`T_{cb}` and :math:`T^\pm_{cb}=\sum_{i\in b} p_{c,i}\,g^\pm_{ck}(x_i)` the nominal and varied templates,
    the part that changes their sum over the bins joins the yield factor, and the rest is the shape of the histogram:

    .. math:: \ln G'^\pm_{ck}=\ln G^\pm_{ck}+\ln\frac{\sum_b T^\pm_{cb}}{\sum_b T_{cb}}, \qquad
              \ln g'^\pm_{cb}=\ln\frac{T^\pm_{cb}}{T_{cb}}-\ln\frac{\sum_b T^\pm_{cb}}{\sum_b T_{cb}}

    So a histogram is a model like the unbinned one, with the bins for events, and at :math:`\alpha_k=\pm1` it has
    exactly the varied template.

    Args:
        index: (n,) bin of each simulated event; ``bins`` is outside.
        densities: (n, C) event weights of each process.
        log_g: (n, T, 2) shape effects of the events.
        systematics: of the unbinned model.
        bins: number of bins B.

    Returns:
        The systematics, and log g' (B, T, 2).

    Raises:
        ModelError: a varied template is empty or negative in a bin where the nominal one is not.
    """
    shapes = np.zeros((bins, len(systematics.terms), 2))
    log_yields = np.array(systematics.log_yields, dtype=float)
    counts = np.stack([histogram(index, np.ascontiguousarray(column), bins) for column in densities.T])
    for term, (process, nuisance) in enumerate(systematics.terms):
        nominal = counts[process]
        filled = nominal != 0.0
        for side in range(2):
            column = densities[:, process] * np.exp(log_g[:, term, side], dtype=float)
            varied = histogram(index, column, bins)
            if np.any(varied[filled] / nominal[filled] <= 0.0):
                bad = int(np.flatnonzero(filled)[np.argmin(varied[filled] / nominal[filled])])
                raise ModelError(
                    f"a binned baseline: the template of the systematic {systematics.names[nuisance]} is "
                    f"{varied[bad]:.3g} times the yield in bin {bad + 1}, where the nominal one is {nominal[bad]:.3g}: "
                    "use fewer or wider bins, or more simulated events"
                )
            total = np.log(varied.sum() / nominal.sum())
            shapes[filled, term, side] = np.log(varied[filled] / nominal[filled]) - total
            log_yields[process, nuisance, side] += total
    normaliser = build_normaliser(systematics, shapes, counts.T)
    return replace(systematics, log_yields=log_yields, normaliser=normaliser), shapes
