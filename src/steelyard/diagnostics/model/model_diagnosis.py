"""Everything that is checked of the statistical model as a whole: the sums and differences that the likelihood uses."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from steelyard.checks import Check
from steelyard.data.reference import Reference
from steelyard.diagnostics.closure import Closure, bin_columns, closure
from steelyard.diagnostics.event_table import EventTable
from steelyard.diagnostics.model.asimov_bias import AsimovBias, asimov_bias
from steelyard.diagnostics.model.asimov_weights import AsimovWeights, asimov_weights, reference_advice
from steelyard.diagnostics.model.interpolation_check import check_fall_back
from steelyard.diagnostics.model.normaliser_accuracy import NormaliserAccuracy, check_form, measure_accuracy
from steelyard.diagnostics.model.total_closure import TotalClosure, total_closure
from steelyard.diagnostics.ratio.normalisation_check import check_normalisation
from steelyard.diagnostics.stages import ModelInputs, run_registered
from steelyard.inference.fall_back import FallBackEffect, fall_back_effect
from steelyard.inference.fit import Scan
from steelyard.regions.unbinned import UnbinnedModel

if TYPE_CHECKING:
    from steelyard.diagnostics.thresholds import Thresholds

# Values of the parameter at which t is compared.
FALL_BACK_POINTS = 5


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
        fall_back: events on which code 4 falls back to the exponential form; absent without any.
        further: verdicts on these two, and those of the diagnostics that are registered for this stage.
    """

    normalisation: tuple[Check, ...]
    differences: tuple[Closure, ...]
    total: TotalClosure
    weights: AsimovWeights
    bias: AsimovBias
    normaliser: NormaliserAccuracy | None = None
    fall_back: FallBackEffect | None = None
    further: tuple[Check, ...] = ()

    @property
    def checks(self) -> tuple[Check, ...]:
        """The verdicts."""
        parts = [part.check for part in (*self.differences, self.total)]
        return (*self.normalisation, *parts, *self.weights.checks, *self.bias.checks, *self.further)


def diagnose_model(
    table: EventTable,
    model: UnbinnedModel,
    reference: Reference,
    mu: Sequence[float],
    truths: Sequence[float],
    thresholds: "Thresholds",
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
    given = ModelInputs(table, model, reference, mu, truths, thresholds, scan)
    mixture, mu = model.mixture, np.asarray(mu, dtype=float)
    columns = bin_columns(table.names, table.variables, table.reference)
    coefficients = mixture.coefficients_along(mixture.to_coordinate(mu))
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
    accuracy = measure_accuracy(model, scan) if len(model.systematics.terms) and scan is not None else None
    effect = fall_back_effect(
        model,
        mixture.to_parameter(np.linspace(*mixture.to_coordinate(mu[[0, -1]]), FALL_BACK_POINTS)),
        mixture.coefficients.nominal[mixture.coefficients.parameters[0]],
    )
    further = [check_form(accuracy, thresholds.normaliser_form)] if accuracy is not None else []
    further += [check_fall_back(effect, thresholds.interpolation)] if effect is not None else []
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
            coefficients,
            thresholds.difference,
        ),
        weights=asimov_weights(
            model.intensities,
            model.weights,
            mu,
            coefficients,
            thresholds.reference_entries,
            reference_advice(reference),
        ),
        bias=asimov_bias(
            mixture.coefficients.parameters[0],
            mixture,
            model.intensities,
            table.densities,
            composition,
            truths,
            thresholds.asimov,
        ),
        normaliser=accuracy,
        fall_back=effect,
        further=(*further, *run_registered(given)),
    )
