"""The kinds of values that a configuration is made of."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from steelyard import expressions, problems
from steelyard.errors import ConfigurationError
from steelyard.simulators import SIMULATORS


class Model(BaseModel):
    """A part of the configuration: immutable, and without room for unknown keys or undefined numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value(cls, value: Any, info: ValidationInfo) -> Any:
        # Pydantic takes true for 1; here it is a slip, or YAML's reading of a name such as NO.
        if isinstance(value, bool) and cls.model_fields[info.field_name].annotation is not bool:
            reason = (
                "a number or text is needed here; YAML reads unquoted yes, no, on and off as a truth value: quote it"
            )
            raise PydanticCustomError("truth_value", "{reason}", {"reason": reason})
        return value


def _expression(text: str) -> str:
    try:
        return expressions.parse(text).text
    except ConfigurationError as error:
        raise PydanticCustomError("expression", "{reason}", {"reason": str(error)}) from None


def _number_as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _whole_number(value: Any) -> Any:
    # YAML 1.1 reads 1e6 (without a dot and a sign) as text, and everybody writes event numbers like that.
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def default_to_name(data: Any, key: str) -> Any:
    """Fill a key whose default is the name of the object itself."""
    if isinstance(data, Mapping) and isinstance(data.get("name"), str) and not data.get(key):
        return {**data, key: data["name"]}
    return data


def _scheduler(value: str) -> str:
    if value not in ("threads", "synchronous", "processes") and "://" not in value:
        advice = problems.nearest(value, ("threads", "synchronous", "processes", "tcp://HOST:PORT"), "choose from")
        raise PydanticCustomError("scheduler", "{reason}", {"reason": advice})
    return value


Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Text = Annotated[str, BeforeValidator(_number_as_text, json_schema_input_type=str | float), AfterValidator(_expression)]
_Positive = Annotated[int, Field(gt=0)]
Count = Annotated[_Positive, BeforeValidator(_whole_number, json_schema_input_type=_Positive)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Interval = tuple[float, float]
Simulator = Literal[tuple(SIMULATORS)]
Scheduler = Annotated[str, AfterValidator(_scheduler)]


class Named(Model):
    """Something with a name for files and messages and a label for plots."""

    name: Name = Field(description="Identifier: letters, digits and _.")
    label: str = Field("", description="Label in plots, with LaTeX between $ signs; the name by default.")

    @model_validator(mode="before")
    @classmethod
    def _label(cls, data: Any) -> Any:
        return default_to_name(data, "label")
