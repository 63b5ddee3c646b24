"""Columns that a sample keeps of each tree entry: the branches that they need, and their values.

Variables are evaluated in order and may hide a branch of the same name from what follows. Everything is computed in
float64 and stored in float32 (features, observables) or float64 (weights).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol

import numpy as np

from steelyard.data.identifiers import event_ids, text_key
from steelyard.expressions import language


class NamedExpression(Protocol):
    """What is asked of a variable, feature or observable of the configuration."""

    name: str
    expression: str


@dataclass(frozen=True)
class Defect:
    """Entries of one partition whose value of one column cannot be used.

    Attributes:
        column: what is wrong, e.g. ``feature log_m4l``.
        kind: ``not finite`` or ``not an integer``.
        entries: how many selected entries.
        entry: the first of them: its number in the tree.
        value: its value.
    """

    column: str
    kind: str
    entries: int
    entry: int
    value: str


@dataclass(frozen=True)
class Columns:
    """The columns of a sample as expressions: plain data, so that it travels to any worker.

    Attributes:
        variables: name: expression, in order.
        selection: expression of the entries to keep; None for all.
        features, observables: name: expression.
        weights: process: expression.
        event_id: expressions of the integers that identify an event; None for file name and entry number.
        id_scope: the scope of the identifiers, see :func:`steelyard.data.identifiers.event_ids`.
    """

    variables: dict[str, str]
    selection: str | None
    features: dict[str, str]
    observables: dict[str, str]
    weights: dict[str, str]
    event_id: tuple[str, ...] | None
    id_scope: str

    @classmethod
    def of(
        cls,
        sample: Any,
        variables: Sequence[NamedExpression],
        selection: str | None,
        features: Sequence[NamedExpression],
        observables: Sequence[NamedExpression],
    ) -> "Columns":
        """The columns of a sample (or of observed data, which has no weights) of the configuration."""
        return cls(
            variables={variable.name: variable.expression for variable in variables},
            selection=selection,
            features={feature.name: feature.expression for feature in features},
            observables={observable.name: observable.expression for observable in observables},
            weights=dict(getattr(sample, "weights", {})),
            event_id=tuple(sample.event_id) if sample.event_id else None,
            id_scope=sample.id_scope,
        )

    @property
    def uses(self) -> dict[str, str]:
        """Branch: what it is needed for first. Only these branches are read; unused variables need none."""
        uses: dict[str, str] = {}
        for use, text in self._expressions():
            for branch in self._branches([text]):
                uses.setdefault(branch, use)
        return uses

    def evaluate(self, file: str, start: int, arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, Any], list[Defect]]:
        """The stored columns of the selected entries of one range of a file.

        Args:
            file: where the entries come from.
            start: number of the first entry in the tree.
            arrays: branch: its values, all of one length.

        Returns:
            (stored, defects): the arrays of :data:`steelyard.data.store.ARRAYS` by name, and what is wrong in them.
        """
        length = len(next(iter(arrays.values())))
        # Selected first, with what that needs: nothing else is computed for entries that are thrown away.
        kept = self._selected(arrays, length)
        entries = start + np.flatnonzero(kept)
        if not kept.all():
            arrays = {name: array[kept] for name, array in arrays.items()}
        values = self._with_variables(arrays, [text for _, text in self._expressions()])
        defects: list[Defect] = []
        stored = {
            "features": _matrix("feature", self.features, values, entries, np.float32, defects),
            "observables": _matrix("observable", self.observables, values, entries, np.float32, defects),
            "weights": _matrix("weight of process", self.weights, values, entries, np.float64, defects),
            "ids": event_ids(self.id_scope, self._identity(file, values, entries, defects)),
        }
        return stored, defects

    def identify(
        self, file: str, start: int, arrays: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        """Entry numbers, identifiers and the integers behind them of the selected entries, and no other column."""
        kept = self._selected(arrays, len(next(iter(arrays.values()))))
        entries = start + np.flatnonzero(kept)
        values = self._with_variables({name: array[kept] for name, array in arrays.items()}, list(self.event_id or ()))
        identity = self._identity(file, values, entries, [])
        return entries, event_ids(self.id_scope, identity), identity

    def _expressions(self) -> list[tuple[str, str]]:
        selection = [] if self.selection is None else [("the selection", self.selection)]
        return [
            *selection,
            *((f"feature {name}", text) for name, text in self.features.items()),
            *((f"observable {name}", text) for name, text in self.observables.items()),
            *((f"the weight of process {name}", text) for name, text in self.weights.items()),
            *(("event_id", text) for text in self.event_id or ()),
        ]

    def _needed(self, texts: Sequence[str]) -> tuple[list[str], set[str]]:
        """The variables, in order, and the branches that expressions lead back to."""
        names = {name for text in texts for name in language.parse(text).names}
        needed = []
        for variable, text in reversed(self.variables.items()):
            if variable in names:
                needed.append(variable)
                names = (names - {variable}) | language.parse(text).names
        return needed[::-1], names

    def _branches(self, texts: Sequence[str]) -> list[str]:
        return sorted(self._needed(texts)[1])

    def _with_variables(self, arrays: Mapping[str, np.ndarray], texts: Sequence[str]) -> dict[str, Any]:
        # Integers stay as they are: expressions take them for float64, but an event_id needs all their bits.
        values: dict[str, Any] = {
            name: array.astype(np.float64) if array.dtype.kind == "f" else array for name, array in arrays.items()
        }
        for variable in self._needed(texts)[0]:
            values[variable] = language.parse(self.variables[variable]).evaluate(values)
        return values

    def _selected(self, arrays: Mapping[str, np.ndarray], length: int) -> np.ndarray:
        if self.selection is None:
            return np.ones(length, dtype=bool)
        values = self._with_variables(arrays, [self.selection])
        result = np.asarray(language.parse(self.selection).evaluate(values))
        # A selection that is a number keeps where it is not 0; nan is neither, and is not kept.
        return np.broadcast_to((result != 0) & (result == result), (length,))

    def _identity(
        self, file: str, values: Mapping[str, Any], entries: np.ndarray, defects: list[Defect]
    ) -> list[np.ndarray]:
        if self.event_id is None:
            key = np.full(len(entries), text_key(base_name(file)))
            return [key, entries.astype(np.int64)]
        identity = []
        for text in self.event_id:
            column = np.broadcast_to(np.asarray(language.parse(text).evaluate(values)), (len(entries),))
            if column.dtype.kind == "b":
                column = column.astype(np.uint8)
            elif column.dtype.kind == "f":
                # Some frameworks write event numbers as floats: usable as long as every integer is exact.
                with np.errstate(invalid="ignore"):
                    exact = (np.floor(column) == column) & (np.abs(column) < 2.0**53)
                    column, given = np.where(exact, column, 0).astype(np.int64), column
                _note(defects, f"event_id {text}", "not an integer", ~exact, entries, given)
            identity.append(column)
        return identity


def base_name(file: str) -> str:
    """The name of a file without its folders: what identifies it where there is no event_id."""
    return PurePosixPath(file.replace("\\", "/")).name


def _matrix(
    what: str,
    columns: Mapping[str, str],
    values: Mapping[str, Any],
    entries: np.ndarray,
    kind: type,
    defects: list[Defect],
) -> np.ndarray:
    matrix: np.ndarray = np.empty((len(entries), len(columns)), dtype=kind)
    for index, (name, text) in enumerate(columns.items()):
        with np.errstate(over="ignore"):  # a number beyond float32 becomes infinite, and is found below
            matrix[:, index] = language.parse(text).evaluate(values)
        column = matrix[:, index]
        _note(defects, f"{what} {name}", "not finite", ~np.isfinite(column), entries, column)
    return matrix


def _note(
    defects: list[Defect], column: str, kind: str, wrong: np.ndarray, entries: np.ndarray, values: np.ndarray
) -> None:
    if wrong.any():
        first = int(np.argmax(wrong))
        number = int(np.count_nonzero(wrong))
        defects.append(Defect(column, kind, number, int(entries[first]), str(values[first])))
