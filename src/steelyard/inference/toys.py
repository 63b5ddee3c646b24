"""Pseudo-experiments by Poisson bootstrap of the reference events."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from steelyard.errors import ModelError
from steelyard.inference.global_observables import throw_from
from steelyard.inference.toy_fits import ToyFits, fit_toys
from steelyard.io.files import whole
from steelyard.model.effects import Systematics
from steelyard.regions.negative_intensity import negative_weights
from steelyard.regions.unbinned import Point, UnbinnedModel
from steelyard.regions.varied_intensities import total_intensities

# Pseudo-experiments that are drawn and fitted at a time, and the expected events in them: the smaller number counts.
# They bound a job's memory, some 50 bytes an event, and are part of what a seed means.
TOYS_AT_ONCE = 200
EVENTS_AT_ONCE = 2_000_000

# Weights (events times pseudo-experiments) held at a time where every pseudo-experiment has its own.
WEIGHTS_AT_ONCE = 1 << 19

NuisancePoint = Literal["nominal", "conditional", "constraint"]


@dataclass(frozen=True)
class ThrownToys(ToyFits):
    """Fits of T pseudo-experiments, and what they were thrown with.

    Attributes:
        thrown: (T, K) nuisance parameters at which the events were thrown.
        global_observables: (T, K) a_k of each; the nominal value of a nuisance parameter without constraint.
    """

    thrown: np.ndarray | None = None
    global_observables: np.ndarray | None = None


@dataclass(frozen=True)
class ToySampler:
    """Draws pseudo-experiments of one hypothesis at a cost of O(N) each.

    A Poisson bootstrap draws n_i ~ Poisson(w_A,i) for every reference event. A sum of independent Poisson numbers is
    Poisson, and given the sum they are multinomial: so N ~ Poisson(sum w_A) events with probability w_A,i / sum w_A
    each are the same distribution, without touching the full sample for every toy (docs/theory.md 9).

    Attributes:
        cumulative: (n,) running sum of the Asimov weights.
    """

    cumulative: np.ndarray

    @classmethod
    def at(cls, model: UnbinnedModel, mu: float, alpha: Point = None) -> "ToySampler":
        """The sampler of the model's Asimov weights at ``mu`` and ``alpha``; raises ModelError on negative weights."""
        return cls(np.cumsum(model.asimov_weights(mu, alpha)))

    def draw(self, toys: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Rows (M,) of reference events and offsets (toys+1,) of the experiments in them; a row may repeat."""
        total = self.cumulative[-1]
        counts = generator.poisson(total, size=toys)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        return _find(self.cumulative, generator.uniform(0.0, total, size=offsets[-1])), offsets


def throw_toys(
    model: UnbinnedModel,
    mu: float,
    toys: int,
    seed: int,
    nuisances: NuisancePoint = "nominal",
    conditional: ArrayLike | Mapping[str, float] | None = None,
    tested: float | None = None,
) -> ThrownToys:
    """Throw pseudo-experiments at ``mu`` and fit each: t(mu) and mu_hat.

    Events come from the Poisson bootstrap at (mu, alpha), and the global observable of every constrained nuisance
    parameter from its constraint, such as a_k ~ N(alpha_k, 1). Without nuisance parameters, and at their nominal
    values, a seed gives the same events.

    Args:
        model: mixture, reference events and nuisance parameters.
        mu: where they are thrown, and the tested value unless another is given.
        toys: how many.
        seed: of everything random.
        nuisances: where in alpha they are thrown: ``nominal``; ``conditional``: at the given point; ``constraint``:
            each at its own point, drawn within the bounds as likely as its constraint has it, free parameters
            staying nominal. That costs a pass over all events for each.
        conditional: the point of ``conditional``, (K,) or by name: the best fit of alpha to the data at this mu.
        tested: the value of which t is taken, such as the lower bound for the significance that is expected at ``mu``.
            The experiments of a seed are the same whatever it is.

    Raises:
        ModelError: the Asimov weights at (mu, alpha) are not all positive, or ``conditional`` is no point.
    """
    generator = np.random.default_rng(seed)
    # A stream of its own: the events do not depend on how many nuisance parameters there are.
    (aside,) = generator.spawn(1)
    alpha = _points(model.systematics, toys, nuisances, conditional, aside)
    observed = throw_from(model.systematics.parameters, alpha, aside.normal(size=alpha.shape))
    common = bool((alpha == alpha[:1]).all())
    if common and toys:
        model = model.anchored(alpha[0])
    sampler = ToySampler.at(model, mu, alpha[0]) if common and toys else None
    pieces, step = [], toys_at_once(model, mu)
    for first in range(0, toys, step):
        chosen = slice(first, min(first + step, toys))
        if sampler is None:
            rows, offsets = draw_each(model, mu, alpha[chosen], generator)
        else:
            rows, offsets = sampler.draw(chosen.stop - first, generator)
        pieces.append(_fit(model, mu if tested is None else tested, rows, offsets, alpha[chosen], observed[chosen]))
    return concatenate(pieces)


def toys_at_once(model: UnbinnedModel, mu: float) -> int:
    """Pseudo-experiments at ``mu`` that are drawn and fitted at a time.

    By the nominal expectation, wherever in alpha they are thrown, so that a seed means the same events with and without
    nuisance parameters: 200 up to 10,000 expected events, fewer beyond.
    """
    expected = float(model.mixture.total(model.mixture.to_coordinate(mu))[0])
    return TOYS_AT_ONCE if expected * TOYS_AT_ONCE <= EVENTS_AT_ONCE else max(int(EVENTS_AT_ONCE / expected), 1)


def draw_each(
    model: UnbinnedModel, mu: float, alpha: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Pseudo-experiments that have a point (P, K) each: rows (M,) of reference events and offsets (P+1,).

    The bootstrap of :class:`ToySampler`, one block of reference events after the other, each with its own weights of
    every pseudo-experiment: Poisson numbers of different blocks are independent.

    Raises:
        ModelError: some weights are negative; the point with most of them is named.
    """
    coefficients = model.mixture.coefficients_along(model.mixture.to_coordinate(mu))[0]
    number, negative, total = (np.zeros(len(alpha)) for _ in range(3))
    toys, rows = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    step = max(WEIGHTS_AT_ONCE // max(len(alpha), 1), 1)
    for start in range(0, len(model.intensities), step):
        block = slice(start, start + step)
        weights = total_intensities(
            model.systematics, coefficients, model.intensities[block], model.log_g[block], alpha
        )
        weights *= model.weights[block]
        sums = weights.sum(axis=1)
        total += sums
        if weights.min(initial=0.0) < 0.0:
            number += (weights < 0.0).sum(axis=1)
            negative += np.minimum(weights, 0.0).sum(axis=1)
        if number.any():
            continue  # counted to the end for the message; nothing is drawn any more
        toy = np.repeat(np.arange(len(alpha)), generator.poisson(sums))
        # The running sum goes on from one pseudo-experiment to the next: one search finds the events of all.
        cumulative = np.cumsum(weights).reshape(weights.shape)
        begin = cumulative[:, 0] - weights[:, 0]
        place = begin[toy] + generator.uniform(size=len(toy)) * (cumulative[toy, -1] - begin[toy])
        found = _find(cumulative.ravel(), place) - toy * weights.shape[1]
        toys.append(toy)
        rows.append(start + np.clip(found, 0, weights.shape[1] - 1))  # rounding where two of them meet
    if number.any():
        worst = int(np.argmax(number))
        share = -negative[worst] / total[worst]
        raise negative_weights(
            int(number[worst]), len(model.intensities), share, mu, model.systematics, alpha[worst], model.deficits
        )
    owner = np.concatenate(toys)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(alpha)))])
    return np.concatenate(rows)[np.argsort(owner, kind="stable")], offsets


def concatenate(pieces: list[ToyFits]) -> ToyFits:
    """One result from several batches, in their order."""
    kind = type(pieces[0])
    columns = {field.name: [getattr(piece, field.name) for piece in pieces] for field in fields(kind)}
    return kind(
        **{name: np.concatenate(parts) for name, parts in columns.items() if not any(part is None for part in parts)}
    )


def save_toys(fits: ToyFits, mu: float, path: str | os.PathLike) -> None:
    """Write the fits of one batch of pseudo-experiments thrown and tested at ``mu`` as ``.npz``."""
    columns = {field.name: getattr(fits, field.name) for field in fields(fits)}
    with whole(path) as temporary:
        np.savez(temporary, mu=mu, **{name: column for name, column in columns.items() if column is not None})


def load_toys(path: str | os.PathLike) -> tuple[float, ThrownToys]:
    """Read what :func:`save_toys` wrote: the tested value and the fits."""
    with np.load(path) as file:
        return float(file["mu"]), ThrownToys(**{name: file[name] for name in file.files if name != "mu"})


def load_points(paths: list[str]) -> dict[float, ToyFits]:
    """The toys of every tested value, from all files of all its batches."""
    batches: dict[float, list[ToyFits]] = {}
    for path in paths:
        mu, fits = load_toys(path)
        batches.setdefault(mu, []).append(fits)
    return {mu: concatenate(pieces) for mu, pieces in batches.items()}


def _points(
    systematics: Systematics, toys: int, nuisances: NuisancePoint, conditional: Point, generator: np.random.Generator
) -> np.ndarray:
    """(toys, K) nuisance parameters at which pseudo-experiments are thrown."""
    if nuisances not in get_args(NuisancePoint):
        raise ModelError(
            f"pseudo-experiments are thrown with nuisance parameters {', '.join(get_args(NuisancePoint))}, not "
            f"'{nuisances}'"
        )
    if (conditional is not None) != (nuisances == "conditional"):
        raise ModelError(
            "pseudo-experiments at the conditional fit of the nuisance parameters need that point"
            if conditional is None
            else f"a conditional point was given, but the nuisance parameters are to be thrown '{nuisances}'"
        )
    alpha = np.tile(systematics.point(conditional), (toys, 1))
    if nuisances == "constraint":
        for k, parameter in enumerate(systematics.parameters):
            alpha[:, k] = parameter.constraint.draw(parameter.nominal, parameter.bounds, toys, generator)
    return alpha


def _fit(
    model: UnbinnedModel, mu: float, rows: np.ndarray, offsets: np.ndarray, alpha: np.ndarray, observed: np.ndarray
) -> ThrownToys:
    # Without nuisance parameters the fit is asked for nothing of them. It looks events up: no copy of their columns.
    arguments = {}
    if len(model.systematics):
        arguments = {"systematics": model.systematics, "global_observables": observed, "log_g": model.log_g}
    fits = fit_toys(model.mixture, model.intensities, offsets, mu, rows=rows, **arguments)
    columns = {field.name: getattr(fits, field.name) for field in fields(ToyFits)}
    return ThrownToys(**columns, thrown=alpha, global_observables=observed)


def _find(cumulative: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The first row whose running sum exceeds each place (M,) in [0, total): (M,)."""
    # Sorted first, the search walks through the memory once: a third of the time, for 10⁶ rows.
    order = np.argsort(places)
    rows = np.empty(len(places), dtype=np.int64)
    rows[order] = np.searchsorted(cumulative, places[order], side="right")
    # A place within rounding of the total, or beyond a last event without weight.
    return np.minimum(rows, len(cumulative) - 1)
