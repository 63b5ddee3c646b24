"""The kinds of values that a configuration is made of."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    model_validator,
)
from pydantic_core import PydanticCustomError

from steelyard.configuration import problems
from steelyard.errors import ConfigurationError
from steelyard.expressions import language
from steelyard.options import Options
from steelyard.simulators.interface import SIMULATORS


def _expression(text: str) -> str:
    try:
        return language.parse(text).text
    except ConfigurationError as error:
        raise PydanticCustomError("expression", "{reason}", {"reason": str(error)}) from None


def _number_as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


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
Interval = tuple[float, float]
Simulator = Literal[tuple(SIMULATORS)]
Scheduler = Annotated[str, AfterValidator(_scheduler)]


class Named(Options):
    """Something with a name for files and messages and a label for plots."""

    name: Name = Field(description="Identifier: letters, digits and _.")
    label: str = Field("", description="Label in plots, with LaTeX between $ signs; the name by default.")

    @model_validator(mode="before")
    @classmethod
    def _label(cls, data: Any) -> Any:
        return default_to_name(data, "label")
