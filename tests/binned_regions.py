"""Random binned regions with nuisance parameters in common, some of their templates with errors."""

from collections.abc import Mapping

import numpy as np
from several_regions import intensities, mixture_of, systematics_of

from steelyard.likelihood.likelihood import Likelihood
from steelyard.likelihood.region_events import RegionEvents
from steelyard.model.effects import Nuisance
from steelyard.model.model import Model
from steelyard.model.region import BinnedRegion, Region

PARAMETERS = {"mu": (1.0, 0.0, 6.0)}
EXPRESSIONS = ("mu", "1", "sqrt(mu)")
YIELDS = np.array([40.0, 200.0, 60.0])
NORM = Nuisance("norm")
COUNTED = Nuisance("counted", "poisson", "linear", 1.0, (0.01, 5.0), 50.0)
SHAPE = Nuisance("shape")
TRUTH = {"mu": 1.0, "norm": 0.4, "counted": 1.1, "shape": -0.5}


def region(name: str, bins: int, seed: int, errors: bool = True, order: tuple[int, ...] = (0, 1, 2)) -> BinnedRegion:
    """A region; a quarter of the bins of one with errors has none."""
    generator = np.random.default_rng(seed)
    nuisances = [(NORM, COUNTED, SHAPE)[i] for i in order]
    systematics = systematics_of(
        3,
        nuisances,
        {"norm": 0.05 * generator.normal(size=(3, 2))},
        {"counted": [1]},
        [(0, "shape"), (2, "shape")],
    )
    templates = generator.dirichlet(np.full(bins, 5.0), 3).T * YIELDS
    sizes = np.where(np.arange(bins) % 4 == 0, 0.0, generator.uniform(0.02, 0.4, bins))
    return BinnedRegion(
        name,
        mixture_of(EXPRESSIONS, YIELDS, PARAMETERS),
        systematics,
        templates,
        (0.05 * generator.normal(size=(bins, 2, 2))).astype(np.float32),
        errors=sizes if errors else None,
    )


def expected(region: Region, values: Mapping[str, float]) -> np.ndarray:
    """lambda (B,) of a binned region."""
    events = RegionEvents(region.templates, None, region.log_g)
    return intensities(region, events, values)[0].real


def counted(regions: tuple[BinnedRegion, ...], seed: int) -> Likelihood:
    """Of Poisson counts, measurements of the bins' factors and global observables at :data:`TRUTH`."""
    generator, events = np.random.default_rng(seed), []
    for own in regions:
        auxiliary = None if own.errors is None else generator.normal(1.0, own.errors)
        factors = 1.0 if auxiliary is None else np.maximum(auxiliary, 0.0)
        events.append(RegionEvents.of_counts(own, generator.poisson(factors * expected(own, TRUTH)), auxiliary))
    model = Model(regions)
    widths = np.array([nuisance.parameter.constraint.error for nuisance in model.nuisances])
    observed = np.array([TRUTH[nuisance.name] for nuisance in model.nuisances]) + widths * generator.normal(size=3)
    return Likelihood(model, tuple(events), observed)
