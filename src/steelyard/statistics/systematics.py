"""What nuisance parameters do to the mixture: their constraints, yield factors, shape terms and normalisers."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Constraint = Literal["gaussian", "uniform", "free"]
Interpolation = Literal["code4", "exponential", "linear"]


@dataclass(frozen=True)
class Nuisance:
    r"""One nuisance parameter.

    Attributes:
        name: of the systematic; effects that share it are fully correlated.
        label: for plots.
        group: for grouped impacts, e.g. ``theory`` or ``experimental``.
        constraint: ``gaussian``: the term :math:`(\alpha-a)^2` in :math:`-2\ln L` with global observable a;
            ``uniform`` and ``free``: no term, only bounds.
        interpolation: ``code4`` and ``exponential`` act through their ±1σ effects; ``linear``: a norm factor, whose
            value itself multiplies the yields.
        nominal: the value of the simulation: 0, or 1 of a norm factor.
        bounds: range of the fit.
    """

    name: str
    label: str = ""
    group: str = ""
    constraint: Constraint = "gaussian"
    interpolation: Interpolation = "code4"
    nominal: float = 0.0
    bounds: tuple[float, float] = (-5.0, 5.0)


@dataclass(frozen=True, eq=False)
class Normaliser:
    r"""log N_c(α) of the shape effects, in a form that is cheap to evaluate with derivatives (DESIGN 1.6).

    .. math:: \ln N_c(\alpha) = \sum_{t\in c} n_t(\alpha_{k(t)}) + \sum_{(t,u)\in c} b_{tu}\,\alpha_{k(t)}\alpha_{k(u)}

    n_t is exact at equidistant knots, with its first two derivatives, and a quintic polynomial between them; b is the
    second-order correction of pairs of shapes of one process.

    Attributes:
        knots: (Q,) equidistant values of α, over the widest bounds of the nuisances.
        table: (T, Q, 3) n_t and its first and second derivative at the knots.
        pairs: (P, 2) indices of terms, first < second, both of one process and of different nuisances.
        pair_factors: (P,) b.
    """

    knots: np.ndarray
    table: np.ndarray
    pairs: np.ndarray
    pair_factors: np.ndarray

    @classmethod
    def none(cls, terms: int = 0) -> "Normaliser":
        """N_c = 1."""
        knots = np.array([-10.0, 10.0])
        return cls(knots, np.zeros((terms, 2, 3)), np.zeros((0, 2), dtype=np.int64), np.zeros(0))


@dataclass(frozen=True, eq=False)
class Systematics:
    r"""All effects of K nuisance parameters on C processes.

    .. math:: \nu(\mu,\alpha)\,p(x|\mu,\alpha) = \sum_c f_c(\mu)\,G_c(\alpha)\,\nu_c\,
              \frac{g_c(x|\alpha)}{N_c(\alpha)}\,p_c(x), \qquad
              G_c=\prod_k G_{ck}(\alpha_k), \quad g_c(x|\alpha)=\prod_k g_{ck}(x|\alpha_k)

    Attributes:
        nuisances: K of them.
        log_yields: (C, K, 2) log of the yield factors at α_k = +1 and −1; 0 where there is no effect.
        factors: (C, K) bool: processes whose yield a norm factor (``linear``) multiplies.
        terms: (T, 2) process and nuisance of each shape effect, sorted; the order of ``log_g`` everywhere.
        normaliser: N_c(α).
    """

    nuisances: tuple[Nuisance, ...]
    log_yields: np.ndarray
    factors: np.ndarray
    terms: np.ndarray
    normaliser: Normaliser = field(default_factory=Normaliser.none)

    @classmethod
    def none(cls, processes: int) -> "Systematics":
        """No nuisance parameter at all."""
        empty = np.zeros((processes, 0, 2))
        return cls((), empty, np.zeros((processes, 0), dtype=bool), np.zeros((0, 2), dtype=np.int64))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the nuisance parameters."""
        return tuple(nuisance.name for nuisance in self.nuisances)

    @property
    def nominal(self) -> np.ndarray:
        """(K,) values of the simulation."""
        return np.array([nuisance.nominal for nuisance in self.nuisances])

    @property
    def bounds(self) -> np.ndarray:
        """(K, 2) ranges of the fit."""
        return np.array([nuisance.bounds for nuisance in self.nuisances]).reshape(len(self.nuisances), 2)

    @property
    def constrained(self) -> np.ndarray:
        """(K,) bool: which have a Gaussian constraint, and so a global observable."""
        return np.array([nuisance.constraint == "gaussian" for nuisance in self.nuisances], dtype=bool)

    def __len__(self) -> int:
        return len(self.nuisances)
