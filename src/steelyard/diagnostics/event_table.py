"""The reference events with everything that the checks ask of them, as one table in memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.data.reference import Reference
from steelyard.data.reference_events import load_scores, process_densities, reference_events
from steelyard.data.store import Sample


@dataclass(frozen=True)
class EventTable:
    """Reference events of all samples, which no network trained on.

    Attributes:
        names: of the K variables: features, then observables of other names.
        variables: K arrays (n,).
        features: (n, D) what the networks see.
        ids: (n,) event identifiers.
        reference: (n,) reference weights, sum 1.
        densities: (n, C) weights of each process, each column of sum 1.
        log_r: (n, R) raw log ratios.
    """

    names: tuple[str, ...]
    variables: tuple[np.ndarray, ...]
    features: np.ndarray
    ids: np.ndarray
    reference: np.ndarray
    densities: np.ndarray
    log_r: np.ndarray

    def variable(self, name: str) -> np.ndarray:
        """The values (n,) of one variable."""
        return self.variables[self.names.index(name)]


def event_table(samples: Sequence[Sample], reference: Reference, scores: Sequence[str]) -> EventTable:
    """Gather the reference events from the samples' stores and from score files (by sample, then by ratio)."""
    events = reference_events(samples, reference)
    features = events.gather([sample.features for sample in samples])
    observables = events.gather([sample.observables for sample in samples])
    info = samples[0].info
    more = [index for index, name in enumerate(info.observables) if name not in info.features]
    return EventTable(
        names=(*info.features, *(info.observables[index] for index in more)),
        variables=(*features.T, *observables.T[more]),
        features=features,
        ids=events.gather([sample.ids for sample in samples]),
        reference=events.weights,
        densities=process_densities(samples, reference, events),
        log_r=events.gather(load_scores(scores, len(samples))).astype(float),
    )
