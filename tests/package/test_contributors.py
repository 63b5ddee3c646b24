"""What it takes to add a choice: one new file and a line in a registry, in a copy of the library that then uses it."""

import difflib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SOURCE = REPOSITORY / "src" / "steelyard"


class Contribution:
    """A copy of the library in a folder, in which somebody adds something."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.package = folder, folder / "src" / "steelyard"
        shutil.copytree(SOURCE, self.package, ignore=shutil.ignore_patterns("__pycache__"))

    def add(self, file: str, text: str) -> None:
        path = self.package / file
        assert not path.exists()
        path.write_text(text)

    def register(self, file: str, after: str, line: str) -> None:
        """Put a line below the only one that begins with ``after``."""
        path = self.package / file
        lines = path.read_text().splitlines(keepends=True)
        (place,) = (number for number, text in enumerate(lines) if text.strip().startswith(after))
        path.write_text("".join([*lines[: place + 1], line, *lines[place + 1 :]]))

    def changes(self) -> tuple[list[str], int]:
        """The files that are new, and how many lines of others differ."""
        added, lines = [], 0
        for path in sorted(self.package.rglob("*.py")):
            name = str(path.relative_to(self.package))
            if not (SOURCE / name).exists():
                added.append(name)
            else:
                pair = (file.read_text().splitlines() for file in (SOURCE / name, path))
                lines += sum(line[0] in "+-" for line in difflib.ndiff(*pair))
        return added, lines

    def call(self, *command: str) -> str:
        environment = os.environ | {"PYTHONPATH": str(self.folder / "src"), "OMP_NUM_THREADS": "1"}
        environment |= {"NUMBA_OPT": "0"}  # a changed engine is compiled for one use: a quarter of the time less
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def python(self, text: str) -> str:
        return self.call(sys.executable, "-W", "error::SyntaxWarning", "-c", text)


@pytest.fixture
def contribution(tmp_path):
    return Contribution(tmp_path)


CONFIGURATION = """
import json
import numpy as np
from steelyard.configuration.schema import resolve, schema

configuration = {
    "analysis": "small",
    "parameters": [{"name": "mu", "nominal": 1, "bounds": [0, 2]}],
    "processes": [{"name": "S", "coefficient": "mu"}, {"name": "B", "coefficient": 1}],
    "samples": [{"name": "all", "files": ["*.npz"], "event_id": ["event"], "weights": {"S": "w_S", "B": "w_B"}}],
    "features": [{"name": "x", "expression": "x"}, {"name": "square", "expression": "x**2"}],
    "scan": {"stop": 2},
    "belts": {"points": [0, 1, 2]},
}
"""

ARCHITECTURE = '''
"""Layers that add to what they are given."""

from pydantic import Field

from steelyard import options
from steelyard.options import Count


class Options(options.Options):
    width: Count = Field(16, description="Units of every layer.")


class VariationOptions(Options):
    width: Count = Field(4, description="Units of every layer.")


def layers(chosen, inputs, outputs):
    import torch
    from torch import nn

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(chosen.width, chosen.width)

        def forward(self, x):
            return x + torch.tanh(self.inner(x))

    return nn.Sequential(nn.Linear(inputs, chosen.width), Residual(), nn.Linear(chosen.width, outputs))
'''

TRAIN = (
    CONFIGURATION
    + """
from pathlib import Path
import jsonschema
import torch
from steelyard.data.identifiers import Split, event_ids
from steelyard.errors import ConfigurationError
from steelyard.configuration.networks import training_rule
from steelyard.ratios.ensembles import combine_files, open_ensemble
from steelyard.ratios.evaluation import log_ratio
from steelyard.ratios.architectures.architecture import Design
from steelyard.ratios.members import build, load
from steelyard.ratios.packs import train_members
from steelyard.ratios.signed import SignedNetwork
from steelyard.ratios.training_data import RatioSample

training = {"architecture": "residual", "width": 6, "epochs": 1, "batch_size": 64, "learning_rate": 0.02}
configuration |= {"training": training, "variations": {"training": {"architecture": "residual"}}}
analysis = resolve(configuration, files=False)
settings = analysis.model_dump(mode="json", by_alias=True)
assert resolve(json.loads(json.dumps(settings)), files=False) == analysis
jsonschema.validate(settings, schema())
jsonschema.validate(configuration | {"training": {"epochs": 1}}, schema())  # of a perceptron
print(resolve(configuration | {"training": {"epochs": 1}}, files=False).training.hidden)
assert settings["training"] == training_rule(settings["training"]).model_dump() == settings["training"] | training
assert settings["variations"]["training"]["width"] == 4
for name, value in (("widht", 6), ("hidden", [6]), ("width", 0)):
    try:
        resolve(configuration | {"training": {"architecture": "residual", name: value}}, files=False)
    except ConfigurationError as error:
        print(error)

rng = np.random.default_rng(1)
origin = np.arange(4000) % 2 == 1
x = rng.normal(size=(4000, 2)).astype(np.float32) + np.where(origin, 0.75, -0.75)[:, None].astype(np.float32)
rows = RatioSample("all", x, event_ids("all", [np.arange(4000)]), origin.astype(float), 1.0 - origin)
networks = [Path(f"member-{number}/network.pt") for number in range(2)]
train_members(
    [rows], ratio="S", features=["x", "y"], split=Split("held_out", 0.5, 5), training=analysis.training,
    bootstrap=True, seed_of=lambda member: member, network_paths=networks,
    curve_paths=[path.with_name("training.csv") for path in networks], checkpoint_folder="checkpoints",
)
found = load(networks[0])
assert found.architecture == {"name": "residual", "inputs": 2, "options": {"width": 6}}, found.architecture
combine_files(networks, "ratio", Split("held_out", 0.5, 5), "S.pt")
signed = SignedNetwork(2, Design.of("residual"), zero_output=True, net=(0.5, 0.7))  # weights of both signs
assert not build(signed.architecture(), signed.state_dict())(torch.from_numpy(x)).any()
exact = 1.5 * x.sum(axis=1)
print(np.corrcoef(log_ratio(open_ensemble("S.pt"), x), exact)[0, 1])
"""
)


def test_an_architecture(contribution):
    contribution.add("ratios/architectures/residual.py", ARCHITECTURE)
    line = '        "residual": "ratios.architectures.residual",\n'
    contribution.register("ratios/architectures/architecture.py", '"perceptron": ', line)
    perceptron, *errors, correlation = contribution.python(TRAIN).splitlines()
    assert perceptron == "[64, 64, 64]"
    assert errors == [
        "config/config.yaml: training.widht: unknown key; did you mean 'width'? (valid keys: architecture, width, "
        "optimizer, learning_rate, warmup, weight_decay, batch_size, epochs, patience, validation_fraction)",
        "config/config.yaml: training.hidden: unknown key; valid keys: architecture, width, optimizer, "
        "learning_rate, warmup, weight_decay, batch_size, epochs, patience, validation_fraction",
        "config/config.yaml: training.width: found 0; it should be greater than 0",
    ]
    assert float(correlation) > 0.9  # 16 steps: a straight line is learnt at once
    assert contribution.changes() == (["ratios/architectures/residual.py"], 1)


READER = '''
"""NumPy archives: one array per branch, one table per file."""

import numpy as np

from steelyard.data.readers.reader import Reader, Table
from steelyard.errors import InputError


class Archives(Reader):
    def describe(self, file, tree, branches):
        try:
            with np.load(file) as columns:
                arrays = {name: columns[name] for name in branches if name in columns.files}
                names = tuple(columns.files)
                entries = len(columns[names[0]])
        except (OSError, ValueError) as error:
            raise InputError(f"{file}: not a readable archive ({error}); make it again") from error
        flat = {name: str(array.dtype) for name, array in arrays.items() if array.ndim == 1}
        return Table(entries, names, flat, {name: str(arrays[name].shape) for name in arrays if name not in flat})

    def read(self, part, tree, branches):
        with np.load(part.file) as columns:
            return {name: columns[name][part.start : part.stop] for name in branches}
'''

INGEST = (
    CONFIGURATION
    + """
from pathlib import Path
from steelyard.data.ingest import ingest_sample
from steelyard.data.store import Sample
from steelyard.errors import InputError

rng = np.random.default_rng(1)
data = {"x": rng.normal(size=100), "w_S": rng.uniform(size=100), "w_B": rng.uniform(size=100), "event": np.arange(100)}
for name, rows in (("a", slice(0, 70)), ("b", slice(70, 100))):
    np.savez(f"{name}.npz", **{key: column[rows] for key, column in data.items()})
configuration["ingestion"] = {"entries_per_partition": 40}
analysis = resolve(configuration)
sample = analysis.samples[0]


def ingest(features):
    return ingest_sample(sample, sample.files, [], "x > 0", features, [], analysis.ingestion, "store", threads=1)


info = ingest(analysis.features)
kept = data["x"] > 0
stored = Sample.open(Path("store"))
np.testing.assert_array_equal(stored.features[:, 1], (data["x"][kept] ** 2).astype(np.float32))
np.testing.assert_array_equal(stored.weights, np.stack([data["w_S"], data["w_B"]], axis=1)[kept])
print(info.n_read, info.n_selected == kept.sum(), info.files)
np.savez("a.npz", **data | {"x": np.ones((100, 2))})
np.savez("b.npz", y=data["x"])
for files in (["a.npz"], ["b.npz"]):
    sample = sample.model_copy(update={"files": files})
    try:
        ingest(analysis.features)
    except InputError as error:
        print(error)
"""
)


def test_a_reader(contribution):
    contribution.add("data/readers/archive.py", READER)
    contribution.register("data/readers/reader.py", '"root": ', '        "npz": "data.readers.archive:Archives",\n')
    assert contribution.python(INGEST).splitlines() == [
        "100 True ('a.npz', 'b.npz')",
        "sample all: a.npz, tree events: branch 'x', needed for the selection, has the type (100, 2): not one number "
        "per entry; write the numbers that are needed to flat branches",
        "sample all: b.npz, tree events: there is no branch 'x' (needed for the selection), 'w_S' (needed for the "
        "weight of process S), 'w_B' (needed for the weight of process B), 'event' (needed for event_id); branches and "
        "variables: y",
    ]
    assert contribution.changes() == (["data/readers/archive.py"], 1)


SIMULATOR = '''
"""A falling background and a signal that rises, on one observable: p_B = 2(1 - x), p_S = 2x."""

import numpy as np
import uproot

DENSITIES = {"S": lambda x: 2 * x, "B": lambda x: 2 * (1 - x)}
YIELDS = {"S": 30.0, "B": 100.0}


class Slopes:
    name = "slopes"
    processes = ("S", "B")
    parameters = ("mu",)
    observables = ("x",)
    samples = {"all": ("S", "B")}
    systematics = ()
    tree = "events"
    trees = ("events",)

    def branches(self, sample, tree=None):
        return ("x", "event", *(f"weight_{process}" for process in self.samples.get(sample, ())))

    def write_ntuple(self, path, sample, events, part, parts, seed):
        event = np.arange(part, events, parts)
        x = np.random.default_rng(seed).uniform(size=len(event))
        weights = {f"weight_{name}": YIELDS[name] * density(x) / events for name, density in DENSITIES.items()}
        with uproot.recreate(path) as file:
            file.mktree("events", {"x": float, "event": np.int64} | dict.fromkeys(weights, float))
            file["events"].extend({"x": x, "event": event} | weights)
        return len(event)

    def write_observed(self, path, parameters, seed, alpha=None):
        x, offsets = self.draw_experiments(parameters, 1, seed, alpha)
        with uproot.recreate(path) as file:
            file.mktree("events", {"x": np.float32, "event": np.int64})
            file["events"].extend({"x": x[:, 0], "event": np.arange(len(x))})
        return len(x)

    def draw_experiments(self, parameters, n, seed, alpha=None):
        rng = np.random.default_rng(seed)
        signal, background = (rng.poisson(nu, n) for nu in (parameters["mu"] * YIELDS["S"], YIELDS["B"]))
        x = [np.sqrt(rng.uniform(size=count)) for count in (signal, background)]
        rows = [(*x[0][a : a + s], *(1 - x[1][b : b + t])) for a, s, b, t in zip(
            np.cumsum(signal) - signal, signal, np.cumsum(background) - background, background, strict=True)]
        return np.float32(np.concatenate(rows))[:, None], np.append(0, np.cumsum(signal + background))

    def log_densities(self, observables, processes, alpha=None):
        return np.log(np.stack([DENSITIES[name](observables[:, 0].astype(float)) for name in processes], axis=1))

    def yields(self, processes, alpha=None):
        return np.array([YIELDS[name] for name in processes])
'''

SLOPES = """
analysis: slopes
parameters: [{ name: mu, nominal: 1, bounds: [0, 5] }]
processes: [{ name: S, coefficient: mu }, { name: B, coefficient: 1 }]
samples:
  - name: all
    simulate: { model: slopes, events: 400, parts: 2 }
    event_id: [event]
    weights: { S: weight_S, B: weight_B }
observed:
  simulate: { model: slopes }
  event_id: [event]
features: [{ name: x, expression: x }]
observables: [{ name: x, expression: x }]
scan: { stop: 3 }
belts: { points: [0, 1, 2] }
oracle: { model: slopes }
"""

RESULT = """
import numpy as np
from pathlib import Path
from steelyard.data.store import Sample

sample, observed = (Sample.open(Path(f"results/slopes/samples/{name}")) for name in ("all", "observed"))
found, x = np.load("results/slopes/oracle/scores/all.npy"), sample.observables[:, 0].astype(float)
np.testing.assert_allclose(found, np.log(np.stack([2 * x, 2 * (1 - x)], axis=1)), rtol=1e-5)
print(len(x), abs(len(observed.ids) - 130) < 60, np.round(sample.weights.sum(axis=0) / [30, 100], 0))
"""


def test_a_simulator(contribution):
    """From the configuration through the rules: simulated events and data, read, and their exact densities."""
    contribution.add("simulators/slopes.py", SIMULATOR)
    line = '        "slopes": "simulators.slopes:Slopes",\n'
    contribution.register("simulators/interface.py", '"offshell4l": ', line)
    for name in ("workflow", "profiles", "envs"):
        shutil.copytree(REPOSITORY / name, contribution.folder / name)
    (contribution.folder / "slopes.yaml").write_text(SLOPES)
    targets = ("results/slopes/oracle/scores/all.npy", "results/slopes/samples/observed/sample.json")
    snakemake = str(Path(sys.executable).with_name("snakemake"))
    contribution.call(snakemake, "--cores", "1", "--configfile", "slopes.yaml", "--", *targets)
    assert contribution.python(RESULT) == "400 True [1. 1.]\n"
    assert contribution.changes() == (["simulators/slopes.py"], 1)


STUDENT = '''
r"""Student's t: an auxiliary measurement whose error is itself known from few degrees of freedom ν only.

.. math:: -2\\ln L(\\alpha) = (\\nu+1)\\ln\\Big[1+\\frac{(\\alpha-a)^2}{\\nu}\\Big]
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import ndtr, stdtr, stdtrit


@dataclass(frozen=True)
class Student:
    """Of so many degrees of freedom."""

    freedom: float = 5.0

    kind: ClassVar[str] = "student"
    measured: ClassVar[bool] = True

    @property
    def scale(self):
        """Degrees of freedom."""
        return self.freedom

    @property
    def error(self):
        return (self.freedom / (self.freedom - 2.0)) ** 0.5 if self.freedom > 2.0 else 1.0

    @staticmethod
    def penalty(value, observable, scale):
        pull = value - observable
        inverse = 1.0 / (scale + pull * pull)
        first = 2.0 * (scale + 1.0) * inverse
        return (scale + 1.0) * np.log(1.0 + pull * pull / scale), first * pull, first * (1.0 - 2.0 * pull**2 * inverse)

    def throw(self, value, z):
        return value + stdtrit(self.freedom, ndtr(z))

    def draw(self, nominal, bounds, number, generator):
        least, most = stdtr(self.freedom, np.array(bounds) - nominal)
        return np.clip(nominal + stdtrit(self.freedom, generator.uniform(least, most, size=number)), *bounds)
'''

CODE_1 = '''
r"""Code 1 of HistFactory: :math:`e^{\\alpha u}` above 0 and :math:`e^{-\\alpha d}` below, with a kink between them."""

import numpy as np

from steelyard.numerics.compilation import internal

NAME = "code1"


def derivatives(log_up, log_down, alpha):
    slope = np.where(np.asarray(alpha) >= 0.0, log_up, -np.asarray(log_down, dtype=float))
    value = np.exp(slope * alpha)
    return value, slope * value, slope**2 * value


def event_values(log_up, log_down, alpha):
    return derivatives(log_up, log_down, alpha[:, None])[0]


@internal
def weights(alpha, result):
    result[:] = 0.0
    side = 0 if alpha >= 0.0 else 1
    result[0, side], result[1, side] = abs(alpha), 1.0 - 2.0 * side
    return False
'''

LIKELIHOOD = (
    CONFIGURATION
    + """
import jsonschema
from scipy.optimize import minimize
from scipy.stats import kstest, t
from steelyard.configuration.systematics import nuisances
from steelyard.errors import ConfigurationError
from steelyard.inference.global_observables import throw_from
from steelyard.likelihood.likelihood import Likelihood
from steelyard.likelihood.minimise.search import minimise
from steelyard.model.coefficients import Coefficients
from steelyard.model.effects import Systematics
from steelyard.model.mixture import Mixture
from steelyard.model.normaliser import log_normaliser
from steelyard.regions.normaliser_fit import build_normaliser

# In the configuration: the names, the number, and what is wrong.
known = {"name": "k", "constraint": {"kind": "student", "freedom": 4}, "interpolation": "code1"}
configuration["systematics"] = [known | {"effects": [{"processes": ["B"], "norm": [1.2, 0.9]}]}]
analysis = resolve(configuration, files=False)
settings = analysis.model_dump(mode="json", by_alias=True)
assert resolve(json.loads(json.dumps(settings)), files=False) == analysis
jsonschema.validate(settings, schema())
nuisance, = nuisances(analysis)
print(nuisance.constraint, nuisance.scale, nuisance.interpolation, nuisance.parameter.role)
for key, value in (("constraint", "studnt"), ("interpolation", "code2")):
    wrong = [configuration["systematics"][0] | {key: value}]
    try:
        resolve(configuration | {"systematics": wrong}, files=False)
    except ConfigurationError as error:
        print(error)

# In a likelihood: value, derivatives and a fit, against the formulas themselves.
rng = np.random.default_rng(3)
x, nu = rng.uniform(size=50), np.array([20.0, 30.0])
intensities = nu * np.stack([2 * x, 2 * (1 - x)], axis=1)
up, down = np.log(1.2) + 0.3 * x, np.log(0.9) - 0.5 * x
log_g = np.stack([up, down], axis=1)[:, None].astype(np.float32)
yields = np.zeros((2, 1, 2))
yields[1, 0] = np.log([1.1, 0.7])
shape = Systematics.of((nuisance,), yields, np.zeros((2, 1), dtype=bool), np.array([[1, 0]]))
mixture = Mixture(("S", "B"), Coefficients(["mu"], ["mu", "1"], {"mu": 1.0}), nu, (0.0, 5.0))
observed = 0.8
likelihood = Likelihood.of(mixture, intensities, None, shape, log_g, np.array([observed]))


def formula(place):
    mu, alpha = place
    side = 0 if alpha >= 0 else 1
    g = np.exp(abs(alpha) * log_g[:, 0, side].astype(float))
    factor = np.exp(abs(alpha) * yields[1, 0, side])
    total = mu * nu[0] + factor * nu[1]
    return 2 * (total - np.log(mu * intensities[:, 0] + factor * g * intensities[:, 1]).sum()) - 2 * (
        t(4).logpdf(alpha - observed) - t(4).logpdf(0.0))


for place in np.array([[1.2, 0.3], [0.6, 1.7], [1.0, -0.4], [1.5, -2.0]]):
    found, steps = likelihood.evaluator.expand(place), 1e-4 * np.eye(2)
    assert abs(found.value - formula(place)) < 1e-5, (found.value, formula(place))  # 50 events of float32
    slopes = [(formula(place + step) - formula(place - step)) / 2e-4 for step in steps]
    np.testing.assert_allclose(found.gradient, slopes, rtol=1e-6, atol=1e-6)
    corners = [[formula(place + 1e-3 * (a * i + b * j)) * a * b for a in (1, -1) for b in (1, -1)]
               for i in np.eye(2) for j in np.eye(2)]
    np.testing.assert_allclose(found.hessian.ravel(), np.sum(corners, axis=1) / 4e-6, rtol=1e-5, atol=1e-5)
best = minimise(likelihood.evaluator, np.array([1.0, 0.0]), np.zeros(2, dtype=bool))
direct = minimize(formula, [1.0, 0.5], bounds=[(0, 5), (-5, 5)], tol=1e-12)
assert best.converged and abs(formula(best.place) - direct.fun) < 1e-6, (best, direct)

# In pseudo-experiments, and in the normaliser of a shape.
thrown = throw_from(shape.parameters, np.full((2000, 1), 0.5), rng.normal(size=(2000, 1)))[:, 0]
drawn = nuisance.parameter.constraint.draw(0.0, (-5.0, 5.0), 2000, rng)
within = t(4).cdf([-5, 5])
print(kstest(thrown - 0.5, t(4).cdf).pvalue > 1e-3,
      kstest(drawn, lambda value: (t(4).cdf(value) - within[0]) / (within[1] - within[0])).pvalue > 1e-3)
normaliser = build_normaliser(shape, log_g, intensities / nu, nu)
for alpha, side in ((0.5, 0), (-0.5, 1), (2.0, 0)):
    mean = np.average(np.exp(abs(alpha) * log_g[:, 0, side].astype(float)), weights=intensities[:, 1])
    found = log_normaliser(shape.with_effects(normaliser=normaliser), np.array([alpha]))
    np.testing.assert_allclose(found, [0.0, np.log(mean)], atol=1e-6)
"""
)


def test_a_constraint_and_an_interpolation_code(contribution):
    """One copy for both, since the engine is compiled with them: value, derivatives, a fit, toys and the YAML."""
    contribution.add("model/constraints/student.py", STUDENT)
    contribution.add("model/interpolation/code1.py", CODE_1)
    line = '    "model.constraints.student:Student",\n'
    contribution.register("model/constraints/__init__.py", '"model.constraints.gaussian:Gaussian"', line)
    line = '    "model.interpolation.code1",\n'
    contribution.register("model/interpolation/__init__.py", '"model.interpolation.code4"', line)
    assert contribution.python(LIKELIHOOD).splitlines() == [
        "student 4.0 code1 nuisance",
        "config/config.yaml: systematics[k].constraint: found 'studnt'; did you mean 'student'? (choose from: "
        "gaussian, log_normal, student, uniform, free)",
        "config/config.yaml: systematics[k].interpolation: found 'code2'; did you mean 'code4'? (choose from: code4, "
        "code1, exponential)",
        "True True",
    ]
    assert contribution.changes() == (["model/constraints/student.py", "model/interpolation/code1.py"], 2)
