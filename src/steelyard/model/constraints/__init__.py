r"""Constraints: what an auxiliary measurement says of a parameter, and how it is thrown.

A constraint is a class in a file of its own, and one line in :data:`CONSTRAINTS`, whose place in it is the number by
which compiled code knows it. It is a frozen dataclass of one number at most, which has a default, and has

- ``kind``: its name in configurations and files;
- ``measured``: whether there is an auxiliary measurement, and so a global observable;
- ``scale``: the number that it depends on; ``error``: standard deviation of the measurement, in which pulls are given;
- ``penalty(value, observable, scale)``: what it adds to :math:`-2\ln L`, with two derivatives in the value: numbers
  and arithmetic of numpy alone, since it is compiled too;
- ``throw(value, z)``: global observables of experiments in which the parameter has these values (T,), by their
  quantiles, from standard normal numbers z (T,): so a seed means the same numbers whatever the constraint is;
- ``draw(nominal, bounds, number, generator)``: values of the parameter itself, as likely as the constraint has them.

The global observable is in units of the parameter: without any fluctuation it is the parameter's value.
"""

from dataclasses import fields
from typing import Any, ClassVar, Protocol

import numpy as np

from steelyard.errors import ModelError, nearest
from steelyard.model.choices import load_all


class Constraint(Protocol):
    """An entry of :data:`CONSTRAINTS`."""

    kind: ClassVar[str]
    measured: ClassVar[bool]

    @property
    def scale(self) -> float:
        """The number that the penalty depends on."""

    @property
    def error(self) -> float:
        """Standard deviation of the measurement."""

    @staticmethod
    def penalty(value: float, observable: float, scale: float) -> tuple[float, float, float]:
        """-2 ln L of the auxiliary measurement, and two derivatives."""

    def throw(self, value: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Global observables (T,) at true values (T,), from standard normal numbers (T,)."""

    def draw(
        self, nominal: float, bounds: tuple[float, float], number: int, generator: np.random.Generator
    ) -> np.ndarray:
        """Values (number,) within the bounds."""


CONSTRAINTS: tuple[type[Any], ...] = load_all(
    "model.constraints.gaussian:Gaussian",
    "model.constraints.poisson:Poisson",
    "model.constraints.uniform:Uniform",
    "model.constraints.free:Free",
)


def code_of(constraint: Constraint) -> int:
    """The number by which compiled code knows the kind of a constraint."""
    return CONSTRAINTS.index(type(constraint))


def constraint_of(kind: str, scale: float | None = None) -> Constraint:
    """The constraint of a name, with its number, such as the width of a Gaussian one, or the default.

    Raises:
        ModelError: there is no such kind, or it has no number, or one that is not positive.
    """
    entry = {entry.kind: entry for entry in CONSTRAINTS}.get(kind)
    if entry is None:
        raise ModelError(f"there is no constraint '{kind}': {nearest(kind, kinds(), 'constraints')}")
    if scale is None:
        made: Constraint = entry()
        return made
    if not fields(entry):
        raise ModelError(f"a {kind} constraint has no number, found {scale:g}")
    if not scale > 0.0:
        raise ModelError(f"the number of a {kind} constraint is positive, found {scale:g}")
    made = entry(scale)
    return made


def kinds() -> tuple[str, ...]:
    """Names of all constraints."""
    return tuple(entry.kind for entry in CONSTRAINTS)
