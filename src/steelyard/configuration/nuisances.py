"""Nuisance parameters as they are written in the configuration: systematics with their effects, and norm factors."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from steelyard.configuration.constraint_choice import LOG_NORMAL, OfNormFactor, OfSystematic
from steelyard.configuration.fields import Interval, Named, Text
from steelyard.data.variations import Kind
from steelyard.model.interpolation import OF_VARIATIONS
from steelyard.options import Options


class FactorVariation(Options):
    """A varied event weight as a factor on the nominal one."""

    up: Text = Field(description="Factor on the event weight at +1σ: an expression of branches and variables.")
    down: Text | None = Field(None, description="The same at −1σ; without it there is no effect below 0.")


class WeightVariation(Options):
    """A varied event weight as a whole, in place of that of the sample."""

    up: Annotated[dict[str, Text], Field(min_length=1)] = Field(
        description="Process: expression of its event weight at +1σ, normalised as the nominal one."
    )
    down: Annotated[dict[str, Text], Field(min_length=1)] | None = Field(
        None, description="The same at −1σ; a process without it has no effect below 0."
    )


class TreeVariation(Options):
    """Varied events in other trees."""

    up: Annotated[str, Field(min_length=1)] = Field(description="Name of the tree of the events at +1σ.")
    down: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="The same at −1σ; without it there is no effect below 0."
    )


_Files = Annotated[dict[str, Annotated[list[str], Field(min_length=1)]], Field(min_length=1)]


class FileVariation(Options):
    """Varied events in other files."""

    up: _Files = Field(description="Sample: globs or paths of the ROOT files of its events at +1σ.")
    down: _Files | None = Field(None, description="The same at −1σ; without it there is no effect below 0.")


def _factors(value: Any) -> Any:
    try:
        if isinstance(value, int | float | str):  # YAML reads 1e-1 as text
            up, down = float(value), 1.0 / float(value)
        else:
            up, down = (float(factor) for factor in value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        up = down = math.nan
    if not (0 < up < math.inf and 0 < down < math.inf):
        reason = "should be a factor on the yield at +1σ such as 1.05, or [up, down] such as [1.05, 0.96], all positive"
        raise PydanticCustomError("norm", "{reason}", {"reason": reason})
    return up, down


Norm = Annotated[Interval, BeforeValidator(_factors, json_schema_input_type=float | Interval)]


class Effect(Options):
    """What one nuisance parameter does to some processes: a norm, a variation of weights or events, or both."""

    processes: list[str] = Field(
        [], description="Processes that it acts on; with weights, by default those named there."
    )
    norm: Norm | None = Field(
        None,
        description="Factor on the yields at +1σ, and its inverse at −1σ; or [up, down]. Multiplies a variation's.",
    )
    factors: FactorVariation | None = Field(None, description="Factors on the event weight of the same events.")
    weights: WeightVariation | None = Field(None, description="Other event weights of the same events.")
    trees: TreeVariation | None = Field(None, description="Varied events in other trees of the same files.")
    files: FileVariation | None = Field(
        None, description="Varied events of some samples in other files; with trees, in those trees of them."
    )
    use: Literal["norm_and_shape", "norm", "shape"] = Field(
        "norm_and_shape", description="What of a variation is used: its yield, its p(x|alpha)/p(x|0), or both."
    )

    @model_validator(mode="before")
    @classmethod
    def _processes(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and "processes" not in data and isinstance(data.get("weights"), Mapping):
            up = data["weights"].get("up")
            if isinstance(up, Mapping):
                return {**data, "processes": list(up)}
        return data

    @property
    def kind(self) -> Kind | None:
        """``weights``: the same events with other weights; ``events``: other events; None: a norm alone."""
        if self.trees or self.files:
            return "events"
        return "weights" if self.factors or self.weights else None


class Systematic(Named):
    """A nuisance parameter alpha with its effects at ±1σ; several effects of one are fully correlated."""

    group: str = Field("systematic", min_length=1, description="Group in tables of impacts: free text.")
    constraint: OfSystematic = Field(
        "gaussian",
        description="What is known of alpha, by name or with a number; gaussian: (alpha − a)² in −2 ln L; log_normal: "
        "the same, with norms f^alpha and no shape; uniform, free: no term, only bounds.",
    )
    bounds: Interval = Field(
        (-5.0, 5.0), description="Range [lower, upper] of alpha in fits; [-1, 1] by default of a uniform one."
    )
    interpolation: Literal[OF_VARIATIONS] = Field(  # type: ignore[valid-type]
        "code4",
        description="Between and beyond ±1σ; code4: smooth polynomial, then exponential, and exponential everywhere "
        "where that polynomial would turn negative; exponential: the default of log_normal.",
    )
    symmetrise: bool = Field(
        False, description="log g± = ±½(log g+ − log g−); an effect with up alone is mirrored, log g− = −log g+."
    )
    effects: Annotated[list[Effect], Field(min_length=1)] = Field(description="What it does, and to which processes.")

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_constraint(cls, data: Any) -> Any:
        given = data.get("constraint") if isinstance(data, Mapping) else None
        name = given.get("kind") if isinstance(given, Mapping) else given
        if name == "uniform":
            return {"bounds": (-1.0, 1.0), **data}
        if name == LOG_NORMAL:
            return {"interpolation": "exponential", **data}
        return data


class NormFactor(Named):
    """A factor on the yields of some processes, which only the data determine unless it has a constraint."""

    group: str = Field("norm_factor", min_length=1, description="Group in tables of impacts: free text.")
    processes: Annotated[list[str], Field(min_length=1)] = Field(description="Processes whose yields it multiplies.")
    # Left out where it is the default, so that what is recorded of an analysis is what it was before others.
    constraint: OfNormFactor = Field(
        "free",
        description="What is known of the factor, such as {kind: poisson, events: 100} of a control region.",
        exclude_if="free".__eq__,
    )
    nominal: float = Field(1.0, description="The value of the Asimov data and the start of fits.")
    bounds: Interval = Field((0.0, 5.0), description="Range [lower, upper] of the fit.")
