"""Expected events of every process over the range of the parameter, known before any training.

What the numbers are decides two things: whether they can be meant at all, and which processes are so rare that an equal
share of the reference would be wasted on them.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from steelyard.data.reference import Reference
from steelyard.data.store import SampleInfo
from steelyard.errors import InputError

log = logging.getLogger(__name__)

POINTS = 201

# Without an event -2 ln L changes by 2ν at most, and with at most 0.1 expected events at every value of the parameter
# nine experiments in ten have none: whatever is found, nothing is excluded.
FEWEST_EVENTS = 0.1
# An unbinned likelihood holds its events in memory, a hundred bytes and more each, and adds them up in double
# precision: of 10⁹ terms it keeps the changes of one unit that matter to six digits. Real data that large are binned.
MOST_EVENTS = 1e9

# A process with less than this part of the expected events, wherever the parameter is, moves the total by less than
# the Poisson error of 10⁶ events. Where less than one event is expected in all, it is compared with one.
NEGLIGIBLE = 1e-3
# Effective reference events for each expected one that the events of such a process have to allow with an equal share;
# with 100 the reference adds 1/100 to the variance of a fit.
ENTRIES_PER_EVENT = 100.0


class CoefficientFunction(Protocol):
    """f_c of the parameter of interest, (G,) to (G, C)."""

    def value(self, parameters: np.ndarray) -> np.ndarray:
        """At values of the parameter."""


@dataclass(frozen=True)
class ExpectedEvents:
    """f_c(μ) ν_c of every process.

    Attributes:
        processes: C names.
        mu: (G,) values of the parameter, equidistant within its bounds.
        events: (G, C) expected events.
        nominal: the nominal value of the parameter.
        at_nominal: (C,) expected events there.
    """

    processes: tuple[str, ...]
    mu: np.ndarray
    events: np.ndarray
    nominal: float
    at_nominal: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """(G,) expected events of all processes."""
        return self.events.sum(axis=1)

    @property
    def largest_share(self) -> dict[str, float]:
        """Per process the largest |f_c ν_c| relative to the total, or to one event where the total is less."""
        shares = np.abs(self.events) / np.maximum(self.total, 1.0)[:, None]
        return dict(zip(self.processes, shares.max(axis=0).tolist(), strict=True))


def expected_events(
    coefficients: CoefficientFunction,
    yields: Mapping[str, float],
    bounds: tuple[float, float],
    nominal: float,
) -> ExpectedEvents:
    """The expected events within the parameter's bounds and at its nominal value.

    Args:
        coefficients: f_c of the parameter, in the order of ``yields``.
        yields: ν_c by process.
        bounds, nominal: of the parameter.
    """
    mu, nu = np.linspace(*bounds, POINTS), np.array(list(yields.values()), dtype=float)
    with np.errstate(all="ignore"):
        events, at_nominal = coefficients.value(mu) * nu, coefficients.value(np.array([nominal]))[0] * nu
    return ExpectedEvents(tuple(yields), mu, np.nan_to_num(events), float(nominal), at_nominal)


def tell_expected(expected: ExpectedEvents) -> None:
    """Say the expected events at the nominal point in the log, process by process."""
    for name, events in zip(expected.processes, expected.at_nominal, strict=True):
        log.info("process %s: %.6g expected events at the nominal parameter %g", name, events, expected.nominal)
    total = expected.total
    log.info(
        "all processes: %.6g expected events at %g, %.6g to %.6g within its bounds",
        *(expected.at_nominal.sum(), expected.nominal, total.min(), total.max()),
    )


def check_expected(
    expected: ExpectedEvents,
    infos: Sequence[SampleInfo],
    weights: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """Stop at numbers of events that cannot be meant.

    Args:
        expected: the expected events.
        infos: what the samples' stores say of themselves.
        weights: per sample and process the expression of the weight, for the message.

    Raises:
        InputError: more than 10⁹ expected events at the nominal value of the parameter, or fewer than 0.1 at every
            value; the message names samples, weights and their sums.
    """
    total, most = float(expected.at_nominal.sum()), float(expected.total.max())
    if not np.isfinite(total) or total > MOST_EVENTS:
        what = f"{total:.4g} events are expected at the nominal parameter {expected.nominal:g}, more than 10^9"
        order = np.argsort(-np.abs(expected.at_nominal))[:1]
    elif max(most, total) < FEWEST_EVENTS:
        what = f"at most {max(most, total):.3g} events are expected within the parameter's bounds, fewer than 0.1"
        order = np.argsort(-np.abs(expected.events).max(axis=0))
    else:
        return
    sums = []
    for process, info in ((expected.processes[place], info) for place in order for info in infos):
        if process in info.processes:
            text = f" '{weights[info.name][process]}'" if weights else ""
            sums.append(
                f"process {process}, sample {info.name}: the weights{text} of {info.n_selected} selected events sum to "
                f"{info.sum_weights[process]:.4g}"
            )
    raise InputError(
        f"{what}; {'; '.join(sums)}. The sum of the weights is the expected number of events: correct the weights "
        "(cross-section, luminosity, number of generated events and their units), or give `yield` of the processes"
    )


def default_shares(
    expected: ExpectedEvents, sizes: Mapping[str, float], free: Collection[str] = ()
) -> tuple[dict[str, float], tuple[str, ...]]:
    r"""Weights of the reference where none are configured: equal ones, but for processes of negligible yield.

    The events of one process with the share w of the reference and the effective number n allow about n/w² effective
    reference events in all. Where a process has less than 10⁻³ of the expected events at every value of the parameter,
    and with an equal share would allow fewer than 100 for each expected event, its share becomes the one at which its
    events weigh what those of the other processes weigh on average: more would only add noise, and less would say
    less of the process.

    Args:
        expected: the expected events.
        sizes: per process the effective number of its events among the reference events.
        free: processes whose yield the data determine, which are never negligible.

    Returns:
        The weights, not normalised, and for each process of a smaller one a sentence that says why.
    """
    shares = expected.largest_share
    most = max(float(expected.total.max()), 0.0)
    equal = 1.0 / len(expected.processes)
    rare = [
        name
        for name in expected.processes
        if name not in free and shares[name] < NEGLIGIBLE and sizes[name] / equal**2 < ENTRIES_PER_EVENT * most
    ]
    others = [sizes[name] for name in expected.processes if name not in rare]
    weights, notes = dict.fromkeys(expected.processes, 1.0), []
    if not others:
        return weights, ()
    for name in rare:
        weight = sizes[name] * len(others) / sum(others)
        if weight < 1.0:
            weights[name] = weight
            notes.append(
                f"process {name}: at most {shares[name]:.2g} of the expected events at any parameter value, and "
                f"{sizes[name]:.0f} effective reference events: {weight:.3g} of an equal share of the reference, so "
                "that its events weigh what those of the others do; `reference` sets other shares"
            )
    return weights, tuple(notes)


def outdated(reference: Reference, expected: ExpectedEvents, free: Collection[str] = ()) -> str | None:
    """What to say where the default mixture was chosen for other coefficients or yields; None where it still holds.

    Args:
        reference: the mixture.
        expected: the expected events of now.
        free: as for :func:`default_shares`.
    """
    if not reference.notes and len(set(reference.weights.values())) > 1:
        return None  # configured
    weights, notes = default_shares(expected, reference.unseen.reference_sizes, free)
    changed = [name for name, weight in weights.items() if (weight < 1.0) != _reduced(reference, name)]
    if not changed:
        return None
    return (
        f"the reference was mixed when the expected events were others: by default the share of {', '.join(changed)} "
        f"would now be {'a smaller' if notes else 'an equal'} one. It serves as it is; to mix it again, and to train "
        "all ratios again, remove reference/reference.json"
    )


def _reduced(reference: Reference, process: str) -> bool:
    return reference.weights[process] < max(reference.weights.values())
