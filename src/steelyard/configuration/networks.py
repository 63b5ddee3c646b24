"""Settings of the networks: which events train them, how many there are, and how they are trained."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union

from pydantic import Discriminator, Field, Tag, TypeAdapter, WithJsonSchema, create_model

from steelyard.options import Count, Fraction, Options
from steelyard.ratios.architectures.architecture import ARCHITECTURES, DEFAULT


class Split(Options):
    """How no event is judged by a network that trained on it; keyed by event id."""

    method: Literal["held_out", "cross_fit"] = Field(
        "held_out",
        description="held_out: a fraction trains, the rest is used; cross_fit: member m leaves out fold m mod F.",
    )
    train_fraction: Fraction = Field(0.5, description="Fraction of events that trains (held_out).")
    folds: int = Field(5, ge=5, description="Folds F (cross_fit); at least F members.")


# The group of processes that share networks has this name where a ratio has that of its process: in paths and seeds.
JOINT = "joint"


class Ensembles(Options):
    """The networks of one density ratio and how they are combined."""

    members: Count = Field(2, description="Networks per ratio.")
    members_per_job: Count = Field(1, description="Networks of one ratio that one job trains, one after the other.")
    bootstrap: bool = Field(False, description="Poisson(1) weights of the training events, keyed by event id.")
    combination: Literal["ratio", "log_ratio"] = Field("ratio", description="The mean of ratios or of log ratios.")
    joint: list[str] = Field([], description="Processes that share networks, one a member; others have their own.")


# Any name is taken here, so that a wrong one is told from all right ones; the schema says what this section is for.
_Default: Any = Annotated[Literal[tuple(ARCHITECTURES)], WithJsonSchema({"const": DEFAULT, "type": "string"})]


class _Named(Options):
    """What tells the sections of one architecture from those of another."""

    # Left out where the default is written down, so that what is recorded of a network is what it was before others.
    architecture: _Default = Field(
        DEFAULT, description="Layers of the network; their options are keys beside it.", exclude_if=DEFAULT.__eq__
    )


class _Course(Options):
    """How a network is trained, whatever its architecture."""

    optimizer: Literal["adam", "nadam", "adamw"] = Field("adam", description="Optimizer.")
    learning_rate: float = Field(2e-3, gt=0, description="Largest learning rate; it falls as a cosine.")
    warmup: float = Field(0.03, ge=0, lt=1, description="Fraction of the steps over which the rate rises linearly.")
    weight_decay: float = Field(0.0, ge=0, description="Weight decay.")
    batch_size: Count = Field(1024, description="Events per step.")
    epochs: Count = Field(12, description="Largest number of passes over the training events.")
    patience: Count = Field(6, description="Epochs without a better validation loss before training stops.")
    validation_fraction: Fraction = Field(0.1, description="Fraction of the training events kept for validation.")


class _VariationCourse(_Course):
    """The same with defaults for an effect that is small and smooth."""

    learning_rate: float = Field(1e-2, gt=0, description="Largest learning rate; it falls as a cosine.")
    epochs: Count = Field(3, description="Largest number of passes over the training events.")


def _sections(title: str, words: str, course: type[_Course], options: str) -> dict[str, Any]:
    """Architecture: the model of a section with its options, followed by what all have."""
    found: dict[str, Any] = {}
    for name in ARCHITECTURES:
        chosen: type[Options] = getattr(ARCHITECTURES.load(name), options)
        both = sorted({*chosen.model_fields} & {*course.model_fields, *_Named.model_fields})
        if both:
            raise ValueError(f"the options {both} of the architecture '{name}' are keys of every training: rename them")
        label = title if name == DEFAULT else title + name.title().replace("_", "")
        key = Literal[name], Field(description=_Named.model_fields["architecture"].description)
        named: dict[str, Any] = {} if name == DEFAULT else {"architecture": key}
        found[name] = create_model(label, __base__=(course, chosen, _Named), __doc__=words, **named)
    return found


def _architecture(section: Any) -> str:
    """The architecture of a section; a wrong one is found by the default's model, which knows the right ones."""
    found = section.get("architecture") if isinstance(section, Mapping) else getattr(section, "architecture", DEFAULT)
    return found if isinstance(found, str) and found in ARCHITECTURES else DEFAULT


def _any_of(sections: Mapping[str, Any]) -> Any:
    if len(sections) == 1:
        return sections[DEFAULT]
    return Annotated[
        Union[tuple(Annotated[model, Tag(name)] for name, model in sections.items())],  # noqa: UP007
        Discriminator(_architecture),
    ]


_NOMINAL = _sections("Training", "The network and its training.", _Course, "Options")
_VARIED = _sections(
    "VariationTraining",
    "The network of a ratio p_c(x|alpha_k = ±1)/p_c(x|0), and how it is trained.",
    _VariationCourse,
    "VariationOptions",
)

# The section of the default architecture, and that of any.
Training, AnyTraining = _NOMINAL[DEFAULT], _any_of(_NOMINAL)
VariationTraining, AnyVariationTraining = _VARIED[DEFAULT], _any_of(_VARIED)


def training_rule(section: Mapping[str, Any]) -> Any:
    """A section ``training`` from plain data, as jobs are handed it.

    Raises:
        ValidationError: it is not one.
    """
    return TypeAdapter(AnyTraining).validate_python(section)


class Variations(Options):
    """The networks of the ±1σ variations; bootstrap, combination and split are those of the nominal ratios."""

    members: Count = Field(1, description="Networks per variation.")
    members_per_job: Count = Field(1, description="Networks of one variation that one job trains.")
    training: AnyVariationTraining = Field(  # type: ignore[valid-type]
        VariationTraining(), description="Their network, and how it is trained."
    )
