"""A constraint as it is written: a name, or a mapping with its number, such as ``{kind: gaussian, width: 0.5}``.

The names and the numbers are those of :data:`steelyard.model.constraints.CONSTRAINTS`: a kind is declared in its file.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Annotated, Any, Literal, Union

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, create_model

from steelyard.model.constraints import CONSTRAINTS, constraint_of
from steelyard.model.constraints.gaussian import Gaussian
from steelyard.options import Options

# A yield f^alpha with a Gaussian alpha: what differs is the interpolation.
LOG_NORMAL = "log_normal"

# Kinds in the model that have an auxiliary measurement.
MEASURED = frozenset(entry.kind for entry in CONSTRAINTS if entry.measured)

_KINDS: dict[str, type[Any]] = {entry.kind: entry for entry in CONSTRAINTS}
_NUMBERED = {name: entry for name, entry in (_KINDS | {LOG_NORMAL: Gaussian}).items() if fields(entry)}


def kind_of(constraint: Any) -> str:
    """The name in the configuration."""
    return constraint if isinstance(constraint, str) else constraint.kind


def model_kind(constraint: Any) -> str:
    """The kind that the model knows it by."""
    kind = kind_of(constraint)
    return Gaussian.kind if kind == LOG_NORMAL else kind


def number_of(constraint: Any) -> float | None:
    """The number that was given with the name, if any."""
    if isinstance(constraint, str):
        return None
    return float(getattr(constraint, fields(_NUMBERED[constraint.kind])[0].name))


def at_rest(constraint: Any, nominal: float) -> bool:
    """Whether a measurement of the nominal value itself prefers no other one."""
    chosen = constraint_of(model_kind(constraint), number_of(constraint))
    return chosen.penalty(nominal, nominal, chosen.scale)[1] == 0.0


def _mapping_of(name: str, entry: type[Any]) -> Any:
    """The mapping of a kind: its name, and its number as a key that is called as in its own file."""
    # Any name is taken here, so that a wrong one is told from all right ones; the schema says what this one is for.
    choices: Any = Literal[tuple(_NUMBERED)]
    kind: Any = Annotated[choices, WithJsonSchema({"const": name, "type": "string"})]
    (number,) = fields(entry)
    keys: dict[str, Any] = {
        "kind": (kind, Field(description="Name of the constraint.")),
        number.name: (float, Field(gt=0, description=str(entry.scale.__doc__))),
    }
    title = "".join(part.title() for part in name.split("_")) + "Constraint"
    return create_model(title, __base__=Options, __doc__=f"The constraint {name} with its number.", **keys)


_MAPPINGS = {name: _mapping_of(name, entry) for name, entry in _NUMBERED.items()}


def _name_alone(value: Any) -> Any:
    """A mapping that has nothing but the name is the name."""
    return value["kind"] if isinstance(value, Mapping) and list(value) == ["kind"] else value


def _form(value: Any) -> str:
    """Which of the forms a value has; a wrong mapping is found by one that knows all names."""
    if isinstance(value, Mapping):
        found = value.get("kind")
    elif isinstance(value, Options):
        found = getattr(value, "kind", None)
    else:
        return "name"
    return found if isinstance(found, str) and found in _MAPPINGS else next(iter(_MAPPINGS))


def _choice(names: Iterable[str]) -> Any:
    chosen = tuple(names)
    forms: list[Any] = [Annotated[Literal[chosen], Tag("name")]]
    forms += [Annotated[model, Tag(name)] for name, model in _MAPPINGS.items() if name in chosen]
    return Annotated[Union[tuple(forms)], Discriminator(_form), BeforeValidator(_name_alone)]  # noqa: UP007


# The nominal value of a systematic is 0, which not every kind allows.
OfSystematic = _choice(
    (Gaussian.kind, LOG_NORMAL, *(name for name in _KINDS if name != Gaussian.kind and at_rest(name, 0.0)))
)
OfNormFactor = _choice(_KINDS)
