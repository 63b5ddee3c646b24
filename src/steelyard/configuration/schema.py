"""The configuration: its models, with defaults and descriptions, and the ways to load it.

``python -m steelyard.configuration [FILE]`` prints the JSON schema, or writes it to FILE.
"""

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from steelyard.configuration import crosschecks, problems, strict_yaml
from steelyard.configuration.fields import (
    Interval,
    Name,
    Named,
    Scheduler,
    Simulator,
    Text,
    default_to_name,
)
from steelyard.configuration.joint_variations import JointVariation
from steelyard.configuration.networks import AnyTraining, Ensembles, Split, Training, Variations
from steelyard.configuration.nuisances import NormFactor, Systematic
from steelyard.diagnostics.thresholds import Diagnostics
from steelyard.options import Count, Fraction, Options
from steelyard.regions.declared_effects import Prune


class Parameter(Named):
    """The parameter of interest."""

    nominal: float = Field(description="The value at which the simulation and the Asimov data are made.")
    bounds: Interval = Field(description="Physical range [lower, upper] of the fit.")


class Process(Named):
    """One term of nu(mu) p(x|mu) = sum of coefficient * yield * p_process(x)."""

    coefficient: Text = Field(description="f(mu): expression of the parameters; it may be negative, the sum not.")
    yield_: float | None = Field(
        None, alias="yield", ge=0, description="Expected events after selection; by default the sum of all weights."
    )


class Simulate(Options):
    """Events of an embedded simulator instead of files."""

    model: Simulator = Field(description="Name of the simulator.")
    events: Count | None = Field(None, description="Events to simulate: needed in a sample, absent in observed.")
    parts: Count = Field(1, description="Files (and jobs) over which the events are spread.")
    parameters: dict[str, float] = Field({}, description="Values of the parameters; those left out are nominal.")
    nuisances: dict[str, float] = Field(
        {}, description="Values of the simulator's systematics, in units of σ; those left out are 0."
    )


class Source(Options):
    """Events in ROOT files or from a simulator: exactly one of files and simulate."""

    files: Annotated[list[str], Field(min_length=1)] | None = Field(
        None, description="Globs or paths of ROOT files, relative to the working folder."
    )
    simulate: Simulate | None = Field(None, description="Simulate the events instead of reading files.")
    tree: str = Field("events", min_length=1, description="Name of the tree.")
    event_id: Annotated[list[Text], Field(min_length=1)] | None = Field(
        None, description="Branches that identify a physical event, e.g. [run, event]; by default file and entry."
    )


class Sample(Source):
    """Simulated events with their weights for one or several processes."""

    name: Name = Field(description="Identifier: letters, digits and _.")
    id_scope: str = Field("", description="Samples of one scope share event ids; by default the sample's name.")
    labels: Literal["soft", "hard"] = Field(
        "soft",
        description="soft: an event trains every process it has a weight for; hard: one process, drawn by its id.",
    )
    weights: Annotated[dict[str, Text], Field(min_length=1)] = Field(
        description="Process: expression of its event weight, so that the sum is the expected number of events."
    )

    @model_validator(mode="before")
    @classmethod
    def _scope(cls, data: Any) -> Any:
        return default_to_name(data, "id_scope")


class Observed(Source):
    """The observed events, or one simulated experiment in their place."""

    id_scope: str = Field(
        "observed", description="As in a sample; none of the samples has the same, so that no event is shared."
    )


class Expression(Options):
    """A named expression of branches and variables."""

    name: Name = Field(description="Identifier: letters, digits and _.")
    expression: Text = Field(description="Expression of branches and of the variables defined above it.")


class Observable(Named):
    """A quantity for histograms and checks, kept beside the features and never trained on."""

    expression: Text = Field(description="Expression of branches and variables.")
    range: Interval | None = Field(None, description="Range [lower, upper] of histograms; by default that of the data.")


class ReferenceWeight(Options):
    """One term of the reference density."""

    process: str = Field(description="Name of a process.")
    weight: float = Field(1.0, gt=0, description="Its weight in p_ref; the weights are normalised to a sum of 1.")


class Scan(Options):
    """Equidistant points of the parameter of interest, ends included; curves also halve the first step six times."""

    start: float = Field(0.0, description="First point.")
    stop: float = Field(3.0, description="Last point.")
    points: int = Field(61, ge=2, description="Number of points.")

    @property
    def grid(self) -> np.ndarray:
        """The points, shape (points,), rounded to 12 decimals so that 0.15 is 0.15."""
        return np.round(np.linspace(self.start, self.stop, self.points), 12)

    @property
    def curve(self) -> np.ndarray:
        """The points of a curve t(mu), shape (points + 6,): with a root in a coefficient it is steep at first."""
        grid = self.grid
        halved = self.start + (grid[1] - self.start) / 2.0 ** np.arange(6, 0, -1)
        return np.round(np.concatenate([grid[:1], halved, grid[1:]]), 12)


def _points(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    try:
        return Scan.model_validate(value).grid.tolist()
    except ValidationError:
        reason = "should be a list of numbers, or a mapping {start, stop, points}"
        raise PydanticCustomError("points", "{reason}", {"reason": reason}) from None


_Listed = Annotated[list[float], Field(min_length=1)]
Points = Annotated[_Listed, BeforeValidator(_points, json_schema_input_type=_Listed | Scan)]


class Belts(Options):
    """The Neyman construction."""

    levels: Annotated[list[Fraction], Field(min_length=1)] = Field([0.6827, 0.9545], description="Confidence levels.")
    points: Points = Field(description="Points of the parameter: a list, or {start, stop, points}.")
    toys: Count = Field(1000, description="Pseudo-experiments per point.")
    toys_per_job: Count = Field(1000, description="Pseudo-experiments per job; it divides toys.")
    nuisances: Literal["conditional", "nominal", "constraint"] = Field(
        "conditional",
        description="Nuisance parameters of the pseudo-experiments: the best fit of each data set at that point, their "
        "nominal values, or drawn from their constraints.",
    )
    significance: Literal["two-sided", "one-sided"] = Field(
        "two-sided",
        description="Reading of the p-value against the lower bound that is quoted first; the other stands beside it.",
    )
    expected_toys: int = Field(
        1000,
        ge=0,
        description="Pseudo-experiments at the nominal value whose t at the lower bound gives the median expected "
        "significance and its bands; 0: none.",
    )
    simulation_error: Literal["none", "inflate"] = Field(
        "none",
        description="Sets of the learned likelihood with the uncertainty from finite simulation and training in t "
        "(inflate), beside those without.",
    )

    @property
    def batches(self) -> int:
        """Jobs per point."""
        return self.toys // self.toys_per_job


class Baseline(Options):
    """A binned analysis beside the unbinned one, from the same events."""

    name: Name = Field(description="Identifier: letters, digits and _.")
    kind: Literal["observable", "discriminant", "parameterised"] = Field(
        description="A histogram of an observable, of a fixed log ratio of two processes, or of log p(x|mu)/p_ref."
    )
    observable: str | None = Field(None, description="Name of an observable (kind observable).")
    numerator: str | None = Field(None, description="Process in the numerator (kind discriminant).")
    denominator: str | None = Field(None, description="Process in the denominator (kind discriminant).")
    bins: Count | Annotated[list[float], Field(min_length=2)] = Field(
        20, description="Number of bins of equal expectation, or their edges."
    )


class Oracle(Options):
    """The exact likelihood, where all samples come from a simulator that knows its densities."""

    model: Simulator = Field(description="Name of the simulator.")


class Audit(Options):
    """Independently simulated experiments, which test the coverage of the belt."""

    points: Points = Field(description="Points of the parameter within those of the belts, as there.")
    experiments: Count = Field(1000, description="Experiments per point.")
    surface_toys: Annotated[int, Field(ge=100)] = Field(
        1000,
        description="Pseudo-experiments at each of up to nine values of the nuisance parameters, from which every "
        "experiment gets the critical value at its own fit (belts.nuisances: conditional).",
    )
    nuisances: Annotated[list[dict[str, float]], Field(min_length=1)] = Field(
        [{}], description="Points in the simulator's systematics, in units of σ, at each of which this is repeated."
    )


class Ingestion(Options):
    """How ntuples are read."""

    scheduler: Scheduler = Field(
        "threads", description="threads, synchronous, processes, or the address of a distributed scheduler (tcp://...)."
    )
    entries_per_partition: Count = Field(250_000, description="Tree entries read at a time: this bounds the memory.")


class Configuration(Options):
    """One analysis."""

    analysis: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] = Field(
        description="Name of the analysis, and of its folder of results."
    )
    seed: int = Field(1, ge=0, description="Master seed, from which every job derives its own.")
    output: str = Field("results", min_length=1, description="Folder of the results of all analyses.")
    parameters: Annotated[list[Parameter], Field(min_length=1)] = Field(
        description="The parameter of interest, alone in the list."
    )
    processes: Annotated[list[Process], Field(min_length=1)] = Field(description="Terms of the mixture.")
    systematics: list[Systematic] = Field([], description="Nuisance parameters and their effects at ±1σ.")
    # Left out where there are none, so that what is recorded of an analysis is what it was before them.
    joint_variations: list[JointVariation] = Field(
        [],
        description="Samples with several nuisance parameters off together: whether their effects factorise.",
        exclude_if=lambda value: not value,
    )
    norm_factors: list[NormFactor] = Field([], description="Factors on the yields of processes.")
    samples: Annotated[list[Sample], Field(min_length=1)] = Field(description="Simulated events.")
    observed: Observed | None = Field(None, description="Observed events; without them the result is the expected one.")
    selection: Text | None = Field(None, description="Events to keep: an expression of branches and variables.")
    variables: list[Expression] = Field([], description="Helper quantities, evaluated in order.")
    features: Annotated[list[Expression], Field(min_length=1)] = Field(description="Inputs of the networks.")
    observables: list[Observable] = Field([], description="Quantities for histograms and checks.")
    reference: Annotated[list[ReferenceWeight], Field(min_length=1)] | None = Field(
        None,
        description="The mixture p_ref; by default equal weights, and smaller ones for rare processes with few events.",
    )
    split: Split = Field(Split(), description="Training events against all others.")
    ensembles: Ensembles = Field(Ensembles(), description="Networks per ratio.")
    training: AnyTraining = Field(Training(), description="Network of a ratio, and how it is trained.")
    variations: Variations = Field(Variations(), description="Networks of the ±1σ variations.")
    prune: Prune = Field(Prune(), description="Which effects are too small to keep.")
    scan: Scan = Field(Scan(), description="Grid of the curves t(mu).")
    belts: Belts = Field(description="Levels, points and pseudo-experiments of the Neyman construction.")
    baselines: list[Baseline] = Field([], description="Binned analyses for comparison.")
    oracle: Oracle | None = Field(None, description="The exact likelihood, of simulated samples only.")
    audit: Audit | None = Field(None, description="Coverage by independent experiments, of simulated samples only.")
    ingestion: Ingestion = Field(Ingestion(), description="Reading of the ntuples.")
    diagnostics: Diagnostics = Field(Diagnostics(), description="What is checked, and to which thresholds.")

    @model_validator(mode="after")
    def _nominal_experiment(self) -> "Configuration":
        # Filled in here, so that jobs and the recorded configuration have the values that were used.
        if self.observed and self.observed.simulate:
            for name, value in self.nominal.items():
                self.observed.simulate.parameters.setdefault(name, value)
        return self

    @property
    def parameter(self) -> Parameter:
        """The parameter of interest."""
        return self.parameters[0]

    @property
    def nominal(self) -> dict[str, float]:
        """Name: nominal value of every parameter."""
        return {parameter.name: parameter.nominal for parameter in self.parameters}

    @property
    def simulator(self) -> str | None:
        """The simulator that all samples come from; None if there is none or more than one."""
        models = {sample.simulate.model if sample.simulate else None for sample in self.samples}
        return models.pop() if len(models) == 1 else None


def resolve(
    mapping: Mapping[str, Any], source: str | os.PathLike = "config/config.yaml", files: bool = True
) -> Configuration:
    """Validate and cross-check a configuration and fill in its defaults.

    Args:
        mapping: plain data, as YAML or the workflow gives it.
        source: the file that messages name.
        files: also check that the globs of input files match something.

    Raises:
        ConfigurationError: lists every problem with its key, what was found, and what to do.
    """
    data = dict(mapping)
    try:
        configuration = Configuration.model_validate(data)
    except ValidationError as error:
        problems.fail(problems.from_validation(error, data, Configuration), os.fspath(source))
        raise
    problems.fail(crosschecks.problems_of(configuration, files=files), os.fspath(source))
    return configuration


def load(path: str | os.PathLike, files: bool = True) -> Configuration:
    """Read, validate and cross-check the YAML (or JSON) file at ``path``; see :func:`resolve`."""
    return resolve(strict_yaml.read(path), path, files)


def schema() -> dict[str, Any]:
    """The JSON schema of the configuration file (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Configuration.model_json_schema(by_alias=True, mode="validation"),
    }
