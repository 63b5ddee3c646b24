r"""Regions: disjoint sets of events, each with its processes and what nuisance parameters do to them.

A region is a selection: a channel, a year, a control region, what fails the preselection. Parameters are shared by
name. In an *unbinned* region every event has its own densities; in a *binned* one the bins of a histogram stand in the
place of events, and the likelihood is the same formula (docs/theory.md 7).
"""

from dataclasses import dataclass

import numpy as np

from steelyard.errors import ModelError
from steelyard.model.effects import Systematics
from steelyard.model.mixture import Mixture


@dataclass(frozen=True, eq=False)
class UnbinnedRegion:
    """A region whose events carry density ratios.

    Attributes:
        name: of the region.
        mixture: its C processes, their coefficients and yields.
        systematics: nuisance parameters that act in it, their effects and the normalisers.
    """

    name: str
    mixture: Mixture
    systematics: Systematics

    @property
    def binned(self) -> bool:
        """False."""
        return False


@dataclass(frozen=True, eq=False)
class BinnedRegion:
    r"""A region of B bins, in each of which a number of events is counted.

    .. math:: \lambda_b = \sum_c f_c(\theta)\,G_c(\alpha)\,T_{cb}\prod_{t\in c}g_{tb}(\alpha)

    Attributes:
        name: of the region.
        mixture: its C processes, their coefficients and yields; :math:`\sum_bT_{cb}=\nu_c`.
        systematics: nuisance parameters that act in it; N = 1, since a sum over bins is exact.
        templates: (B, C) expected events of each process at unit coefficient.
        log_g: (B, T, 2) ln of the varied over the nominal templates at ±1.
        edges: (B + 1,) of the bins, if they are those of one quantity.
        errors: (B,) relative statistical error of the whole template at the nominal point: a Gaussian factor γ_b of the
            bin, profiled in closed form; None for none.

    Raises:
        ModelError: shapes that do not fit together, or a normaliser.
    """

    name: str
    mixture: Mixture
    systematics: Systematics
    templates: np.ndarray
    log_g: np.ndarray | None = None
    edges: np.ndarray | None = None
    errors: np.ndarray | None = None

    def __post_init__(self) -> None:
        bins, terms = len(self.templates), len(self.systematics.terms)
        if self.templates.shape != (bins, len(self.mixture.processes)):
            raise ModelError(
                f"region {self.name}: templates of shape {self.templates.shape} for {bins} bins and "
                f"{len(self.mixture.processes)} processes"
            )
        if self.log_g is None:
            object.__setattr__(self, "log_g", np.zeros((bins, terms, 2), dtype=np.float32))
        if self.log_g is not None and self.log_g.shape != (bins, terms, 2):
            raise ModelError(f"region {self.name}: shape effects {self.log_g.shape} for {bins} bins and {terms} terms")
        if len(self.systematics.normaliser.table):
            raise ModelError("bins are summed as they are: their systematics cannot have a normaliser")
        if self.errors is not None and (np.shape(self.errors) != (bins,) or not np.all(np.asarray(self.errors) >= 0.0)):
            raise ModelError(f"region {self.name}: the errors of {bins} templates are as many numbers, none negative")

    @property
    def binned(self) -> bool:
        """True."""
        return True


Region = UnbinnedRegion | BinnedRegion
