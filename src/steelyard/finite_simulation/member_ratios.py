"""Log ratios of the single members of an ensemble on part of the reference, for the scatter between them."""

from collections.abc import Sequence

import numpy as np

from steelyard.data.reference_events import ReferenceEvents
from steelyard.data.store import Sample
from steelyard.finite_simulation.member_scatter import MemberRatios
from steelyard.ratios.ensembles import Ensemble
from steelyard.ratios.evaluation import member_log_ratios

# Reference events, at random, on which the members are compared.
EVENTS = 30_000


def member_ratios(
    ensembles: Sequence[Ensemble], samples: Sequence[Sample], events: ReferenceEvents, seed: int
) -> MemberRatios:
    """Evaluate every member of the ratios on :data:`EVENTS` reference events at random, or all if there are fewer.

    Args:
        ensembles: of all processes, in their order.
        samples: with the features.
        events: the reference events.
        seed: of the choice.
    """
    total = len(events.weights)
    rows = np.sort(np.random.default_rng(seed).choice(total, min(EVENTS, total), replace=False))
    chosen = ReferenceEvents(events.weights[rows], events.rows[rows])
    features = chosen.gather([sample.features for sample in samples])
    first = ensembles[0].members[0]
    return MemberRatios(
        rows=rows,
        log_r=tuple(member_log_ratios(ensemble, features) for ensemble in ensembles),
        bootstrap=first.bootstrap,
        features=features,
        networks=tuple(ensemble.networks for ensemble in ensembles),
        validation_fraction=float(first.training["validation_fraction"]),
    )
