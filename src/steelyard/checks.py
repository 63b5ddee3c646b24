"""A check: one number, the threshold it has to keep, and the verdict; and the kinds of checks that there are."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from string import Formatter
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
class Level:
    """A :class:`Threshold` that the configuration may change, ``diagnostics.thresholds.KEY``: its default.

    Attributes:
        warn, fail: beyond them the check warns and fails.
        description: for the configuration's documentation.
        falling: beyond means below, as of a number of events.
    """

    warn: float
    fail: float
    description: str
    falling: bool = False


@dataclass(frozen=True)
class Number:
    """A number of a check that the configuration may change and that is no level: its default.

    Attributes:
        value: the default.
        description: for the configuration's documentation.
        positive: it may not be zero; negative it may never be.
    """

    value: float
    description: str
    positive: bool = True


# What may stand in the braces of a name; anything where nothing is said.
FIELDS = {
    "variation": r"\S+-\S+-(?:up|down)",
    "data": "asimov|observed|any",
    "level": r"\S+",
    "value": r"\S+",
    "parameter": r"\w+",
}


@dataclass(frozen=True)
class Kind:
    """One kind of check, declared in the file that measures it and nowhere else.

    The list of all checks, the configuration's levels and the remedies are collected from these declarations. They are
    read as text, since a job must not import every diagnostic to know its own levels: a declaration is an assignment
    ``NAME = Kind(...)`` of literals at the top level of a file of ``diagnostics`` or ``baselines``
    (:mod:`steelyard.diagnostics.catalogue`).

    Attributes:
        title: of its section in ``docs/checks.md``.
        name: of its checks, with fields in braces: ``calibration of {ratio}``.
        remedy: what to do first, for people who read a verdict.
        levels: by key of ``diagnostics.thresholds`` in the configuration.
        words: all values of a field, where they are few: ``{"likelihood": ("", ", exact likelihood")}``.
        picture: its file in the folder ``plots`` of an analysis, with the fields of the name or ``*``: that of this
            diagnostic where it has one, else the table of all checks.
    """

    title: str
    name: str
    remedy: str
    levels: Mapping[str, Level | Number] = field(default_factory=dict)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    picture: str = "checks"

    def of(self, **words: object) -> "CheckName":
        """The name of the check of these things.

        Raises:
            ValueError: other words than the name has fields, or such as it may not have.
        """
        text = self.name.format(**words) if set(words) == set(self.fields) else ""
        if not self.matches(text):
            raise ValueError(f"no check {self.name!r} of {words}: give {', '.join(self.fields) or 'nothing'}")
        return CheckName(self, text)

    def default(self, key: str) -> Level:
        """The default of one of its levels.

        Raises:
            KeyError: it has no such level.
        """
        return {name: level for name, level in self.levels.items() if isinstance(level, Level)}[key]

    @property
    def fields(self) -> tuple[str, ...]:
        """What stands in the braces of the name."""
        return tuple(name for _, name, _, _ in Formatter().parse(self.name) if name is not None)

    @property
    def pattern(self) -> str:
        """Regular expression that the names of its checks match as a whole."""
        parts = []
        for literal, name, _, _ in Formatter().parse(self.name):
            parts.append(re.escape(literal))
            if name is None:
                continue
            if name in self.words:
                parts.append(f"(?P<{name}>{'|'.join(map(re.escape, self.words[name]))})")
            else:
                parts.append(f"(?P<{name}>{FIELDS.get(name, '.+')})")
        return "".join(parts)

    @property
    def vagueness(self) -> tuple[int, int]:
        """How much its names leave open: of two kinds that match a name the less vague one is meant."""
        free = [name for name in self.fields if name not in self.words and name not in FIELDS]
        return len(free), -len(self.name)

    def matches(self, name: str) -> bool:
        """Whether a check of this name is of this kind."""
        return re.fullmatch(self.pattern, name) is not None

    def picture_of(self, name: str) -> str:
        """The picture to look at for a check of this name.

        Raises:
            ValueError: a check of another kind.
        """
        found = re.fullmatch(self.pattern, name)
        if found is None:
            raise ValueError(f"{name!r} is no check {self.name!r}")
        return self.picture.format(**found.groupdict())


@dataclass(frozen=True)
class CheckName:
    """The name of one check, which only its :class:`Kind` makes."""

    kind: Kind
    text: str


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
    name: CheckName,
    value: float,
    threshold: float | Threshold,
    error: float | None = None,
    perfect: float = 0.0,
    detail: str | None = None,
) -> Check:
    """FAIL if value - 2 error > fail, else WARN if value > warn, else PASS; ``name`` is that of a :class:`Kind`.

    A test that could not have failed does not pass: where the error exceeds warn - perfect, the room between what
    a perfect model gives and the threshold, the status is WARN ("too few events to tell"). NaN is FAIL.
    """
    return _judge(name, value, value, _levels(threshold), error, perfect, detail)


def within(
    name: CheckName, value: float, threshold: float | Threshold, error: float | None = None, detail: str | None = None
) -> Check:
    """The same as :func:`at_most` for the size of a signed deviation, which a perfect model has at zero."""
    return _judge(name, value, abs(value), _levels(threshold), error, 0.0, detail)


def at_least(name: CheckName, value: float, threshold: float | Threshold, detail: str | None = None) -> Check:
    """FAIL if value < fail, else WARN if value < warn, else PASS: for counts, which have no error of their own."""
    levels = _levels(threshold)
    status = PASS if value >= levels.warn else WARN if value >= levels.fail else FAIL
    return Check(name.text, float(value), levels.fail if status == FAIL else levels.warn, status, None, detail)


def undecided(name: CheckName, threshold: float | Threshold, detail: str) -> Check:
    """A check that the data do not allow: WARN with the value NaN, and why."""
    return Check(name.text, math.nan, _levels(threshold).warn, WARN, None, detail)


def worst(checks: Iterable[Check]) -> str:
    """The worst status of some checks; PASS of none."""
    return max((check.status for check in checks), key=(PASS, WARN, FAIL).index, default=PASS)


def _levels(threshold: float | Threshold) -> Levels:
    if isinstance(threshold, int | float):
        return Levels(float(threshold), float(threshold))
    return Levels(float(threshold.warn), float(threshold.fail))


def _judge(
    name: CheckName, value: float, size: float, levels: Levels, error: float | None, perfect: float, detail: str | None
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
    return Check(name.text, float(value), threshold, status, None if error is None else float(error), detail)


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
