"""Settings of the networks: which events train them, how many there are, and how they are trained."""

from typing import Annotated, Literal

from pydantic import Field

from steelyard.configuration.fields import Count, Fraction
from steelyard.options import Options


class Split(Options):
    """How no event is judged by a network that trained on it; keyed by event id."""

    method: Literal["held_out", "cross_fit"] = Field(
        "held_out",
        description="held_out: a fraction trains, the rest is used; cross_fit: member m leaves out fold m mod F.",
    )
    train_fraction: Fraction = Field(0.5, description="Fraction of events that trains (held_out).")
    folds: int = Field(5, ge=5, description="Folds F (cross_fit); at least F members.")


class Ensembles(Options):
    """The networks of one density ratio and how they are combined."""

    members: Count = Field(2, description="Networks per ratio.")
    members_per_job: Count = Field(1, description="Networks of one ratio that one job trains, one after the other.")
    bootstrap: bool = Field(False, description="Poisson(1) weights of the training events, keyed by event id.")
    combination: Literal["ratio", "log_ratio"] = Field("ratio", description="The mean of ratios or of log ratios.")


class Training(Options):
    """The network and its training."""

    hidden: Annotated[list[Count], Field(min_length=1)] = Field([64, 64, 64], description="Units of the hidden layers.")
    activation: Literal["silu", "relu", "gelu", "tanh"] = Field("silu", description="Activation; silu is swish.")
    optimizer: Literal["adam", "nadam", "adamw"] = Field("adam", description="Optimizer.")
    learning_rate: float = Field(2e-3, gt=0, description="Largest learning rate; it falls as a cosine.")
    warmup: float = Field(0.03, ge=0, lt=1, description="Fraction of the steps over which the rate rises linearly.")
    weight_decay: float = Field(0.0, ge=0, description="Weight decay.")
    batch_size: Count = Field(1024, description="Events per step.")
    epochs: Count = Field(12, description="Largest number of passes over the training events.")
    patience: Count = Field(6, description="Epochs without a better validation loss before training stops.")
    validation_fraction: Fraction = Field(0.1, description="Fraction of the training events kept for validation.")


class VariationTraining(Training):
    """The network of a ratio p_c(x|alpha_k = ±1)/p_c(x|0), and how it is trained."""

    # A variation is a small and smooth effect: few units learn it, and more of them would learn the noise.
    hidden: Annotated[list[Count], Field(min_length=1)] = Field([32, 32], description="Units of the hidden layers.")
    learning_rate: float = Field(1e-2, gt=0, description="Largest learning rate; it falls as a cosine.")
    epochs: Count = Field(3, description="Largest number of passes over the training events.")


class Variations(Options):
    """The networks of the ±1σ variations; bootstrap, combination and split are those of the nominal ratios."""

    members: Count = Field(1, description="Networks per variation.")
    members_per_job: Count = Field(1, description="Networks of one variation that one job trains.")
    training: VariationTraining = Field(VariationTraining(), description="Their network, and how it is trained.")
