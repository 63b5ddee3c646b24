"""Shape effects of nuisance parameters on the templates of a binned analysis."""

import numpy as np

from steelyard.errors import ModelError
from steelyard.model.effects import Normaliser, Systematics
from steelyard.regions.binning import histogram

# Standard deviations above zero of the content of a bin, among negative weights, for its ratios to mean something.
FLUCTUATION = 2.0


def bin_systematics(
    index: np.ndarray, densities: np.ndarray, varied: np.ndarray, systematics: Systematics, bins: int
) -> tuple[Systematics, np.ndarray]:
    r"""The systematics of a histogram, from the shape effects of its simulated events.

    With :math:`T_{cb}` and :math:`T^\pm_{cb}=\sum_{i\in b} p_{c,i}\,g^\pm_{ck}(x_i)` the nominal and varied templates,
    a bin is interpolated between its own ratios, in which the yield effect of the same nuisance parameter is contained,

    .. math:: \ln g'^\pm_{cb}=\ln\frac{T^\pm_{cb}}{T_{cb}}+\ln G^\pm_{ck},

    so that at :math:`\alpha_k=\pm1` it has exactly the varied template. Yields and shapes are not told apart, because
    the sum over the bins is exact: there is no normaliser. A bin in which a process has nothing is left alone, and so
    is one in which its negative weights leave less than two standard deviations: ratios of such numbers are noise of
    either sign. This is HistFactory with one channel for each bin and a ``normsys`` for each nuisance parameter, whose
    constraints all bins share.

    Args:
        index: (n,) bin of each simulated event; ``bins`` is outside.
        densities: (n, C) event weights of each process.
        varied: (T, 2, n) event weights of the varied processes, p_c g±.
        systematics: of the unbinned model.
        bins: number of bins B.

    Returns:
        The systematics, with the yield effects that do not go with a shape, and log g' (B, T, 2).

    Raises:
        ModelError: a varied template is empty or negative in a bin where the nominal one is not.
    """
    shapes = np.zeros((bins, len(systematics.terms), 2))
    log_yields = np.array(systematics.log_yields, dtype=float)
    counts = np.stack([histogram(index, np.ascontiguousarray(column), bins) for column in densities.T])
    for term, (process, nuisance) in enumerate(systematics.terms):
        nominal = counts[process]
        filled = nominal != 0.0
        column = np.ascontiguousarray(densities[:, process])
        if (column < 0.0).any():
            filled = nominal > FLUCTUATION * np.sqrt(histogram(index, column * column, bins))
        for side in range(2):
            changed = histogram(index, varied[term, side], bins)
            if np.any(changed[filled] / nominal[filled] <= 0.0):
                bad = int(np.flatnonzero(filled)[np.argmin(changed[filled] / nominal[filled])])
                raise ModelError(
                    f"a binned baseline: the template of the systematic {systematics.names[nuisance]} is "
                    f"{changed[bad]:.3g} times the yield in bin {bad + 1}, where the nominal one is "
                    f"{nominal[bad]:.3g}: use fewer or wider bins, or more simulated events"
                )
            shapes[filled, term, side] = np.log(changed[filled] / nominal[filled])
            shapes[filled, term, side] += log_yields[process, nuisance, side]
        log_yields[process, nuisance] = 0.0
    return systematics.with_effects(log_yields=log_yields, normaliser=Normaliser.none()), shapes
