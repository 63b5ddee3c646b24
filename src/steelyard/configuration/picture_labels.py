"""The labels of the pictures that a configuration asks for."""

from steelyard.configuration.schema import Configuration
from steelyard.plots.labels import EMBEDDED, Labels


def labels_of(configuration: Configuration) -> Labels:
    """The labels that a configuration asks for; an analysis of a simulator with known densities says what it is."""
    return Labels(
        parameter=configuration.parameters[0].label,
        processes={process.name: process.label for process in configuration.processes},
        columns={observable.name: observable.label for observable in configuration.observables},
        nuisances={item.name: item.label for item in (*configuration.systematics, *configuration.norm_factors)},
        note=EMBEDDED if configuration.oracle else None,
    )
