"""What nuisance parameters do to the mixture: their constraints, yield factors, shape terms and normalisers."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from steelyard.errors import ModelError, nearest
from steelyard.model.anchor import Anchor
from steelyard.model.constraints import constraint_of
from steelyard.model.interpolation import code_of
from steelyard.model.parameters import Parameter, ParameterSet, role_of


@dataclass(frozen=True)
class Nuisance:
    """A nuisance parameter as it is declared; :attr:`parameter` is what a fit makes of it.

    Attributes:
        name: of the systematic; effects that share it are fully correlated.
        constraint: a kind of :mod:`steelyard.model.constraints`, such as ``gaussian``.
        interpolation: a code of :mod:`steelyard.model.interpolation`, by which its effects act between and beyond ±1;
            ``linear``: a norm factor, whose value itself multiplies the yields.
        nominal: the value of the simulation: 0, or 1 of a norm factor.
        bounds: range of the fit.
        scale: the constraint's number where it is not the usual one, such as the width of a Gaussian one.
    """

    name: str
    constraint: str = "gaussian"
    interpolation: str = "code4"
    nominal: float = 0.0
    bounds: tuple[float, float] = (-5.0, 5.0)
    scale: float | None = None

    @property
    def parameter(self) -> Parameter:
        """With its constraint as an object; a norm factor of which nothing is measured is a free parameter.

        Raises:
            ModelError: an unknown constraint, or a nominal value outside of finite bounds.
        """
        bounds = (float(self.bounds[0]), float(self.bounds[1]))
        try:
            constraint = constraint_of(self.constraint, self.scale)
        except ModelError as error:
            raise ModelError(f"nuisance parameter {self.name}: {error}") from None
        role = role_of(of_interest=False, known=self.interpolation != "linear" or constraint.measured)
        return Parameter(self.name, role, float(self.nominal), bounds, constraint)


@dataclass(frozen=True, eq=False)
class Normaliser:
    r"""log N_c(α) of the shape effects, in a form that is cheap to evaluate with derivatives (docs/theory.md 6).

    .. math:: \ln N_c(\alpha) = \sum_{t\in c} n_t(\alpha_{k(t)})
              + \sum_{(t,u)\in c}\ \sum_{s,s'=\pm} b_{tu}^{ss'}\,h_s(\alpha_{k(t)})\,h_{s'}(\alpha_{k(u)})
              + \tfrac16\sum_{ijl}\kappa^c_{ijl}z_iz_jz_l, \qquad
              z_i = \sum_{t\in c}\sum_{s=\pm} v^c_{i,ts}\,h_s(\alpha_{k(t)})

    with the weights h of :func:`steelyard.model.normaliser.sided_weights`. n_t is given at equidistant knots,
    with its first two derivatives, and a quintic polynomial between them. What it all means:
    :mod:`steelyard.model.normaliser`.

    Attributes:
        knots: (Q,) equidistant values of α, over the widest bounds of the nuisances.
        table: (T, Q, 3) n_t and its first and second derivative at the knots.
        pairs: (P, 2) indices of terms, first < second, both of one process and of different nuisances.
        pair_factors: (P, 2, 2) b, by the side (0: up, 1: down) of the first and of the second.
        directions: (T, 2, R) v of the term's process and its two sides; zeros fill up to the largest R.
        cumulants: (C, R, R, R) κ, symmetric; (0, 0, 0, 0) where there are none.
        surface_pairs: (S, 2) pairs of terms with a table of their own (:mod:`steelyard.model.pair_surfaces`).
        surface_knots: (Q,) equidistant values of α of these.
        surface_cells: (S, Q − 1, Q − 1, 4, 4) factors of the powers of the two places in a cell.
        anchor: a correction that holds about one point, of fits there; not part of a stored model.
    """

    knots: np.ndarray
    table: np.ndarray
    pairs: np.ndarray
    pair_factors: np.ndarray
    directions: np.ndarray = None  # type: ignore[assignment]  # none, set below
    cumulants: np.ndarray = None  # type: ignore[assignment]  # none, set below
    surface_pairs: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))
    surface_knots: np.ndarray = field(default_factory=lambda: np.array([-10.0, 10.0]))
    surface_cells: np.ndarray = field(default_factory=lambda: np.zeros((0, 1, 1, 4, 4)))
    anchor: Anchor | None = None

    def __post_init__(self) -> None:
        if self.directions is None or self.cumulants is None:
            object.__setattr__(self, "directions", np.zeros((len(self.table), 2, 0)))
            object.__setattr__(self, "cumulants", np.zeros((0, 0, 0, 0)))

    @classmethod
    def none(cls, terms: int = 0) -> "Normaliser":
        """N_c = 1."""
        knots = np.array([-10.0, 10.0])
        return cls(knots, np.zeros((terms, 2, 3)), np.zeros((0, 2), dtype=np.int64), np.zeros((0, 2, 2)))


@dataclass(frozen=True, eq=False)
class Effects:
    r"""What K nuisance parameters do to the C processes of one region.

    .. math:: \nu(\mu,\alpha)\,p(x|\mu,\alpha) = \sum_c f_c(\mu)\,G_c(\alpha)\,\nu_c\,
              \frac{g_c(x|\alpha)}{N_c(\alpha)}\,p_c(x), \qquad
              G_c=\prod_k G_{ck}(\alpha_k), \quad g_c(x|\alpha)=\prod_k g_{ck}(x|\alpha_k)

    Attributes:
        log_yields: (C, K, 2) log of the yield factors at α_k = +1 and −1; 0 where there is no effect.
        factors: (C, K) bool: processes whose yield a norm factor (``linear``) multiplies.
        terms: (T, 2) process and nuisance of each shape effect, sorted; the order of ``log_g`` everywhere.
        normaliser: N_c(α).
    """

    log_yields: np.ndarray
    factors: np.ndarray
    terms: np.ndarray
    normaliser: Normaliser = field(default_factory=Normaliser.none)


@dataclass(frozen=True, eq=False)
class Systematics:
    """K nuisance parameters and their effects in one region.

    Attributes:
        nuisances: K of them.
        effects: what they do.
    """

    nuisances: tuple[Nuisance, ...]
    effects: Effects

    @classmethod
    def of(
        cls,
        nuisances: Iterable[Nuisance],
        log_yields: np.ndarray,
        factors: np.ndarray,
        terms: np.ndarray,
        normaliser: Normaliser | None = None,
    ) -> "Systematics":
        """From the nuisance parameters and the arrays of :class:`Effects`."""
        normaliser = Normaliser.none() if normaliser is None else normaliser
        return cls(tuple(nuisances), Effects(log_yields, factors, terms, normaliser))

    @classmethod
    def none(cls, processes: int) -> "Systematics":
        """No nuisance parameter at all."""
        empty = np.zeros((processes, 0, 2))
        return cls.of((), empty, np.zeros((processes, 0), dtype=bool), np.zeros((0, 2), dtype=np.int64))

    def __post_init__(self) -> None:
        _validate(self)

    def with_effects(self, nuisances: Iterable[Nuisance] | None = None, **changes: Any) -> "Systematics":
        """The same with some arrays of :class:`Effects` changed, and the nuisance parameters if some are given."""
        return Systematics(self.nuisances if nuisances is None else tuple(nuisances), replace(self.effects, **changes))

    @property
    def log_yields(self) -> np.ndarray:
        """Of :class:`Effects`."""
        return self.effects.log_yields

    @property
    def factors(self) -> np.ndarray:
        """Of :class:`Effects`."""
        return self.effects.factors

    @property
    def terms(self) -> np.ndarray:
        """Of :class:`Effects`."""
        return self.effects.terms

    @property
    def normaliser(self) -> Normaliser:
        """Of :class:`Effects`."""
        return self.effects.normaliser

    @cached_property
    def parameters(self) -> ParameterSet:
        """The nuisance parameters as a fit has them."""
        return ParameterSet(tuple(nuisance.parameter for nuisance in self.nuisances))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the nuisance parameters."""
        return tuple(nuisance.name for nuisance in self.nuisances)

    @property
    def nominal(self) -> np.ndarray:
        """(K,) values of the simulation."""
        return self.parameters.nominal

    @property
    def bounds(self) -> np.ndarray:
        """(K, 2) ranges of the fit."""
        return self.parameters.bounds

    @property
    def constrained(self) -> np.ndarray:
        """(K,) bool: which have a constraint with an auxiliary measurement, and so a global observable."""
        return self.parameters.measured

    @property
    def errors(self) -> np.ndarray:
        """(K,) standard deviations of the auxiliary measurements; 1 where there is none."""
        return self.parameters.errors

    def point(self, alpha: ArrayLike | Mapping[str, float] | None = None) -> np.ndarray:
        """(K,) values: nominal ones for None and for names that a mapping leaves out.

        Raises:
            ModelError: an unknown name, or not K finite values.
        """
        if isinstance(alpha, Mapping):
            for name in alpha.keys() - set(self.names):
                advice = nearest(name, self.names, "nuisance parameters")
                raise ModelError(f"there is no nuisance parameter '{name}': {advice}")
        return self.parameters.point(alpha)

    def __len__(self) -> int:
        return len(self.nuisances)


def to_arrays(systematics: Systematics) -> dict[str, np.ndarray]:
    """Everything as plain arrays for a ``.npz``; the nuisance parameters are one JSON text."""
    normaliser = systematics.normaliser
    return {
        "nuisances": np.array(json.dumps([asdict(nuisance) for nuisance in systematics.nuisances])),
        "log_yields": systematics.log_yields,
        "factors": systematics.factors,
        "terms": systematics.terms,
        "normaliser_knots": normaliser.knots,
        "normaliser_table": normaliser.table,
        "normaliser_pairs": normaliser.pairs,
        "normaliser_pair_factors": normaliser.pair_factors,
        "normaliser_directions": normaliser.directions,
        "normaliser_cumulants": normaliser.cumulants,
        "normaliser_surface_pairs": normaliser.surface_pairs,
        "normaliser_surface_knots": normaliser.surface_knots,
        "normaliser_surface_cells": normaliser.surface_cells,
    }


def from_arrays(arrays: Mapping[str, np.ndarray]) -> Systematics:
    """The inverse of :func:`to_arrays`.

    Raises:
        ModelError: the arrays do not fit together.
    """
    nuisances = [Nuisance(**item | {"bounds": tuple(item["bounds"])}) for item in json.loads(str(arrays["nuisances"]))]
    normaliser = Normaliser(
        arrays["normaliser_knots"],
        arrays["normaliser_table"],
        arrays["normaliser_pairs"],
        arrays["normaliser_pair_factors"],
        arrays["normaliser_directions"],
        arrays["normaliser_cumulants"],
        arrays["normaliser_surface_pairs"],
        arrays["normaliser_surface_knots"],
        arrays["normaliser_surface_cells"],
    )
    return Systematics.of(
        nuisances, arrays["log_yields"], arrays["factors"], arrays["terms"].astype(np.int64), normaliser
    )


def _validate(systematics: Systematics) -> None:
    names, number = systematics.names, len(systematics.nuisances)
    _require(len(set(names)) == number, f"two nuisance parameters have the same name: {', '.join(names)}")
    for nuisance in systematics.nuisances:
        code_of(nuisance.interpolation, nuisance.name)
    _ = systematics.parameters
    log_yields, factors, terms = systematics.log_yields, systematics.factors, systematics.terms
    processes = len(log_yields)
    _require(
        log_yields.shape == (processes, number, 2) and np.isfinite(log_yields).all(),
        f"log_yields must be finite and of shape ({processes}, {number}, 2), found shape {log_yields.shape}",
    )
    _require(
        factors.shape == (processes, number) and factors.dtype == bool,
        f"factors must be a mask of shape ({processes}, {number}), found {factors.dtype} {factors.shape}",
    )
    linear = np.array([nuisance.interpolation == "linear" for nuisance in systematics.nuisances], dtype=bool)
    _require(
        not (factors[:, ~linear].any() or log_yields[:, linear].any()),
        "factors belong to the nuisance parameters whose interpolation is 'linear', log_yields to all others",
    )
    _require(terms.ndim == 2 and terms.shape[1] == 2, f"terms must have shape (T, 2), found {terms.shape}")
    pairs = [tuple(pair) for pair in terms.tolist()]
    _require(pairs == sorted(set(pairs)), "terms must be sorted, each process and nuisance parameter once")
    _require(
        all(0 <= process < processes and 0 <= nuisance < number for process, nuisance in pairs),
        f"terms must name one of {processes} processes and {number} nuisance parameters, found {pairs}",
    )
    _require(not linear[terms[:, 1]].any(), "a 'linear' nuisance parameter has no shape effect")
    table, normaliser = systematics.normaliser.table, systematics.normaliser
    # Where it has not been computed yet the normaliser of no terms stands in.
    _require(len(table) in (0, len(terms)), f"the normaliser has {len(table)} terms where there are {len(terms)}")
    rank, pairs = normaliser.directions.shape[-1], len(normaliser.pairs)
    _require(
        normaliser.pair_factors.shape == (pairs, 2, 2)
        and normaliser.directions.shape == (len(table), 2, rank)
        and normaliser.cumulants.shape in ((processes, rank, rank, rank), (0, 0, 0, 0)),
        f"the normaliser's pair factors {normaliser.pair_factors.shape}, directions {normaliser.directions.shape} and "
        f"cumulants {normaliser.cumulants.shape} do not fit its {pairs} pairs: build the model again",
    )


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ModelError(message)
