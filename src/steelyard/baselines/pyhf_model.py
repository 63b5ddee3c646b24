"""The binned models in pyhf, which evaluates them independently."""

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln

from steelyard.baselines.binned import BinnedModel, Templates


class PyhfModel:
    """One channel, one sample a process with a norm factor, whose value is f_c, and its varied templates.

    The norm factors are bound to nothing: pyhf evaluates, it does not fit, since one parameter moves them all. A
    nuisance parameter is a ``histosys`` with the varied templates at +1 and -1, between which its interpolation differs
    from ours, but not at these points. Constraint terms are left out.
    """

    def __init__(self, templates: Templates) -> None:
        import pyhf

        samples, nuisances = [], () if templates.systematics is None else templates.systematics.nuisances
        for place, (process, counts) in enumerate(zip(templates.processes, templates.counts, strict=True)):
            modifiers = [{"name": f"coefficient_{process}", "type": "normfactor", "data": None}]
            for number, nuisance in enumerate(nuisances):
                if nuisance.interpolation != "linear":
                    up, down = (counts * np.exp(response(templates, place, number, side)) for side in (0, 1))
                    data = {"hi_data": up.tolist(), "lo_data": down.tolist()}
                    modifiers.append({"name": nuisance.name, "type": "histosys", "data": data})
            samples.append({"name": process, "data": counts.tolist(), "modifiers": modifiers})
        # Coefficients may be negative and large; pyhf's default bounds are 0 to 10.
        parameters = [
            {"name": f"coefficient_{process}", "bounds": [[-1e6, 1e6]], "inits": [1.0]}
            for process in templates.processes
        ]
        specification = {"channels": [{"name": "region", "samples": samples}], "parameters": parameters}
        self._model = pyhf.Model(specification, poi_name=None, validate=False)
        self._processes = templates.processes

    def minus_two_log_likelihood(
        self, fractions: np.ndarray, counts: np.ndarray, alpha: dict[str, float] | None = None
    ) -> np.ndarray:
        """-2 ln L (G,) of counts (B,) at coefficients (G, C), with the factorials of the counts, without constraints.

        ``alpha``: nuisance parameters that are not 0.
        """
        counts = np.asarray(counts, dtype=float)
        values = []
        for row in np.asarray(fractions, dtype=float):
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
    """Largest difference between pyhf's -2 ln L and this model's, the constant included.

    Compared at coordinates (G,) with nominal nuisance parameters, and at the first of them with each at +1 and -1.
    """
    kappa = np.atleast_1d(np.asarray(kappa, dtype=float))
    constant = 2.0 * gammaln(np.asarray(counts, dtype=float) + 1.0).sum()
    likelihood, theirs = model.likelihood(counts), PyhfModel(model.templates)
    fractions = model.mixture.fractions(kappa)
    pairs = [(likelihood.value(kappa), theirs.minus_two_log_likelihood(fractions, counts))]
    systematics = model.templates.systematics
    for place, nuisance in enumerate(() if systematics is None else systematics.nuisances):
        for value in (1.0, -1.0) if nuisance.interpolation != "linear" else ():
            alpha = systematics.nominal
            alpha[place] = value
            penalty = value**2 if nuisance.constraint == "gaussian" else 0.0
            if np.any(systematics.factors):  # pyhf's model has no norm factors: they are at their nominal values
                continue
            ours = likelihood.value(kappa[:1], alpha) - penalty
            pairs.append((ours, theirs.minus_two_log_likelihood(fractions[:1], counts, {nuisance.name: value})))
    return max(float(np.abs(ours + constant - other).max()) for ours, other in pairs)
