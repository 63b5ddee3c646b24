"""Everything that is checked of one density ratio."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steelyard.checks import Check
from steelyard.data.event_densities import class_weights
from steelyard.data.reference import Reference
from steelyard.data.store import Sample
from steelyard.diagnostics.closure import Closure, bin_columns, closure
from steelyard.diagnostics.event_table import EventTable
from steelyard.diagnostics.ratio.calibration import Calibration, calibration
from steelyard.diagnostics.ratio.classifier_test import ClassifierTest, classifier_test
from steelyard.diagnostics.ratio.convergence import Convergence, convergence
from steelyard.diagnostics.ratio.overtraining import Overtraining, overtraining
from steelyard.diagnostics.stages import RatioInputs, run_registered

if TYPE_CHECKING:
    from steelyard.diagnostics.thresholds import Thresholds
    from steelyard.ratios.ensembles import Ensemble

# Events on which the spread of the members is measured: its error is far below the spread itself.
SPREAD_EVENTS = 50_000


@dataclass(frozen=True)
class RatioDiagnosis:
    """The checks of one ratio p_c/p_ref; ``further`` are those of the diagnostics registered for this stage."""

    ratio: str
    calibration: Calibration
    closure: Closure
    classifier: ClassifierTest
    overtraining: Overtraining
    convergence: Convergence
    further: tuple[Check, ...] = ()

    @property
    def checks(self) -> tuple[Check, ...]:
        """The verdicts."""
        parts = (self.calibration, self.closure, self.classifier, self.overtraining, self.convergence)
        return (*(part.check for part in parts), *self.further)


def diagnose_ratio(
    table: EventTable,
    samples: Sequence[Sample],
    reference: Reference,
    ensemble: "Ensemble",
    seen: np.ndarray,
    unseen: np.ndarray,
    thresholds: "Thresholds",
) -> RatioDiagnosis:
    """Check the ratio of an ensemble.

    Args:
        table: the reference events, with the scores of this ratio as only column of ``log_r``.
        samples, reference: as for training.
        ensemble: of the ratio; its members are evaluated on some of the events.
        seen, unseen: (N,) scores of all events of all samples, sample after sample.
        thresholds: of the checks.
    """
    from steelyard.ratios.evaluation import member_log_ratios

    ratio = ensemble.ratio
    target = table.densities[:, reference.processes.index(ratio)]
    log_r = table.log_r[:, 0]
    pooled = [np.concatenate(parts) for parts in zip(*class_weights(samples, reference, ratio, "all"), strict=True)]
    step = max(1, len(table.reference) // SPREAD_EVENTS)
    return RatioDiagnosis(
        ratio=ratio,
        calibration=calibration(ratio, target, table.reference, log_r, thresholds.calibration),
        closure=closure(
            ratio,
            bin_columns(table.names, table.variables, table.reference),
            target,
            table.reference,
            log_r,
            thresholds.closure,
        ),
        classifier=classifier_test(ratio, table.features, table.ids, target, table.reference, log_r, thresholds.auc),
        overtraining=overtraining(ratio, *pooled, seen, unseen, thresholds.overtraining),
        convergence=convergence(
            ratio,
            member_log_ratios(ensemble, table.features[::step]),
            table.reference[::step],
            thresholds.convergence,
            ensemble.combination,
        ),
        further=run_registered(RatioInputs(table, samples, reference, ensemble, seen, unseen, thresholds)),
    )
