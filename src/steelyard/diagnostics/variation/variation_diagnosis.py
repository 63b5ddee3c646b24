"""Everything that is checked of the variations of one systematic."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steelyard.checks import Check
from steelyard.data.identifiers import SplitRule
from steelyard.data.store import Sample
from steelyard.data.variations import Variation
from steelyard.diagnostics.oracle.variation_comparison import VariationComparison, compare_variation
from steelyard.diagnostics.stages import VariationInputs, run_registered
from steelyard.diagnostics.variation.normaliser_size import NormaliserSize, normaliser_size, points_within
from steelyard.diagnostics.variation.variation_closure import VariationClosure, variation_closure
from steelyard.diagnostics.variation.variation_normalisation import check_variation_normalisation
from steelyard.diagnostics.variation.variation_symmetry import VariationSymmetry, variation_symmetry
from steelyard.diagnostics.variation.varied_events import process_columns, unseen_rows, varied_events
from steelyard.finite_simulation.null_information import NullInformation

if TYPE_CHECKING:
    from steelyard.diagnostics.thresholds import Thresholds


@dataclass(frozen=True)
class SystematicDiagnosis:
    """The checks of the shape effects of one systematic.

    Attributes:
        systematic: its name.
        normalisation: raw E_{p_c}[g] − 1 of each variation.
        closure: ±1σ closure of each variation.
        symmetry: of each process with both directions.
        comparison: learned against exact, where there is an oracle.
        normaliser: size of N_c(α) − 1 along this nuisance parameter, where a model is given.
        null: what the noise of its networks alone would constrain, where that was measured. Its verdict needs the fits,
            see :func:`steelyard.diagnostics.inference.null_checks.check_nulls`.
        further: checks of the diagnostics that are registered for this stage.
    """

    systematic: str
    normalisation: tuple[Check, ...]
    closure: tuple[VariationClosure, ...]
    symmetry: tuple[VariationSymmetry, ...]
    comparison: tuple[VariationComparison, ...] = ()
    normaliser: NormaliserSize | None = None
    null: NullInformation | None = None
    further: tuple[Check, ...] = ()

    @property
    def checks(self) -> tuple[Check, ...]:
        """The verdicts."""
        parts = (*self.closure, *self.symmetry, *self.comparison, *([self.normaliser] if self.normaliser else []))
        return (*self.normalisation, *(part.check for part in parts), *self.further)


def diagnose_systematic(
    variations: Sequence[Variation],
    samples: Sequence[Sample],
    varied: Mapping[str, Mapping[str, Sample]],
    scores: Sequence[np.ndarray],
    split: SplitRule,
    thresholds: "Thresholds",
    exact: Sequence[np.ndarray] | None = None,
    log_normaliser: Callable[[np.ndarray], np.ndarray] | None = None,
    null: NullInformation | None = None,
) -> SystematicDiagnosis:
    """Check the learned ratios of one systematic on events that no network trained on.

    Args:
        variations: V of them, all of one systematic; the columns of the scores.
        samples: the nominal samples.
        varied: direction: name of the nominal sample: its varied version.
        scores: per sample (N, V) raw log g of all its events.
        split: of the networks.
        thresholds: of the checks.
        exact: per sample (N, V) exact log ratios, of any normalisation.
        log_normaliser: values of this nuisance parameter (P, 1), all others nominal, to log N_c (P, C) of the processes
            of the variations, in the order of their first appearance.
        null: what a null variation has shown, to be kept with the rest.

    Raises:
        InputError: varied events with other features or observables than the nominal ones.
        ModelError: a ratio is not finite on an unseen event, or a density sums to zero.
    """
    systematic = variations[0].systematic
    processes = list(dict.fromkeys(variation.process for variation in variations))
    rows = unseen_rows(samples, processes, split)
    weights = dict(zip(processes, process_columns(samples, processes, rows).T, strict=True))

    def gathered(columns: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        values = np.concatenate([column[row] for column, row in zip(columns, rows, strict=True)]).astype(float)
        return {variation.name: values[:, place] for place, variation in enumerate(variations)}

    log_g = gathered(scores)
    closures = {}
    for direction in dict.fromkeys(variation.direction for variation in variations):
        events = varied_events(samples, varied.get(direction, {}), processes, scores, split)
        for place, variation in enumerate(variations):
            if variation.direction == direction:
                process = processes.index(variation.process)
                closures[variation.name] = variation_closure(
                    variation.name,
                    events.columns,
                    events.target[:, process],
                    events.source[:, process],
                    events.scores[:, place],
                    thresholds.variation_closure,
                    thresholds.variation_share,
                    events.pairs,
                )
    sides = {(variation.process, variation.direction): log_g[variation.name] for variation in variations}
    return SystematicDiagnosis(
        systematic=systematic,
        normalisation=tuple(
            check_variation_normalisation(
                variation.name, log_g[variation.name], weights[variation.process], thresholds.variation_normalisation
            )
            for variation in variations
        ),
        closure=tuple(closures[variation.name] for variation in variations),
        symmetry=tuple(
            variation_symmetry(
                f"{process}-{systematic}",
                sides[process, "up"],
                sides[process, "down"],
                weights[process],
                thresholds.variation_symmetry,
            )
            for process in processes
            if (process, "up") in sides and (process, "down") in sides
        ),
        comparison=_comparisons(variations, log_g, gathered(exact), weights, thresholds) if exact else (),
        normaliser=normaliser_size(
            systematic, [systematic], processes, points_within(1), log_normaliser, thresholds.normaliser
        )
        if log_normaliser
        else None,
        null=null,
        further=run_registered(VariationInputs(variations, samples, varied, scores, split, thresholds, exact)),
    )


def _comparisons(
    variations: Sequence[Variation],
    learned: Mapping[str, np.ndarray],
    exact: Mapping[str, np.ndarray],
    weights: Mapping[str, np.ndarray],
    thresholds: "Thresholds",
) -> tuple[VariationComparison, ...]:
    return tuple(
        compare_variation(
            variation.name,
            variation.kind,
            learned[variation.name],
            exact[variation.name],
            weights[variation.process],
            thresholds,
        )
        for variation in variations
    )
