"""The statistical model of the unbinned analysis: the mixture on the reference events, its effects, and its file."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steelyard.data.reference_events import ReferenceEvents
from steelyard.errors import ModelError
from steelyard.io.files import whole
from steelyard.likelihood.integration import Integration
from steelyard.likelihood.likelihood import Likelihood
from steelyard.model.coefficient_forms import CoefficientForm
from steelyard.model.coefficients import Coefficients
from steelyard.model.effects import Systematics, from_arrays, to_arrays
from steelyard.model.mixture import Mixture
from steelyard.model.model import Model
from steelyard.model.parameters import Coordinate
from steelyard.model.region import UnbinnedRegion
from steelyard.regions.asimov import asimov_weights
from steelyard.regions.negative_intensity import Deficit, find_deficits
from steelyard.regions.normalisation import Normalisation, normalise
from steelyard.regions.normaliser_fit import build_normaliser
from steelyard.regions.pruning import Pruned, prune_norms
from steelyard.regions.shape_factors import ShapeNormalisation, normalise_shapes

if TYPE_CHECKING:
    from steelyard.regions.declared_effects import MeasuredEffects

# A point of the nuisance parameters: all K values, or some by name with the others nominal; None: all nominal.
Point = ArrayLike | Mapping[str, float] | None


@dataclass(frozen=True, eq=False)
class UnbinnedModel:
    """A mixture with its reference events, and what nuisance parameters do to them.

    Attributes:
        mixture: processes, coefficients, yields.
        intensities: (n, C) nu_c r_c(x_i) of the reference events, exactly normalised: E_ref[r_c] = 1.
        weights: (n,) weights of the reference events, sum 1.
        normalisation: what the raw ratios were divided by; observed data are divided by the same numbers.
        rows: (n, 2) sample number and row in that sample's store of each reference event.
        systematics: nuisance parameters, their yield factors and shape terms, and the normalisers; by default none.
        log_g: (n, T, 2) float32, ln g_t(x_i) at alpha = +1 and -1, exactly normalised: E_{p_c}[g_t] = 1.
        raw_g: E_{p_c} of the raw variations, and how shape effects are made of those of any events.
        pruned: the effects that were left out.
        deficits: what the simulation has where the nominal mixture is negative.
    """

    mixture: Mixture
    intensities: np.ndarray
    weights: np.ndarray
    normalisation: Normalisation
    rows: np.ndarray
    systematics: Systematics = None  # type: ignore[assignment]  # no nuisance parameters, below
    log_g: np.ndarray = None  # type: ignore[assignment]
    raw_g: ShapeNormalisation = None  # type: ignore[assignment]
    pruned: tuple[Pruned, ...] = ()
    deficits: tuple[Deficit, ...] = ()

    def __post_init__(self) -> None:
        if self.systematics is None:
            object.__setattr__(self, "systematics", Systematics.none(len(self.mixture.processes)))
        if self.log_g is None:
            empty = np.zeros((len(self.intensities), len(self.systematics.terms), 2), dtype=np.float32)
            object.__setattr__(self, "log_g", empty)
        if self.raw_g is None:
            object.__setattr__(self, "raw_g", ShapeNormalisation.none())

    @property
    def densities(self) -> np.ndarray:
        """The density of each process on the reference events, (n, C); a column has the sum nu_c."""
        return self.weights[:, None] * self.intensities

    @cached_property
    def statistical(self) -> Model:
        """Without the reference events: the one region as fits have it."""
        return Model((UnbinnedRegion("region", self.mixture, self.systematics),))

    def asimov_weights(self, mu: float, alpha: Point = None) -> np.ndarray:
        """The Asimov data: :func:`steelyard.regions.asimov.asimov_weights`."""
        return asimov_weights(self, mu, alpha)

    def asimov(self, mu: float, alpha: Point = None) -> Likelihood:
        """The likelihood of the Asimov data set at ``mu`` and ``alpha``, whose global observables are alpha too."""
        systematics = self.systematics
        point = np.where(systematics.constrained, systematics.point(alpha), systematics.nominal)
        return self._likelihood(self.intensities, self.log_g, self.asimov_weights(mu, alpha), point)

    def observed(self, intensities: np.ndarray, log_g: np.ndarray | None = None) -> Likelihood:
        """The likelihood of observed events with intensities (N, C) and shape effects (N, T, 2).

        Raises:
            ModelError: the model has shape effects, and the events come without.
        """
        terms = len(self.systematics.terms)
        if log_g is None and terms:
            raise ModelError(
                f"the model has {terms} shape effects of nuisance parameters, and the observed events have none: rate "
                "them with the networks of the variations (`event_shapes`)"
            )
        return self._likelihood(intensities, np.zeros((len(intensities), 0, 2), np.float32) if log_g is None else log_g)

    @cached_property
    def integration(self) -> Integration | None:
        """The reference events as what the normalisers are expectations over, if two shapes ever act on a process."""
        terms = self.systematics.terms[:, 0]
        if len(np.unique(terms)) == len(terms):
            return None
        return Integration(self.mixture, self.systematics, self.intensities, self.log_g, self.weights)

    def anchored(self, alpha: Point = None) -> "UnbinnedModel":
        """The model with its normalisers corrected to the joint expectation about ``alpha``: for toys thrown there."""
        if self.integration is None:
            return self
        result = replace(self, systematics=self.integration.anchored(self.systematics.point(alpha)))
        result.__dict__["integration"] = self.integration  # its events stay packed
        return result

    def event_intensities(self, log_r: np.ndarray) -> np.ndarray:
        """nu_c r_c of any events from raw log ratios (N, C), normalised as the reference is."""
        return self.normalisation.intensities(log_r, self.mixture.yields)

    def event_shapes(self, log_ratios: np.ndarray) -> np.ndarray:
        """ln g of any events, float32 (N, T, 2), from raw log ratios (N, V) of all variations (``raw_g.variations``).

        Normalised, symmetrised and pruned as the reference is.

        Raises:
            ModelError: not V columns, or a value that is not finite.
        """
        return self.raw_g.apply(log_ratios, f"{len(log_ratios)} events")

    def _likelihood(
        self,
        intensities: np.ndarray,
        log_g: np.ndarray,
        weights: np.ndarray | None = None,
        global_observables: np.ndarray | None = None,
    ) -> Likelihood:
        if not len(self.systematics):
            return Likelihood.of(self.mixture, intensities, weights)
        return Likelihood.of(
            self.mixture,
            intensities,
            weights,
            systematics=self.systematics,
            log_g=log_g,
            global_observables=global_observables,
            integration=self.integration,
        )


def build_model(
    yields: dict[str, float],
    coefficients: Coefficients,
    bounds: tuple[float, float],
    log_r: np.ndarray,
    events: ReferenceEvents,
    effects: "MeasuredEffects | None" = None,
    simulated: Callable[[], np.ndarray] | None = None,
) -> UnbinnedModel:
    """Normalise the ratios on the reference events, multiply in the yields, and prepare the nuisance parameters.

    Args:
        yields: nu_c of each process; their order is that of the coefficients and of the columns of ``log_r``.
        log_r: (n, C) raw log ratios of reference events by networks that did not train on them.
        events: the reference events.
        effects: of nuisance parameters, measured on the same events.
        simulated: gives the weights of each process on the events, (n, C), if they are asked for.

    Raises:
        ModelError: see :func:`~steelyard.regions.normalisation.normalise`,
            :func:`~steelyard.regions.shape_factors.normalise_shapes`, and
            :class:`~steelyard.model.effects.Systematics`; or a nuisance parameter without a constraint has no effect
            (left), so that nothing could determine it.
    """
    processes = tuple(yields)
    mixture = Mixture(processes, coefficients, np.array(list(yields.values())), (float(bounds[0]), float(bounds[1])))
    normalisation = normalise(processes, log_r, events.weights)
    intensities = normalisation.intensities(log_r, mixture.yields)
    deficits = find_deficits(mixture, intensities, simulated) if simulated else ()
    model = UnbinnedModel(mixture, intensities, events.weights, normalisation, events.rows, deficits=deficits)
    if effects is None or not effects.declared.nuisances:
        return model
    declared = effects.declared
    if declared.processes != processes:
        raise ModelError(f"effects of the processes {declared.processes}, and yields of {processes}: the same in order")
    log_yields, pruned = prune_norms(effects.log_yields, processes, declared.names, effects.prune.norm)
    densities = events.weights[:, None] * normalisation.ratios(log_r)
    terms, log_g, raw_g, also_pruned = normalise_shapes(effects, densities)
    systematics = Systematics.of(declared.nuisances, log_yields, declared.factors, terms)
    _require_effects(systematics)
    # As many events as a process has at most, of either sign, where the parameter of interest goes.
    reach = np.linspace(*mixture.coordinate_bounds, 101)
    expected = np.abs(mixture.coefficients_along(reach)).max(axis=0) * mixture.yields
    systematics = systematics.with_effects(normaliser=build_normaliser(systematics, log_g, densities, expected))
    return replace(model, systematics=systematics, log_g=log_g, raw_g=raw_g, pruned=(*pruned, *also_pruned))


def _require_effects(systematics: Systematics) -> None:
    has_effect = systematics.factors.any(axis=0) | systematics.log_yields.any(axis=(0, 2))
    has_effect[systematics.terms[:, 1]] = True
    for k in np.flatnonzero(~has_effect):
        if not systematics.constrained[k]:
            raise ModelError(
                f"nuisance parameter {systematics.names[k]} has no constraint and no effect on any process (effects "
                "below the thresholds of `prune` do not count): nothing determines it, remove it"
            )


_COEFFICIENTS = ("parameters", "expressions", "nominal", "lower")
_VARIATIONS = ("mean", "error", "columns", "symmetrised", "log_mean")


def save_model(model: UnbinnedModel, path: str | os.PathLike) -> None:
    """Write a model as one uncompressed ``.npz``."""
    coefficients = model.mixture.coefficients
    header = {
        "processes": model.mixture.processes,
        "coefficients": {name: getattr(coefficients, name) for name in _COEFFICIENTS},
        "coordinates": [asdict(coordinate) for coordinate in coefficients.coordinates],
        "bounds": model.mixture.bounds,
        "others": model.mixture.others,
        "free": model.mixture.free,
    }
    raw = model.raw_g
    with whole(path) as temporary:
        np.savez(
            temporary,
            header=json.dumps(header),
            yields=model.mixture.yields,
            intensities=model.intensities,
            weights=model.weights,
            mean=model.normalisation.mean,
            error=model.normalisation.error,
            rows=model.rows,
            log_g=model.log_g,
            pruned=json.dumps([asdict(effect) for effect in model.pruned]),
            deficits=json.dumps([asdict(deficit) for deficit in model.deficits]),
            variations=json.dumps(raw.variations),
            **{f"form_{name}": array for name, array in coefficients.form._asdict().items()},
            **{f"variations_{name}": getattr(raw, name) for name in _VARIATIONS},
            **to_arrays(model.systematics),
        )


def load_model(path: str | os.PathLike) -> UnbinnedModel:
    """Read what :func:`save_model` wrote."""
    with np.load(path) as file:
        header = json.loads(str(file["header"]))
        processes = tuple(header["processes"])
        coefficients = Coefficients(**header["coefficients"])
        form = CoefficientForm(**{name: file[f"form_{name}"] for name in CoefficientForm._fields})
        coefficients = coefficients.knowing([Coordinate(**item) for item in header["coordinates"]], form)
        variations = tuple(tuple(variation) for variation in json.loads(str(file["variations"])))
        return UnbinnedModel(
            Mixture(
                processes,
                coefficients,
                file["yields"],
                tuple(header["bounds"]),
                tuple(map(tuple, header["others"])),
                header["free"],
            ),
            file["intensities"],
            file["weights"],
            Normalisation(processes, file["mean"], file["error"]),
            file["rows"],
            from_arrays(file),
            file["log_g"],
            ShapeNormalisation(variations, **{name: file[f"variations_{name}"] for name in _VARIATIONS}),
            tuple(Pruned(**effect) for effect in json.loads(str(file["pruned"]))),
            tuple(Deficit(**deficit) for deficit in json.loads(str(file["deficits"]))),
        )
