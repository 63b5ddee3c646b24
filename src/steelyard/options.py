"""The base of all parts of a configuration, which forbids unknown keys."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError


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
