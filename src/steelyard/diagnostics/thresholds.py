"""The levels at which the checks of an analysis warn and fail: a key for each that a kind of check declares."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, create_model

from steelyard.checks import Number
from steelyard.diagnostics.catalogue import declared_levels
from steelyard.options import Options


class Threshold(Options):
    """Levels of a check: beyond fail it fails, beyond warn it warns. One number stands for both."""

    warn: float = Field(description="WARN beyond this value.")
    fail: float = Field(description="FAIL beyond this value.")


def _both(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return {"warn": value, "fail": value} if number else value


Level = Annotated[Threshold, BeforeValidator(_both, json_schema_input_type=Threshold | float)]


def _fields() -> dict[str, Any]:
    """Level by level what pydantic needs of it: type and default."""
    fields: dict[str, Any] = {}
    for key, level in declared_levels().items():
        if isinstance(level, Number):
            above, least = (0, None) if level.positive else (None, 0)
            fields[key] = (float, Field(level.value, gt=above, ge=least, description=level.description))
        else:
            default = Threshold(warn=level.warn, fail=level.fail)
            fields[key] = (Level, Field(default, description=level.description))
    return fields


if TYPE_CHECKING:

    class Thresholds(Options):
        """The levels of all checks, by key."""

        def __getattr__(self, name: str) -> Any: ...

else:
    Thresholds = create_model(
        "Thresholds",
        __base__=Options,
        __module__=__name__,
        __doc__="Thresholds of the checks; a value beyond a level is a larger one, but for gain, numbers of events and "
        "chances, where it is a smaller one.",
        **_fields(),
    )

# Levels beyond which a value is too small.
FALLING = frozenset(key for key, level in declared_levels().items() if getattr(level, "falling", False))


class OracleRms(Options):
    """Rms of a learned minus the exact log ratio of two processes on events of the reference."""

    numerator: str = Field(description="Process in the numerator.")
    denominator: str | None = Field(None, description="Process in the denominator; by default the reference.")
    threshold: Level = Field(description="Levels of the rms: a number, or {warn, fail}.")


class Diagnostics(Options):
    """Checks and their thresholds."""

    thresholds: Thresholds = Field(Thresholds(), description="Levels of the checks, each {warn, fail} or one number.")
    null_variations: Literal["none", "one", "all"] = Field(
        "one",
        description="Systematics whose variation is trained again with labels drawn at random: all that change shapes, "
        "or one for all (by other events, if there is one).",
    )
    oracle_rms: list[OracleRms] = Field([], description="Log ratios to compare with the exact ones.")
    oracle_range: tuple[float, float] | None = Field(
        None, description="Range of the parameter in which t(mu) is compared with the exact one; by default the scan."
    )
