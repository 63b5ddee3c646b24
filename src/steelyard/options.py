"""The base of all parts of a configuration, which forbids unknown keys."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError


def _whole_number(value: Any) -> Any:
    # YAML 1.1 reads 1e6 (without a dot and a sign) as text, and everybody writes event numbers like that.
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


_Positive = Annotated[int, Field(gt=0)]
Count = Annotated[_Positive, BeforeValidator(_whole_number, json_schema_input_type=_Positive)]
Fraction = Annotated[float, Field(gt=0, lt=1)]


class Options(BaseModel):
    """A part of the configuration, declared where it is used: immutable, without unknown keys or undefined numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value(cls, value: Any, info: ValidationInfo) -> Any:
        # Pydantic takes true for 1; here it is a slip, or YAML's reading of a name such as NO.
        field = cls.model_fields[str(info.field_name)]
        if isinstance(value, bool) and field.annotation is not bool:
            reason = (
                "a number or text is needed here; YAML reads unquoted yes, no, on and off as a truth value: quote it"
            )
            raise PydanticCustomError("truth_value", "{reason}", {"reason": reason})
        return value
