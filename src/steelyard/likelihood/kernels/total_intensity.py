"""The intensities of many events of a region at one point, such as those of a whole reference sample."""

import numpy as np

from steelyard.likelihood.compile import compile_model
from steelyard.likelihood.kernels.blocks import BLOCK, FIRST, allocate_events, allocate_packing, pack_events, source_of
from steelyard.likelihood.kernels.intensities import allocate_buffers, fill_intensities, mix, set_point
from steelyard.likelihood.kernels.orders import VALUE
from steelyard.likelihood.kernels.process_factors import allocate_factors, fill_factors
from steelyard.model.effects import Systematics
from steelyard.model.mixture import Mixture
from steelyard.model.model import Model
from steelyard.model.region import Region, UnbinnedRegion
from steelyard.numerics.compilation import compiled

# Blocks that are packed at a time, so that the room does not grow with the sample.
_BLOCKS = 64


def total_intensity(
    mixture: Mixture,
    systematics: Systematics,
    intensities: np.ndarray,
    log_g: np.ndarray,
    kappa: float,
    alpha: np.ndarray,
    scale: np.ndarray | None = None,
) -> np.ndarray:
    r"""The intensities of events, :math:`\lambda_i=\sum_cf_c\frac{G_c}{N_c}\,\nu_cr_c(x_i)\prod_{t\in c}g_t(x_i)`.

    What a shape changes is float32, as in every fit: relative 3e-7 of a weight. In numpy, at many points and in
    float64 throughout: :func:`steelyard.regions.varied_intensities.total_intensities`.

    Args:
        mixture, systematics: the model.
        intensities: (n, C) nominal ones, nu_c r_c.
        log_g: (n, T, 2) float32 logarithms of the shape effects at ±1.
        kappa, alpha: coordinate, and (K,) nuisance parameters.
        scale: (C,) factors on the processes; 1 by default.

    Returns:
        (n,), of either sign.
    """
    region = UnbinnedRegion("region", mixture, systematics)
    coefficients = mixture.coefficients_along(kappa)[0]
    coefficients = coefficients if scale is None else coefficients * scale
    return region_intensities(region, intensities, log_g, coefficients, alpha)


def region_intensities(
    region: Region, intensities: np.ndarray, log_g: np.ndarray | None, coefficients: np.ndarray, alpha: np.ndarray
) -> np.ndarray:
    """The same of any region, from the coefficients (C,) of its processes; of bins, what they expect."""
    model = compile_model(Model((region,)))
    alpha, coefficients = np.ascontiguousarray(alpha, dtype=float), np.ascontiguousarray(coefficients)
    if log_g is None:
        log_g = np.zeros((len(intensities), len(region.systematics.terms), 2), dtype=np.float32)
    factors, buffers = allocate_factors(model), allocate_buffers(model)
    terms, step = log_g.shape[1], _BLOCKS * BLOCK
    packing, events = allocate_packing(terms), allocate_events(_BLOCKS, intensities.shape[1], terms)
    result, source = np.empty(len(intensities)), source_of([intensities], [log_g])
    for start in range(0, len(intensities), step):
        stop = min(start + step, len(intensities))
        used = pack_events(
            source, np.zeros(0), FIRST, start, stop, False, model.rows, model.terms, packing, FIRST, events
        )
        _fill(model, events, used, coefficients, alpha, factors, buffers, result[start:stop])
    return result


@compiled
def _fill(model, events, blocks, coefficients, alpha, factors, buffers, result):
    """Fill the intensities of the events of the first blocks, one behind the other."""
    fill_factors(model, alpha, factors)
    set_point(model, alpha, buffers)
    for block in range(blocks):
        fill_intensities(model, events, block, factors.events, VALUE, buffers)
        mix(coefficients, buffers.intensities, events.counts[block], buffers.intensity)
        first = block * BLOCK
        for b in range(min(BLOCK, len(result) - first)):
            result[first + b] = buffers.intensity[b]
