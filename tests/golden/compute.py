"""Numbers of today's analyses that no rearrangement of the library may change.

``python tests/golden/compute.py`` (from the repository's root) writes ``tests/golden/numbers.json``: for every array
its shape, up to twenty of its values, and the SHA-256 of its bits. ``tests/unit/test_golden_numbers.py`` makes them
again: the same bits on a machine of the same kind, and the same to rounding elsewhere. Writing the file anew means that
an analysis gives other numbers from now on: the commit that does so says which, and why.

This file holds what the rest of the library is called by: a module that moves is renamed here and nowhere else.
"""

import dataclasses
import hashlib
import json
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import numba
import numpy as np
import scipy

sys.path.insert(0, str(Path(__file__).parents[1]))

import interference
import interference_effects
import one_sided_search
import random_models

from steelyard.baselines.template_toys import throw_counts
from steelyard.diagnostics.model.normaliser_accuracy import measure_accuracy
from steelyard.inference.belts import build_belt, infer
from steelyard.inference.fit import fit, scan
from steelyard.inference.impacts import impacts
from steelyard.inference.profiles import conditional_nuisances
from steelyard.inference.toy_fits import fit_toys
from steelyard.inference.toys import throw_toys
from steelyard.likelihood.likelihood import Likelihood
from steelyard.regions.binned import BinnedModel, fill_templates
from steelyard.regions.unbinned import UnbinnedModel

NUMBERS = Path(__file__).with_name("numbers.json")
LEVELS = (0.6827, 0.9545)
SHOWN = 20


def machine() -> str:
    """What decides about the last bit: the processor's instructions and the versions that compile for it."""
    features = sorted(numba.core.codegen.get_host_cpu_features().split(","))
    instructions = hashlib.sha256(",".join(features).encode()).hexdigest()[:12]
    versions = (f"{library.__name__} {library.__version__}" for library in (numba, np, scipy))
    return " ".join((platform.machine(), instructions, *versions))


def flatten(value: object, name: str) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays in results of any kind, by name."""
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from flatten(getattr(value, field.name), f"{name}.{field.name}")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from flatten(item, f"{name}.{key}")
    elif isinstance(value, list | tuple) and any(not isinstance(item, int | float | None) for item in value):
        for index, item in enumerate(value):
            yield from flatten(item, f"{name}.{index}")
    elif isinstance(value, int | float | list | tuple | np.ndarray | np.generic):
        numbers = np.asarray(value)
        if numbers.dtype != object and numbers.dtype.kind in "iufb":
            yield name, numbers


def described(value: np.ndarray) -> dict:
    """Shape, values and digest of one array."""
    value = np.ascontiguousarray(value, dtype=float)
    chosen = np.unique(np.linspace(0, max(value.size - 1, 0), min(SHOWN, value.size)).astype(int))
    return {
        "shape": list(value.shape),
        "values": [float(item) for item in value.ravel()[chosen]],
        "digest": hashlib.sha256(value.tobytes()).hexdigest()[:16],
    }


def points(systematics) -> Iterator[tuple[float, np.ndarray]]:
    """Values of the parameter and of the nuisance parameters at which likelihoods are evaluated."""
    generator = np.random.default_rng(3)
    for mu in (0.2, 1.0, 2.5):
        alpha = systematics.nominal + generator.normal(size=len(systematics))
        yield mu, np.clip(alpha, *systematics.bounds.T) if len(systematics) else alpha


def of_model(model: UnbinnedModel, mu: np.ndarray) -> Iterator[tuple[str, object]]:
    """Everything that is made of one model."""
    yield (
        "model",
        {"intensities": model.intensities, "weights": model.weights, "log_yields": model.systematics.log_yields},
    )
    yield "normaliser", model.systematics.normaliser
    asimov = model.asimov(1.0)
    yield "asimov weights", model.asimov_weights(0.5)
    for number, (value, alpha) in enumerate(points(model.systematics)):
        kappa = float(model.mixture.to_coordinate(value))
        yield f"likelihood {number}", asimov.expansion(kappa, alpha)
    found = fit(asimov)
    scanned = scan(asimov, mu)
    yield "fit", found
    yield "fit at 0.3", fit(asimov, {model.mixture.coefficients.parameters[0]: 0.3})
    yield "scan", scanned
    if len(model.systematics):
        yield "impacts", impacts(asimov, found)
        yield "accuracy of the normaliser", measure_accuracy(model, scanned)
    thrown = {}
    for value in (0.0, 0.5, 1.0, 2.0, 3.0):
        where = ("nominal", None)
        if len(model.systematics):
            where = "conditional", conditional_nuisances(scanned, value, model.mixture)
        thrown[value] = throw_toys(model, value, 120, int(100 * value), *where)
        yield f"toys at {value:g}", thrown[value]
    belt = build_belt(thrown, LEVELS)
    yield "belt", belt
    signal = throw_toys(model, 1.0, 120, 7, "nominal", tested=0.0)
    yield "result", infer(belt, scanned, model.mixture, thrown, (1.0, signal))


def compute() -> dict[str, dict]:
    """All numbers by name."""
    mu = np.linspace(0.0, 4.0, 21)
    found: dict[str, object] = {}
    models = {
        "interference": interference.model(4000),
        "five nuisance parameters": interference_effects.inputs(4000).build(),
        "one-sided shapes": one_sided_search.model(0.2, sides=(0.0, 1.0), events=2000),
    }
    for name, model in models.items():
        for part, value in of_model(model, mu):
            found[f"{name}: {part}"] = value
    random = random_models.analysis(10, 5, factors=1, norm_only=2)
    weights = random.asimov_weights(1.0)
    likelihood = Likelihood.of(random.mixture, random.intensities, weights, random.systematics, random.log_g)
    found["random: scan"] = scan(likelihood, mu)
    rows, offsets, observed = random.throw(0.5, 100, np.random.default_rng(8))
    found["random: toys"] = fit_toys(
        random.mixture, random.intensities, offsets, 0.5, random.systematics, random.log_g, observed, rows
    )
    base = models["interference"]
    index = np.minimum((np.arange(4000) * 12) // 4000, 11)
    densities = base.weights[:, None] * base.intensities / base.mixture.yields
    templates = fill_templates(index, densities, base.mixture, 12)
    binned = BinnedModel.of(base.mixture, templates, "x")
    found["binned: scan"] = scan(binned.likelihood(binned.asimov(1.0)), mu)
    found["binned: toys"] = throw_counts(binned, 0.5, None, 100, 9)
    return {
        name: described(array)
        for part, value in found.items()
        for name, array in flatten(value, part)
        if not name.endswith(".evaluations")  # how often a likelihood was evaluated is cost and no result
    }


def main() -> None:
    """Write the file."""
    numbers = {"machine": machine(), "numbers": compute()}
    NUMBERS.write_text(json.dumps(numbers, indent=1).replace("\n    ", " ").replace("\n   ", " ") + "\n")
    print(f"{len(numbers['numbers'])} arrays in {NUMBERS}")


if __name__ == "__main__":
    main()
