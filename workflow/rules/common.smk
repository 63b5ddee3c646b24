# The configuration, validated before any job is known, and the names that follow from it.

import dataclasses
import functools
import gc
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# Rules call the library beside them, installed or not: Snakemake hands this path on to the scripts, also into a conda
# environment. Rules that Snakemake reads from a server have none beside them, and use the one that is installed.
RULES = Path(workflow.current_basedir.get_path_or_uri(secret_free=False))
if (LIBRARY := RULES.parents[1] / "src").is_dir():
    sys.path.insert(0, str(LIBRARY))

from steelyard.runtime.code_digest import code_digest
from steelyard.configuration import strict_yaml
from steelyard.configuration.schema import resolve
from steelyard.configuration.joint_points import joint_points, joint_sources
from steelyard.configuration.systematics import declared_effects, groups, null_variations, varied_sources, variations
from steelyard.errors import SteelyardError
from steelyard.io.files import require_writable
from steelyard.configuration.picture_labels import labels_of
from steelyard.io.serialisation import to_data
from steelyard.data.readers.reader import READERS, expand as expand_files, kind_of
from steelyard.ratios.architectures.architecture import ARCHITECTURES
from steelyard.simulators.interface import SIMULATORS

# A graph of thousands of jobs is millions of objects that all live to the end: looking for garbage among them every 700
# new ones takes a tenth of a dry run.
gc.set_threshold(100_000, 50, 100)

try:
    for file in workflow.configfiles:
        strict_yaml.read(file)  # a key given twice is lost by the time that Snakemake hands it over
    analysis = resolve(config, source=", ".join(map(str, workflow.configfiles)) or "--config")
except SteelyardError as error:
    raise WorkflowError(str(error)) from None

settings = analysis.model_dump(mode="json", by_alias=True)  # plain data: what rules hold in their params

R = f"{analysis.output}/{analysis.analysis}"
PROCESSES = [process.name for process in analysis.processes]
SAMPLES = [sample.name for sample in analysis.samples]
NUISANCES = [item["name"] for key in ("systematics", "norm_factors") for item in settings[key]]
VARIATIONS = {variation.name: variation for variation in variations(analysis)}  # one trained ratio each
RATIOS = [*PROCESSES, *VARIATIONS]
SHARING = [name for name in PROCESSES if name in analysis.ensembles.joint]  # share networks, whatever order was given
SINGLE = [name for name in PROCESSES if name not in SHARING]
EFFECTS = to_data(declared_effects(analysis))
GROUPS = groups(analysis)
SHAPES = {}  # systematic: its variations
for variation in VARIATIONS.values():
    SHAPES.setdefault(variation.systematic, []).append(variation)
NULLS = {null.systematic: null for null in null_variations(analysis)}  # whose noise is measured
VARIED = {(source.sample, f"{source.systematic}-{source.direction}"): source for source in varied_sources(analysis)}
JOINT_SOURCES = {(source.sample, f"{source.systematic}-joint"): source for source in joint_sources(analysis)}
JOINT_POINTS = {point.name: point for point in joint_points(analysis)}  # nuisance parameters varied together
SOURCES = {sample["name"]: sample for sample in settings["samples"]}
if analysis.observed:
    SOURCES["observed"] = settings["observed"]
DATA = ["asimov", *(["observed"] if analysis.observed else [])]
# Toys and belts know the data set whose conditional fit they are made at; "any" where they depend on none.
CONDITIONAL = analysis.belts.nuisances == "conditional" and bool(NUISANCES)
BELTS = {data: data if CONDITIONAL else "any" for data in DATA}
LEVELS = analysis.belts.levels
POINTS = {f"{mu:g}": mu for mu in analysis.belts.points}
AUDIT_POINTS = {f"{mu:g}": mu for mu in (analysis.audit.points if analysis.audit else [])}
TRUTHS = {  # values of the nuisance parameters at which experiments are simulated
    "_".join(f"{name}={value:g}" for name, value in alpha.items()) or "nominal": alpha
    for alpha in (analysis.audit.nuisances if analysis.audit else [])
}
BATCHES = range(analysis.belts.batches)
BASELINES = {baseline["name"]: baseline for baseline in settings["baselines"]}

ORACLE = bool(analysis.oracle)
# Modules that are chosen by name and reached by no import, for digests of code: a rule names those that its jobs use.
EXACT = [SIMULATORS.module(analysis.oracle.model)] if analysis.oracle else []
LAYERS = ARCHITECTURES.module(analysis.training.architecture)
VARIATION_LAYERS = ARCHITECTURES.module(analysis.variations.training.architecture)
LABELLED = ("parameters", "processes", "observables")  # sections whose entries have a label
THRESHOLDS = settings["diagnostics"]["thresholds"]
LABELS = to_data(labels_of(analysis))  # the words of the pictures

SCRIPTS = RULES.parent / "scripts"

STORE = {  # one sample as memory-mapped arrays
    "features": "features.npy",
    "observables": "observables.npy",
    "weights": "weights.npy",
    "ids": "ids.npy",
    "info": "sample.json",
}


# Said once and before anything is submitted; Snakemake itself would end in a traceback.
onstart:
    try:
        require_writable(R)
    except SteelyardError as error:
        raise WorkflowError(str(error)) from None


wildcard_constraints:
    likelihood="(oracle/)?",
    sample="|".join(map(re.escape, SOURCES)),
    ratio="|".join(map(re.escape, RATIOS)),
    systematic="|".join(map(re.escape, SHAPES)) or "none",
    process="|".join(map(re.escape, PROCESSES)),
    variation="|".join(map(re.escape, VARIATIONS)) or "none",
    varied=r"\w+-(up|down|joint)",
    joint="|".join(map(re.escape, JOINT_POINTS)) or "none",
    truth="|".join(map(re.escape, TRUTHS)) or "none",
    baseline="|".join(map(re.escape, BASELINES)) or "none",
    data="asimov|observed",
    belt="asimov|observed|any",
    point=r"[0-9.e+-]+",
    member=r"\d+",
    part=r"\d+",
    batch=r"\d+",


def varied_source(sample, varied):
    """What is read of a sample for a side of a systematic or for a joint point."""
    return (JOINT_SOURCES if varied.endswith("-joint") else VARIED)[sample, varied]


@functools.cache
def event_files(sample, varied=None):
    """The files and addresses of a sample, or of a varied source: those of its sample, unless it names its own."""
    source, files = SOURCES[sample], varied_source(sample, varied).files if varied else None
    if files is None and source.get("simulate"):
        return expand(f"{R}/ntuples/{sample}/part-{{part}}.root", part=range(source["simulate"]["parts"]))
    return expand_files(files or source["files"])


def ntuples(wildcards):
    """The files of a sample, or of a varied source, that can be looked at: simulated here, or the user's local ones."""
    files = event_files(wildcards.sample, wildcards.get("varied"))
    return [file for file in files if "://" not in file]


def readers(wildcards):
    """The modules that read a sample or a varied source, for the digest of their code."""
    files = event_files(wildcards.sample, wildcards.get("varied"))
    return sorted({READERS.module(kind_of(file)) for file in files})


def simulated_by(wildcards):
    """The module of the simulator that a sample comes from, for the digest of its code."""
    return SIMULATORS.module(SOURCES[wildcards.sample]["simulate"]["model"])


def members(ratio):
    """Numbers of the ensemble's members of a ratio."""
    return range(analysis.variations.members if ratio in VARIATIONS else analysis.ensembles.members)


def trained_as(ratio):
    """The folder of a ratio's networks: its own, or that of the processes which share them."""
    return "joint" if ratio in SHARING else ratio


def request(mem_mb, minutes):
    """What a rule's jobs ask a cluster for, said here and in no profile: n times as much in the nth attempt.

    HTCondor has words of its own for both, which Snakemake drops elsewhere, where they are None.
    """

    def on_htcondor(number):
        return lambda wildcards, attempt: (
            number * attempt if getattr(workflow.executor_plugin, "name", None) == "htcondor" else None
        )

    return {
        "mem_mb": lambda wildcards, attempt: mem_mb * attempt,
        "runtime": lambda wildcards, attempt: minutes * attempt,
        "htcondor_request_mem_mb": on_htcondor(mem_mb),
        "classad_MaxRuntime": on_htcondor(60 * minutes),  # seconds
    }


def same_machine(stage, pack):
    """What a profile sets for a stage (GPUs, memory, time) holds for the rules of all its packs."""
    getattr(rules, f"{stage}{pack.suffix}").rule.resources = getattr(rules, stage).rule.resources


def varied_stores(systematic, name, *directions):
    """One file of every varied store of a systematic, of one direction or of both, in the order of ``VARIED``."""
    return [
        f"{R}/samples/{sample}/variations/{varied}/{STORE[name]}"
        for (sample, varied), source in VARIED.items()
        if source.systematic == systematic and (not directions or source.direction in directions)
    ]


def single_stores(joint, name):
    """One file of the stores with the nuisance parameters of a joint point off one at a time, as its ``sources``."""
    return [
        f"{R}/samples/{sample}/variations/{systematic}-{direction}/{STORE[name]}"
        for sample, systematic, direction in JOINT_POINTS[joint].sources
    ]


def joint_stores(joint, name):
    """One file of the stores of a joint point."""
    return [
        f"{R}/samples/{sample}/variations/{varied}/{STORE[name]}"
        for (sample, varied), source in JOINT_SOURCES.items()
        if source.systematic == joint
    ]


def systematic_inputs(scores):
    """What a model needs of the systematics: yields of the varied events, and the log ratios of the variations."""
    return {
        "varied": [f"{R}/samples/{sample}/variations/{varied}/{STORE['info']}" for sample, varied in VARIED],
        "variations": [f"{scores}/{sample}/systematics/{name}.npy" for sample in SAMPLES for name in SHAPES],
    }


@functools.cache
def _variation_stores(name):
    variation = VARIATIONS[name]
    carriers = [sample for sample in SAMPLES if variation.process in SOURCES[sample]["weights"]]
    return {
        **{key: [f"{R}/samples/{sample}/{file}" for sample in carriers] for key, file in STORE.items()},
        **{f"varied_{key}": varied_stores(variation.systematic, key, variation.direction) for key in STORE},
    }


def variation_stores(wildcards):
    """Input function: stores of the samples that carry the process of a variation, and the varied stores.

    One function for all files, not one for each: at 8,000 networks they are a tenth of a dry run.
    """
    return _variation_stores(wildcards.variation)


def null_settings(systematic):
    """What the training of a null variation depends on; not which other systematics it stands for."""
    return {key: value for key, value in dataclasses.asdict(NULLS[systematic]).items() if key != "alike"}


def null_ensembles(null):
    """The learned ratios that the weights of a null variation are compared with; events have none."""
    names = [f"{process}-{null.systematic}-{null.direction}" for process in null.coefficients]
    return [f"{R}/ensembles/{name}.pt" for name in names] if null.kind == "weights" else []


def reading(wildcards):
    """What decides how a sample's tree is read; labels and simulation settings do not."""
    return {
        key: value for key, value in SOURCES[wildcards.sample].items() if key not in ("files", "simulate", "labels")
    }


def stores(*names, samples=SAMPLES):
    """Files of all simulated samples' stores, so that a stage depends on just what it reads."""
    return {name: expand(f"{R}/samples/{{sample}}/{STORE[name]}", sample=samples) for name in names}


def expected_toys(likelihood):
    """The file of the toys at the nominal value that are tested at the lower bound, if there are to be any."""
    return f"{R}/{likelihood}toys/expected.npz" if analysis.belts.expected_toys else []


@functools.cache
def code(script, *modules):
    """A digest of a script and of the library modules that it calls, so that a change of either runs its jobs again."""
    local = SCRIPTS / f"{script}.py"
    return code_digest(
        *modules, script=local if local.exists() else Path(workflow.source_path(f"../scripts/{script}.py"))
    )


def wordless(items):
    """Entries of the configuration without what only pictures say, so that another label reruns nothing else."""
    return [{key: value for key, value in item.items() if key != "label"} for item in items]


def section(*names):
    """The parts of the configuration that a rule depends on."""
    return {name: wordless(settings[name]) if name in LABELLED else settings[name] for name in names}


def untracked(name):
    """A part of the configuration that changes no file of the jobs which need it: another value reruns nothing.

    Snakemake records no parameter that is a function of the output.
    """
    return lambda wildcards, output: settings[name]


def figure(key, name, caption, category, **labels):
    """Outputs of one picture: the PNG, shown in the report with its caption, and the PDF beside it."""
    shown = report(f"{R}/plots/{name}.png", caption=f"../report/{caption}.rst", category=category, labels=labels)
    return {key: shown, f"{key}_pdf": f"{R}/plots/{name}.pdf"}
