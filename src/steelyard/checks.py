"""A check: one number, the threshold it has to keep, and the verdict."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

PASS, WARN, FAIL = "PASS", "WARN", "FAIL"

# A value beyond the level of failure by less than this many statistical errors may be a fluctuation: WARN, not FAIL.
SIGNIFICANT = 2.0


class Threshold(Protocol):
    """Two levels of a check, as in the configuration; a plain number stands for two equal ones."""

    @property
    def warn(self) -> float:
        """Beyond it the check warns."""

    @property
    def fail(self) -> float:
        """Beyond it the check fails."""


@dataclass(frozen=True)
class Levels:
    """The plain :class:`Threshold`."""

    warn: float
    fail: float


@dataclass(frozen=True)
class Check:
    """One diagnostic with its verdict.

    Attributes:
        name: what was checked, and of what.
        value: the measured number.
        threshold: the bound that decided: the level of failure of a failed check, the level of warning of any other.
        status: ``PASS``, ``WARN`` or ``FAIL``.
        error: statistical error of the value, where it has one.
        detail: what a reader needs beyond the number.
    """

    name: str
    value: float
    threshold: float
    status: str
    error: float | None = None
    detail: str | None = None


def at_most(
    name: str,
    value: float,
    threshold: float | Threshold,
    error: float | None = None,
    perfect: float = 0.0,
    detail: str | None = None,
) -> Check:
    """FAIL if value - 2 error > fail, else WARN if value > warn, else PASS.

    A test that could not have failed does not pass: where the error exceeds warn - perfect, the room between what
    a perfect model gives and the threshold, the status is WARN ("too few events to tell"). NaN is FAIL.
    """
    return _judge(name, value, value, _levels(threshold), error, perfect, detail)


def within(
    name: str, value: float, threshold: float | Threshold, error: float | None = None, detail: str | None = None
) -> Check:
    """The same as :func:`at_most` for the size of a signed deviation, which a perfect model has at zero."""
    return _judge(name, value, abs(value), _levels(threshold), error, 0.0, detail)


def at_least(name: str, value: float, threshold: float | Threshold, detail: str | None = None) -> Check:
    """FAIL if value < fail, else WARN if value < warn, else PASS: for counts, which have no error of their own."""
    levels = _levels(threshold)
    status = PASS if value >= levels.warn else WARN if value >= levels.fail else FAIL
    return Check(name, float(value), levels.fail if status == FAIL else levels.warn, status, None, detail)


def undecided(name: str, threshold: float | Threshold, detail: str) -> Check:
    """A check that the data do not allow: WARN with the value NaN, and why."""
    return Check(name, math.nan, _levels(threshold).warn, WARN, None, detail)


def worst(checks: Iterable[Check]) -> str:
    """The worst status of some checks; PASS of none."""
    return max((check.status for check in checks), key=(PASS, WARN, FAIL).index, default=PASS)


def _levels(threshold: float | Threshold) -> Levels:
    if isinstance(threshold, int | float):
        return Levels(float(threshold), float(threshold))
    return Levels(float(threshold.warn), float(threshold.fail))


def _judge(
    name: str, value: float, size: float, levels: Levels, error: float | None, perfect: float, detail: str | None
) -> Check:
    if math.isnan(value) or size - SIGNIFICANT * (error or 0.0) > levels.fail:
        status = FAIL
    elif size > levels.warn:
        status = WARN
    elif error is not None and not error <= levels.warn - perfect:
        status = WARN
        detail = "; ".join(filter(None, [detail, "too few events to tell"]))
    else:
        status = PASS
    threshold = levels.fail if status == FAIL else levels.warn
    return Check(name, float(value), threshold, status, None if error is None else float(error), detail)


@dataclass(frozen=True)
class Advice:
    """One step.

    Attributes:
        kind: ``events``, ``members``, ``epochs``, ``reference`` or ``variations``.
        text: the step, its reason and what it promises, for people.
        quantity: what is predicted, such as ``σ_t at mu = 0``.
        before, after: of the quantity: with all steps before this one done, and with this one too.
        target: the sample, ratio or systematic that it is about, if it is about one.
        factor: how many times as much of it as now; absent of ``epochs``.
    """

    kind: str
    text: str
    quantity: str
    before: float
    after: float
    target: str | None = None
    factor: float | None = None


@dataclass(frozen=True)
class Checks:
    """All checks of an analysis in one file, and what to do next, what helps most first."""

    checks: tuple[Check, ...]
    advice: tuple[Advice, ...] = ()
