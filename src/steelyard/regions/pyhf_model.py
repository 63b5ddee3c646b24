"""The binned models in pyhf, an independent evaluation."""

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln

from steelyard.model.interpolation.code4 import non_positive
from steelyard.regions.binned import BinnedModel, Templates

# Points at which all nuisance parameters are moved at once, and how far.
POINTS = 4
SPREAD = 1.5


class PyhfModel:
    """One channel a bin, one sample a process with a norm factor, whose value is f_c, and a ``normsys`` a nuisance.

    The norm factors are bound to nothing: pyhf evaluates, it does not fit, since one parameter moves them all. The
    ``normsys`` of a bin has the ratios of its varied to its nominal expectation at +1 and -1, and between them the same
    interpolation as ours, code 4. (``histosys`` would be another model: it adds, where ours multiplies.) A norm factor
    of a nuisance parameter stays at 1. Constraint terms are left out.
    """

    def __init__(self, templates: Templates) -> None:
        import pyhf

        nuisances = () if templates.systematics is None else templates.systematics.nuisances
        channels = []
        for b in range(templates.counts.shape[1]):
            samples = []
            for place, (process, counts) in enumerate(zip(templates.processes, templates.counts, strict=True)):
                modifiers = [{"name": f"coefficient_{process}", "type": "normfactor", "data": None}]
                for number, nuisance in enumerate(nuisances):
                    if nuisance.interpolation != "linear":
                        up, down = (float(np.exp(response(templates, place, number, side)[b])) for side in (0, 1))
                        modifiers.append({"name": nuisance.name, "type": "normsys", "data": {"hi": up, "lo": down}})
                samples.append({"name": process, "data": [float(counts[b])], "modifiers": modifiers})
            channels.append({"name": f"bin{b:04d}", "samples": samples})
        # Coefficients may be negative and large; pyhf's default bounds are 0 to 10.
        parameters = [
            {"name": f"coefficient_{process}", "bounds": [[-1e6, 1e6]], "inits": [1.0]}
            for process in templates.processes
        ]
        settings = {"normsys": {"interpcode": "code4"}, "histosys": {"interpcode": "code4p"}}
        self._model = pyhf.Model(
            {"channels": channels, "parameters": parameters}, poi_name=None, validate=False, modifier_settings=settings
        )
        self._processes = templates.processes

    def minus_two_log_likelihood(
        self, coefficients: np.ndarray, counts: np.ndarray, alpha: dict[str, float] | None = None
    ) -> np.ndarray:
        """-2 ln L (G,) of counts (B,) at coefficients (G, C), with the factorials of the counts, without constraints.

        ``alpha``: nuisance parameters that are not 0.
        """
        counts = np.asarray(counts, dtype=float)
        values = []
        for row in np.asarray(coefficients, dtype=float):
            given = {f"coefficient_{process}": value for process, value in zip(self._processes, row, strict=True)}
            given |= alpha or {}
            point = np.array([given.get(name, 0.0) for name in self._model.config.par_order])
            values.append(-2.0 * float(self._model.mainlogpdf(counts, point)))
        return np.array(values)


def response(templates: Templates, process: int, nuisance: int, side: int) -> np.ndarray:
    """ln of the varied over the nominal template (B,) of a process at +1 (side 0) or -1 (side 1) of a nuisance."""
    total = np.full(templates.counts.shape[1], templates.systematics.log_yields[process, nuisance, side])
    for term, (c, k) in enumerate(templates.systematics.terms):
        if (c, k) == (process, nuisance):
            total = total + templates.shapes[:, term, side]
    return total


def pyhf_difference(model: BinnedModel, counts: np.ndarray, kappa: Sequence[float] | np.ndarray) -> float:
    """Largest difference between pyhf's -2 ln L and this model's, the constant included, relative to -2 ln L.

    Relative, because the rounding of sums over many counts is: of 10^4 events it is 10^-11 in every system of units.
    Compared at coordinates (G,) with nominal nuisance parameters; at the first of them with each at +1 and -1; and with
    all of them moved at once, where both interpolate alike: with ``code4`` everywhere, and where it is positive.
    """
    kappa = np.atleast_1d(np.asarray(kappa, dtype=float))
    constant = 2.0 * gammaln(np.asarray(counts, dtype=float) + 1.0).sum()
    likelihood, theirs = model.likelihood(counts), PyhfModel(model.templates)
    coefficients = model.mixture.coefficients_along(kappa)
    pairs = [(likelihood.value(kappa), theirs.minus_two_log_likelihood(coefficients, counts))]
    systematics = model.templates.systematics
    for alpha in () if systematics is None else _points(model.templates):
        moved = alpha - systematics.nominal
        penalty = float(systematics.parameters.penalty(alpha, systematics.nominal)[0].sum())
        ours = likelihood.value(kappa[:1], alpha) - penalty
        named = {name: value for name, value in zip(systematics.names, moved, strict=True) if value}
        pairs.append((ours, theirs.minus_two_log_likelihood(coefficients[:1], counts, named)))
    return max(float(np.abs((ours + constant) / other - 1.0).max()) for ours, other in pairs)


def _points(templates: Templates) -> list[np.ndarray]:
    """Points (K,) of the nuisance parameters at which ours and pyhf's are the same model."""
    systematics = templates.systematics
    kinds = np.array([nuisance.interpolation for nuisance in systematics.nuisances])
    points = []
    for k in np.flatnonzero(kinds != "linear"):
        for value in (1.0, -1.0):
            alpha = systematics.nominal
            alpha[k] = value
            points.append(alpha)
    logs = [systematics.log_yields.reshape(-1, 2), templates.shapes.reshape(-1, 2)]
    if np.all((kinds == "code4") | (kinds == "linear")) and not any(non_positive(*pairs.T).any() for pairs in logs):
        generator = np.random.default_rng(0)
        shift = generator.normal(scale=SPREAD, size=(POINTS, len(kinds))) * (kinds != "linear")
        points += list(np.clip(systematics.nominal + shift, *systematics.bounds.T))
    return points
