"""Everything that is checked of the statistical model as a whole: the sums and differences that the likelihood uses."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from steelyard.checks import Check, Levels, at_most
from steelyard.data.reference import Reference
from steelyard.diagnostics.closure import Closure, bin_columns, closure
from steelyard.diagnostics.event_table import EventTable
from steelyard.diagnostics.model.asimov_bias import AsimovBias, asimov_bias
from steelyard.diagnostics.model.asimov_weights import AsimovWeights, asimov_weights, reference_advice
from steelyard.diagnostics.model.normaliser_accuracy import INTOLERABLE, TOLERATED, NormaliserAccuracy, measure_accuracy
from steelyard.diagnostics.model.total_closure import TotalClosure, total_closure
from steelyard.diagnostics.ratio.normalisation_check import check_normalisation
from steelyard.inference.fall_back import FallBackEffect, fall_back_effect
from steelyard.inference.fit import Scan
from steelyard.regions.unbinned import Model

if TYPE_CHECKING:
    from steelyard.diagnostics.thresholds import Thresholds

# Of the rms of t's error in pseudo-experiments.
FORM = Levels(warn=TOLERATED, fail=INTOLERABLE)

# Of t, whose 68 % set ends at 1: there 0.1 are a twentieth of a standard deviation, and 1 is a whole one in a set that
# ends at 4.
FALL_BACK = Levels(warn=0.1, fail=1.0)
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
    """

    normalisation: tuple[Check, ...]
    differences: tuple[Closure, ...]
    total: TotalClosure
    weights: AsimovWeights
    bias: AsimovBias
    normaliser: NormaliserAccuracy | None = None
    fall_back: FallBackEffect | None = None

    @property
    def checks(self) -> tuple[Check, ...]:
        """The verdicts."""
        parts = [part.check for part in (*self.differences, self.total)]
        return (*self.normalisation, *parts, *self.weights.checks, *self.bias.checks, *self._form_checks)

    @property
    def _form_checks(self) -> tuple[Check, ...]:
        checks = []
        if self.normaliser is not None:
            checks.append(at_most("form of the normaliser", self.normaliser.worst, FORM, detail=self.normaliser.advice))
        if self.fall_back is not None:
            checks.append(check_fall_back(self.fall_back))
        return tuple(checks)


def check_fall_back(effect: FallBackEffect) -> Check:
    """Whether t depends on the form of the events that code 4 is no good for."""
    found = "; ".join(map(str, effect.found))
    detail = (
        f"t of the expected data between the two extreme forms of effects so large that code 4 is not positive on "
        f"{found}. These have the exponential form"
    )
    if effect.largest > FALL_BACK.warn:
        detail += (
            ". The result depends on how such ratios are interpolated. If they are true (a narrow peak that moves), "
            "give the nuisance parameter `interpolation: exponential`, which is the right form for a shift, or "
            "variations of a smaller size; if not, look at the closure of these variations"
        )
    return at_most("effects that code 4 cannot interpolate", effect.largest, FALL_BACK, detail=detail)


def diagnose_model(
    table: EventTable,
    model: Model,
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
        weights=asimov_weights(model.rates, model.weights, mu, fractions, advice=reference_advice(reference)),
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
        fall_back=fall_back_effect(
            model,
            mixture.to_parameter(np.linspace(*mixture.to_coordinate(mu[[0, -1]]), FALL_BACK_POINTS)),
            mixture.coefficients.nominal[mixture.coefficients.parameters[0]],
        ),
    )
