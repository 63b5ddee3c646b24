"""A part of the reference events with all that belongs to them, for sums of squares that need not be exact."""

from dataclasses import replace

import numpy as np

from steelyard.finite_simulation.influence import SimulatedEvents
from steelyard.finite_simulation.member_scatter import MemberRatios
from steelyard.regions.unbinned import UnbinnedModel


def thinned(
    model: UnbinnedModel, events: SimulatedEvents, members: MemberRatios | None, number: int, seed: int = 0
) -> tuple[UnbinnedModel, SimulatedEvents, MemberRatios | None, float]:
    """At most about ``number`` independent events at random, those of the members among them, normalised to themselves.

    Returns:
        Model, events and members of the part, and the part of all independent events that it is.
    """
    owner = np.arange(len(model.weights)) if events.events is None else events.events
    total = int(owner.max()) + 1
    if total <= number:
        return model, events, members, 1.0
    order = np.random.default_rng(seed).permutation(total)
    if members is not None:  # at random themselves
        first = np.unique(owner[members.rows])
        order = np.concatenate([first, order[~np.isin(order, first)]])
    chosen = np.zeros(total, dtype=bool)
    chosen[order[:number]] = True
    rows = np.flatnonzero(chosen[owner])
    weights = model.weights[rows] / model.weights[rows].sum()
    intensities = model.intensities[rows]
    part = replace(
        model,
        intensities=intensities * (model.mixture.yields / (weights @ intensities)),
        weights=weights,
        rows=model.rows[rows],
        log_g=model.log_g[rows],
    )
    fraction = number / total

    def normalised(densities: np.ndarray) -> np.ndarray:
        sums = densities[rows].sum(axis=0)
        return np.asarray(densities[rows] / np.where(sums != 0.0, sums, 1.0))

    less = replace(
        events,
        densities=normalised(events.densities),
        sample=events.sample[rows],
        training=events.training / fraction,
        labelled=None if events.labelled is None else normalised(events.labelled),
        events=None if events.events is None else np.unique(owner[rows], return_inverse=True)[1],
        mixed=None if events.mixed is None else normalised(events.mixed),
    )
    if members is None:
        return part, less, None, fraction
    kept = np.flatnonzero(chosen[owner[members.rows]])
    fewer = replace(
        members,
        rows=np.searchsorted(rows, members.rows[kept]),
        log_r=tuple(values[:, kept] for values in members.log_r),
        features=None if members.features is None else members.features[kept],
    )
    return part, less, fewer, fraction
