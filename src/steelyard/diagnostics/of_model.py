"""Everything that is checked of the statistical model as a whole: the sums and differences that the likelihood uses."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from steelyard.configuration.thresholds import Thresholds
from steelyard.data.reference import Reference
from steelyard.diagnostics.asimov_bias import AsimovBias, asimov_bias
from steelyard.diagnostics.asimov_weights import AsimovWeights, asimov_weights
from steelyard.diagnostics.closure import Closure, bin_columns, closure
from steelyard.diagnostics.normalisation import check_normalisation
from steelyard.diagnostics.table import EventTable
from steelyard.diagnostics.total_closure import TotalClosure, total_closure
from steelyard.diagnostics.verdict import Check, Levels, at_most
from steelyard.statistics.fits import Scan
from steelyard.statistics.model import Model
from steelyard.statistics.normaliser_accuracy import INTOLERABLE, TOLERATED, NormaliserAccuracy, measure_accuracy

# Of the rms of t's error in pseudo-experiments.
FORM = Levels(warn=TOLERATED, fail=INTOLERABLE)


@dataclass(frozen=True)
class ModelDiagnosis:
    """The checks of a model.

    Attributes:
        normalisation: E_ref[r_c] of each raw ratio.
        differences: closure of each process re-weighted to each other one.
        total: closure of the summed expectation at every value of the parameter.
        weights: effective size of the Asimov data along the parameter, and negative weights.
        bias: best fit to the simulation's own expected data.
        normaliser: error of the form of the normaliser of shape effects; absent without any.
    """

    normalisation: tuple[Check, ...]
    differences: tuple[Closure, ...]
    total: TotalClosure
    weights: AsimovWeights
    bias: AsimovBias
    normaliser: NormaliserAccuracy | None = None

    @property
    def checks(self) -> tuple[Check, ...]:
        """The verdicts."""
        parts = [part.check for part in (*self.differences, self.total)]
        return (*self.normalisation, *parts, *self.weights.checks, *self.bias.checks, *self._normaliser_checks)

    @property
    def _normaliser_checks(self) -> tuple[Check, ...]:
        if self.normaliser is None:
            return ()
        return (at_most("form of the normaliser", self.normaliser.worst, FORM, detail=self.normaliser.advice),)


def diagnose_model(
    table: EventTable,
    model: Model,
    reference: Reference,
    mu: Sequence[float],
    truths: Sequence[float],
    thresholds: Thresholds,
    scan: Scan | None = None,
) -> ModelDiagnosis:
    """Check a model on its own reference events.

    Args:
        table: the reference events with the scores of all ratios.
        model: built from the same scores.
        reference: for the composition of the reference.
        mu: values of the parameter along which sums are checked.
        truths: values at which the simulation's expected data are fitted.
        thresholds: of the checks.
        scan: of the expected data, along which the normaliser is checked.
    """
    mixture, mu = model.mixture, np.asarray(mu, dtype=float)
    columns = bin_columns(table.names, table.variables, table.reference)
    fractions = mixture.fractions(mixture.to_coordinate(mu))
    names = mixture.processes
    differences = [
        closure(
            f"{names[c]}/{names[d]}",
            columns,
            table.densities[:, c],
            table.densities[:, d],
            table.log_r[:, c] - table.log_r[:, d],
            thresholds.closure,
        )
        for c, d in combinations(range(len(names)), 2)
        if np.any((table.densities[:, c] != 0.0) & (table.densities[:, d] != 0.0))
    ]
    composition = np.array([reference.weights[process] for process in names])
    return ModelDiagnosis(
        normalisation=check_normalisation(
            names, model.normalisation.mean, model.normalisation.error, thresholds.normalisation
        ),
        differences=tuple(differences),
        total=total_closure(
            columns,
            table.densities,
            table.reference,
            table.log_r,
            mixture.yields,
            mu,
            fractions,
            thresholds.difference,
        ),
        weights=asimov_weights(model.rates, model.weights, mu, fractions),
        bias=asimov_bias(
            mixture.coefficients.parameters[0],
            mixture,
            model.rates,
            table.densities,
            composition,
            truths,
            thresholds.asimov,
        ),
        normaliser=measure_accuracy(model, scan) if len(model.systematics.terms) and scan is not None else None,
    )
