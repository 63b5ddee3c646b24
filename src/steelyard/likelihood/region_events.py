"""What a region sees of a data set: events with their ratios, or counts of bins."""

from dataclasses import dataclass

import numpy as np

from steelyard.errors import ModelError
from steelyard.model.region import BinnedRegion, Region


@dataclass(frozen=True, eq=False)
class RegionEvents:
    """Events of an unbinned region, or the counts of a binned one.

    Attributes:
        intensities: (n, C) products nu_c r_c(x_i); of bins, their templates.
        weights: (n,) event weights, or ``None`` for observed events of weight one; the counts of bins.
        log_g: (n, T, 2) ln g at ±1 of each term, E_{p_c}[g_t] = 1; may be left out where there is no term.
        auxiliary: (B,) measurements of the factors of bins whose templates have errors; ones by default.
    """

    intensities: np.ndarray
    weights: np.ndarray | None = None
    log_g: np.ndarray | None = None
    auxiliary: np.ndarray | None = None

    @classmethod
    def of_counts(cls, region: BinnedRegion, counts: np.ndarray, auxiliary: np.ndarray | None = None) -> "RegionEvents":
        """Counts (B,) in the bins of a region, whole numbers or expectations."""
        return cls(region.templates, np.asarray(counts, dtype=float), region.log_g, auxiliary)


def check_events(region: Region, events: RegionEvents) -> np.ndarray:
    """The shape effects (n, T, 2) as float32, empty ones if there are none.

    Raises:
        ModelError: shapes that do not fit the region, bins without counts, or with negative ones.
    """
    intensities, terms, processes = (
        np.asarray(events.intensities),
        len(region.systematics.terms),
        len(region.mixture.processes),
    )
    log_g = events.log_g
    if log_g is None:
        log_g = np.zeros((len(intensities) if not terms else 0, terms, 2), dtype=np.float32)
    if log_g.shape != (len(intensities), terms, 2):
        raise ModelError(
            f"the shape effects have shape {log_g.shape}, and there are {len(intensities)} events and {terms} terms"
        )
    if intensities.shape != (len(intensities), processes):
        raise ModelError(
            f"intensities of shape {intensities.shape} for the {processes} processes of region {region.name}"
        )
    if region.binned and (events.weights is None or not np.all(np.asarray(events.weights) >= 0.0)):
        raise ModelError("a likelihood of bins needs their counts, none of them negative")
    if events.auxiliary is not None and np.shape(events.auxiliary) != (len(intensities),):
        raise ModelError(
            f"{np.shape(events.auxiliary)} measurements of the factors of {len(intensities)} bins of region "
            f"{region.name}"
        )
    if events.weights is not None and np.shape(events.weights) != (len(intensities),):
        raise ModelError(
            f"{np.shape(events.weights)} weights for the {len(intensities)} events of region {region.name}"
        )
    return np.ascontiguousarray(log_g, dtype=np.float32)
