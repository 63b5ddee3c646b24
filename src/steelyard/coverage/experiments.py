"""Independently simulated experiments with the learned and the exact ratios of their events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.data.columns import Columns, NamedExpression
from steelyard.data.reference import Reference
from steelyard.data.reference_events import oracle_log_ratios
from steelyard.data.variations import Variation
from steelyard.ratios.ensembles import Ensemble
from steelyard.ratios.evaluation import log_ratio
from steelyard.regions.unbinned import UnbinnedModel
from steelyard.simulators.exact_variations import exact_variations
from steelyard.simulators.interface import Simulator


@dataclass(frozen=True)
class Experiments:
    """Selected events of T experiments: ``kinematics`` (M, K), ``features`` (M, D), ``offsets`` (T+1,) into them."""

    kinematics: np.ndarray
    features: np.ndarray
    offsets: np.ndarray


def simulate_experiments(
    simulator: Simulator,
    parameters: dict[str, float],
    number: int,
    seed: int,
    variables: Sequence[NamedExpression],
    selection: str | None,
    features: Sequence[NamedExpression],
    alpha: Mapping[str, float] | None = None,
) -> Experiments:
    """Draw whole experiments from the true model and pass them through the selection and features of the analysis.

    Args:
        simulator: the true model.
        parameters: the true values of its parameters.
        number: of experiments.
        seed: of the random numbers.
        variables, selection, features: of the analysis.
        alpha: true values of its nuisance parameters, 0 where not given.
    """
    kinematics, offsets = simulator.draw_experiments(parameters, number, seed, dict(alpha or {}))
    columns = Columns(
        variables={item.name: item.expression for item in variables},
        selection=selection,
        features={item.name: item.expression for item in features},
        observables={},
        weights={},
        event_id=None,
        id_scope="experiments",
    )
    branches = dict(zip(simulator.observables, kinematics.T, strict=True))
    kept = columns.identify("experiments", 0, branches)[0]
    stored, _ = columns.evaluate("experiments", 0, branches)
    return Experiments(kinematics[kept], stored["features"], np.searchsorted(kept, offsets))


def learned_intensities(
    experiments: Experiments, ensembles: Sequence[Ensemble], model: UnbinnedModel, threads: int = 1
) -> np.ndarray:
    """nu_c r_c of every event by the ensembles, (M, C), normalised as the model's reference is."""
    return model.event_intensities(_scores(experiments, ensembles, threads))


def learned_shapes(
    experiments: Experiments, ensembles: Sequence[Ensemble], model: UnbinnedModel, threads: int = 1
) -> np.ndarray:
    """log g of every event by the ensembles of all variations, (M, T, 2), as the model's reference has it."""
    return model.event_shapes(_scores(experiments, ensembles, threads))


def oracle_intensities(
    experiments: Experiments, simulator: Simulator, reference: Reference, model: UnbinnedModel
) -> np.ndarray:
    """nu_c r_c of every event by the exact densities, (M, C), normalised as the exact model's reference is."""
    densities = simulator.log_densities(experiments.kinematics, model.mixture.processes)
    return model.event_intensities(oracle_log_ratios(densities, reference))


def oracle_shapes(
    experiments: Experiments, simulator: Simulator, variations: Sequence[Variation], model: UnbinnedModel
) -> np.ndarray:
    """log g of every event by the exact densities, (M, T, 2), as the exact model's reference has it."""
    return model.event_shapes(exact_variations(simulator, experiments.kinematics, variations))


def _scores(experiments: Experiments, ensembles: Sequence[Ensemble], threads: int) -> np.ndarray:
    """Raw log ratios (M, R) of all ensembles."""
    scores = np.empty((len(experiments.features), len(ensembles)))
    for column, ensemble in enumerate(ensembles):
        scores[:, column] = log_ratio(ensemble, experiments.features, threads)
    return scores
