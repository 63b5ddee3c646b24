r"""What to do next, in the order of what helps most: from what this run has measured of its own error of t(mu).

The parts of the error fall with known powers: that of the training events of a sample with the square root of their
number and their second order with the number itself, that of the networks' scatter with the square root of the number
of members, that of the reference with the square root of its events. What the measured bias has beyond all of these
where t is too small has not been learnt, and more training is what is left. So each step has a predicted error, which
the next run can be held against.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from steelyard.checks import Advice
from steelyard.io.notation import format_number

# The error that the advice aims at, as a part of what is allowed: the level of warning.
TARGET = 0.5
# Nobody simulates or trains more than so many times as much on an advice; the next run says what then.
MOST_EVENTS, MOST_MEMBERS = 100.0, 16
# Less than a fifth more of something is not worth a step.
LEAST = 1.2
# A bias of so many standard deviations beyond what noise explains is no noise.
SIGNIFICANT = 2.0


class ErrorPoint(Protocol):
    """What is asked of the error of t at one value of the parameter (``SimulationPoint``).

    ``events``: from the training events of each sample, to first order; ``noise``: mean of their second order;
    ``members``: from the networks, None with one member; ``reference``: from the finite reference sample; ``bias``:
    measured t minus the true one, with its error.
    """

    mu: float
    sigma_t: float
    allowance: float
    bias: float
    bias_error: float
    events: Mapping[str, float]
    noise: float
    members: float | None
    reference: float | None


@dataclass(frozen=True)
class _Parts:
    """Variances of t at one point by what they come from, and how many times as much of each source there is.

    Attributes:
        events: by sample, of the training events.
        shares: by sample, of the second order and of the error of the measured bias; sum one.
        noise: of the second order (its standard deviation squared).
        check: of the measured bias.
        members, reference, unlearned: of these.
        times: by sample, how many times as many events as now.
    """

    events: Mapping[str, float]
    shares: Mapping[str, float]
    noise: float
    check: float
    members: float
    reference: float
    unlearned: float
    times: Mapping[str, float]

    @property
    def sigma(self) -> float:
        left = sum(share / self.times[name] for name, share in self.shares.items())
        events = sum(value / self.times[name] for name, value in self.events.items())
        return math.sqrt(
            events + self.noise * left**2 + self.check * left + self.members + self.reference + self.unlearned
        )

    def of_sample(self, name: str, times: float) -> float:
        """What the events of one sample add, at most."""
        first = self.events[name] + self.check * self.shares[name]
        return first / times + self.noise * self.shares[name] / times**2


@dataclass(frozen=True)
class _Step:
    """A step and the fields of :class:`_Parts` that it changes."""

    kind: str
    text: str
    target: str | None
    factor: float | None
    changes: Mapping[str, Any]

    def done(self, parts: _Parts) -> _Parts:
        changes: dict[str, Any] = dict(self.changes)
        if "times" in changes:
            changes["times"] = {**parts.times, **changes["times"]}
        return replace(parts, **changes)


def advise(point: ErrorPoint, parameter: str, sizes: Mapping[str, int], members: int, worst: str = "") -> list[Advice]:
    """Steps that bring the error of t at a point to half of what is allowed, those that help most first.

    Every source is reduced to one level, the highest that reaches the aim: to go far below the others is wasted.
    The measured bias is one draw of what simulation and training do; a new run has another one, of a size that goes as
    the expected ones do.

    Args:
        point: the worst one.
        parameter: name of the parameter of interest.
        sizes: events of each sample now.
        members: networks of each ratio now.
        worst: the ratio whose closure is the worst, for a step that trains it longer; may be empty.

    Returns:
        Nothing where the error is below half of the allowance.
    """
    goal = TARGET * point.allowance
    if point.sigma_t <= goal:
        return []
    parts = _parts(point)
    low, high = math.log(1e-6 * goal**2), math.log(max(parts.sigma, goal) ** 2)
    for _ in range(40):
        level = 0.5 * (low + high)
        enough = _all_done(parts, _steps(parts, math.exp(level), point, sizes, members, worst)).sigma <= goal
        low, high = (level, high) if enough else (low, level)
    steps = list(_steps(parts, math.exp(low), point, sizes, members, worst))
    steps.sort(key=lambda step: step.done(parts).sigma)
    quantity, result, before = f"σ_t at {parameter} = {point.mu:.3g}", [], point.sigma_t
    for step in steps:
        parts = step.done(parts)
        promise = f"{quantity} from {format_number(before, 2)} to {format_number(parts.sigma, 2)}"
        text = f"{step.text}: {promise}, where {format_number(point.allowance, 2)} is allowed"
        result.append(Advice(step.kind, text, quantity, before, parts.sigma, step.target, step.factor))
        before = parts.sigma
    return result


def _parts(point: ErrorPoint) -> _Parts:
    """Split sigma_t² = bias² + bias_error² + reference² by what is expected of each source."""
    events = {name: value**2 for name, value in point.events.items()}
    first, members = sum(events.values()), (point.members or 0.0) ** 2
    shares = {name: value / first if first > 0.0 else 1.0 / len(events) for name, value in events.items()}
    noise, unlearned, bias = max(point.noise, 0.0) ** 2, 0.0, point.bias
    expected = first + members + noise
    if bias**2 > SIGNIFICANT**2 * (expected + point.bias_error**2):
        if bias < 0.0:  # too small a t: something is not learnt, and no more events or members will learn it
            unlearned = bias**2 - expected
        else:  # too large a t: the second order, whose expectation is known to a factor of two
            noise = bias**2 - first - members
    # A bias that happens to be small will not be so again.
    drawn = first + members + noise
    scale = max(bias**2 / drawn, 1.0) if drawn > 0.0 and not unlearned else 1.0
    return _Parts(
        events={name: value * scale for name, value in events.items()},
        shares=shares,
        noise=noise * scale,
        check=point.bias_error**2,
        members=members * scale,
        reference=(point.reference or 0.0) ** 2,
        unlearned=unlearned,
        times=dict.fromkeys(events, 1.0),
    )


def _all_done(parts: _Parts, steps: Iterator[_Step]) -> _Parts:
    for step in steps:
        parts = step.done(parts)
    return parts


def _steps(
    parts: _Parts, level: float, point: ErrorPoint, sizes: Mapping[str, int], members: int, worst: str
) -> Iterator[_Step]:
    """What brings every source to a variance of at most ``level``, as far as that can be asked for."""
    if parts.unlearned > 0.0:
        whose = f", {worst} first, whose closure is the worst" if worst else ""
        text = (
            f"train for more epochs, or with larger networks{whose}: t is too small by {-point.bias:.2g} ± "
            f"{point.bias_error:.1g} on events that no network has seen, which the number of events does not explain"
        )
        yield _Step("epochs", text, worst or None, None, {"unlearned": 0.0})
    for name in parts.events:
        factor = _rounded(_times(parts, name, level))
        if factor >= LEAST:
            size = sizes.get(name)
            many = f" ({_count(factor * size)} instead of {_count(size)})" if size else ""
            text = (
                f"simulate {factor:.3g} times the events of {name}{many}, whose training events move t by "
                f"±{point.events[name]:.2g}"
            )
            yield _Step("events", text, name, factor, {"times": {name: factor}})
    wanted = min(math.ceil(members * parts.members / level - 1e-9), max(MOST_MEMBERS, members))
    if parts.members > 0.0 and wanted > members:
        text = f"train {wanted} members of each ratio, not {members}, whose scatter moves t by ±{point.members:.2g}"
        yield _Step("members", text, None, wanted / members, {"members": parts.members * members / wanted})
    factor = _rounded(parts.reference / level)
    if factor >= LEAST:
        text = (
            f"use {factor:.3g} times the reference events (a smaller `split.train_fraction`, cross-fitting, or more "
            f"simulation), or another `reference`, with more of the processes that matter here: this sample of them "
            f"moves t by ±{point.reference:.2g}"
        )
        yield _Step("reference", text, None, factor, {"reference": parts.reference / factor})


def _times(parts: _Parts, name: str, level: float) -> float:
    """How many times the events of a sample bring what they add to ``level``: the positive root of a quadratic."""
    first = parts.of_sample(name, 1.0) - parts.noise * parts.shares[name]
    second = parts.noise * parts.shares[name]
    return (first + math.sqrt(first**2 + 4.0 * level * second)) / (2.0 * level)


def _rounded(factor: float) -> float:
    """Up to two digits, and to what can be asked for."""
    if factor <= 1.0:
        return 1.0
    unit = 10.0 ** (math.floor(math.log10(factor)) - 1)
    return min(math.ceil(factor / unit - 1e-9) * unit, MOST_EVENTS)


def _count(number: float) -> str:
    """Two digits, with thousands set apart."""
    unit = 10 ** max(math.floor(math.log10(number)) - 1, 0) if number > 0.0 else 1
    return f"{round(number / unit) * unit:,}"
