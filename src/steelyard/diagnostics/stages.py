"""What each stage of the workflow measures diagnostics with, and the diagnostics that it finds.

A file of ``diagnostics/STAGE`` with a function ``diagnose(given)`` is run by the diagnosis of that stage; nothing else
names it. It gets the inputs of its stage, one of the classes below, and yields :class:`steelyard.checks.Check`; their
kinds it declares itself (:class:`steelyard.checks.Kind`), and their levels come with ``given.thresholds``. A diagnostic
that has more to tell than a verdict is a field of its stage's diagnosis instead, where pictures find it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from steelyard.checks import Check

if TYPE_CHECKING:
    import numpy as np

    from steelyard.baselines.results import BaselineResult
    from steelyard.coverage.audit import Audit
    from steelyard.data.identifiers import SplitRule
    from steelyard.data.reference import Reference
    from steelyard.data.store import Sample
    from steelyard.data.variations import Variation
    from steelyard.diagnostics.event_table import EventTable
    from steelyard.diagnostics.factorisation.cross_term import JointEvents
    from steelyard.diagnostics.thresholds import Thresholds
    from steelyard.finite_simulation.null_information import NullInformation
    from steelyard.finite_simulation.reference_error import ReferenceError
    from steelyard.finite_simulation.simulation_error import SimulationError
    from steelyard.inference.belts import Belt, Inference
    from steelyard.inference.fit import Scan
    from steelyard.inference.impacts import Impacts
    from steelyard.ratios.ensembles import Ensemble
    from steelyard.regions.unbinned import UnbinnedModel

_FOLDER = Path(__file__).parent
_ENTRY = re.compile(r"^def diagnose\(", re.MULTILINE)


@dataclass(frozen=True)
class RatioInputs:
    """One learned ratio; see :func:`steelyard.diagnostics.ratio.ratio_diagnosis.diagnose_ratio`."""

    stage: ClassVar[str] = "ratio"
    table: "EventTable"
    samples: Sequence["Sample"]
    reference: "Reference"
    ensemble: "Ensemble"
    seen: "np.ndarray"
    unseen: "np.ndarray"
    thresholds: "Thresholds"


@dataclass(frozen=True)
class VariationInputs:
    """The variations of one systematic; see
    :func:`steelyard.diagnostics.variation.variation_diagnosis.diagnose_systematic`.
    """

    stage: ClassVar[str] = "variation"
    variations: Sequence["Variation"]
    samples: Sequence["Sample"]
    varied: Mapping[str, Mapping[str, "Sample"]]
    scores: Sequence["np.ndarray"]
    split: "SplitRule"
    thresholds: "Thresholds"
    exact: Sequence["np.ndarray"] | None = None


@dataclass(frozen=True)
class ModelInputs:
    """The model on its own reference events; see :func:`steelyard.diagnostics.model.model_diagnosis.diagnose_model`."""

    stage: ClassVar[str] = "model"
    table: "EventTable"
    model: "UnbinnedModel"
    reference: "Reference"
    mu: Sequence[float]
    truths: Sequence[float]
    thresholds: "Thresholds"
    scan: "Scan | None" = None


@dataclass(frozen=True)
class OracleInputs:
    """The learned and the exact model; see :func:`steelyard.diagnostics.oracle.oracle_diagnosis.compare_oracle`."""

    stage: ClassVar[str] = "oracle"
    learned: "UnbinnedModel"
    exact: "UnbinnedModel"
    learned_scan: "Scan"
    exact_scan: "Scan"
    baselines: Mapping[str, "BaselineResult"]
    thresholds: "Thresholds"


@dataclass(frozen=True)
class InferenceInputs:
    """The fits and the construction. Mappings have a result for each data set, ``asimov`` and perhaps ``observed``, and
    none where it was not made; those named exact are of the exact likelihood.

    Attributes:
        parameter: name of the parameter of interest.
        bounds: its range.
        thresholds: levels of the checks.
        belts: by the data set at whose conditional fit the toys were thrown, or ``any``.
        nulls: what null variations have shown.
    """

    stage: ClassVar[str] = "inference"
    parameter: str
    bounds: tuple[float, float]
    thresholds: "Thresholds"
    scans: Mapping[str, "Scan"]
    exact_scans: Mapping[str, "Scan"]
    inferences: Mapping[str, "Inference"]
    exact_inferences: Mapping[str, "Inference"]
    impacts: Mapping[str, "Impacts"]
    exact_impacts: Mapping[str, "Impacts"]
    belts: Mapping[str, "Belt"]
    references: Mapping[str, "ReferenceError"]
    nulls: Sequence["NullInformation"] = ()
    audit: "Audit | None" = None


@dataclass(frozen=True)
class SimulationInputs:
    """The predicted error of t; see :func:`steelyard.diagnostics.simulation.simulation_checks.diagnose_simulation`."""

    stage: ClassVar[str] = "simulation"
    error: "SimulationError"
    nominal: float
    thresholds: "Thresholds"


@dataclass(frozen=True)
class FactorisationInputs:
    """Samples with several nuisance parameters off together; see
    :func:`steelyard.diagnostics.factorisation.factorisation_checks.diagnose_factorisation`.
    """

    stage: ClassVar[str] = "factorisation"
    point: str
    model: "UnbinnedModel"
    events: "JointEvents"
    scans: Mapping[str, "Scan"]
    nominal: float
    thresholds: "Thresholds"


Inputs = (
    RatioInputs
    | VariationInputs
    | ModelInputs
    | SimulationInputs
    | FactorisationInputs
    | OracleInputs
    | InferenceInputs
)


def registered(stage: str) -> tuple[str, ...]:
    """The modules of a stage that have a function ``diagnose``, by name."""
    paths = sorted(_FOLDER.joinpath(stage).glob("*.py"))
    found = [path.stem for path in paths if _ENTRY.search(path.read_text(encoding="utf-8"))]
    return tuple(f"{__package__}.{stage}.{name}" for name in found)


def run_registered(given: Inputs) -> tuple[Check, ...]:
    """The checks of all diagnostics that are registered for a stage, on its inputs."""
    return tuple(check for name in registered(given.stage) for check in import_module(name).diagnose(given))
