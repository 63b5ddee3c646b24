# The configuration, validated before any job is known, and the names that follow from it.

import re

from snakemake.exceptions import WorkflowError

from steelyard.configuration import strict_yaml
from steelyard.configuration import resolve
from steelyard.errors import SteelyardError
from steelyard.plots.labels import labels_of
from steelyard.provenance import code_digest
from steelyard.results import to_data

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
RATIOS = PROCESSES
SOURCES = {sample["name"]: sample for sample in settings["samples"]}
if analysis.observed:
    SOURCES["observed"] = settings["observed"]
DATA = ["asimov", *(["observed"] if analysis.observed else [])]
LEVELS = analysis.belts.levels
POINTS = {f"{mu:g}": mu for mu in analysis.belts.points}
AUDIT_POINTS = {f"{mu:g}": mu for mu in (analysis.audit.points if analysis.audit else [])}
BATCHES = range(analysis.belts.batches)
BASELINES = {baseline["name"]: baseline for baseline in settings["baselines"]}

ORACLE = bool(analysis.oracle)
THRESHOLDS = settings["diagnostics"]["thresholds"]
LABELS = to_data(labels_of(analysis))  # the words of the pictures

STORE = {  # one sample as memory-mapped arrays
    "features": "features.npy",
    "observables": "observables.npy",
    "weights": "weights.npy",
    "ids": "ids.npy",
    "info": "sample.json",
}


wildcard_constraints:
    likelihood="(oracle/)?",
    sample="|".join(map(re.escape, SOURCES)),
    ratio="|".join(map(re.escape, RATIOS)),
    baseline="|".join(map(re.escape, BASELINES)) or "none",
    data="asimov|observed",
    point=r"[0-9.e+-]+",
    member=r"\d+",
    part=r"\d+",
    batch=r"\d+",


def ntuples(wildcards):
    """The ROOT files of a sample that can be looked at: simulated here, or the user's local ones."""
    source = SOURCES[wildcards.sample]
    if source.get("simulate"):
        return expand(f"{R}/ntuples/{wildcards.sample}/part-{{part}}.root", part=range(source["simulate"]["parts"]))
    from steelyard.data.trees import expand as expand_files  # not above: it brings all of dask and uproot

    return [file for file in expand_files(source["files"]) if "://" not in file]


def reading(wildcards):
    """What decides how a sample's tree is read; labels and simulation settings do not."""
    return {
        key: value for key, value in SOURCES[wildcards.sample].items() if key not in ("files", "simulate", "labels")
    }


def stores(*names, samples=SAMPLES):
    """Files of all simulated samples' stores, so that a stage depends on just what it reads."""
    return {name: expand(f"{R}/samples/{{sample}}/{STORE[name]}", sample=samples) for name in names}


def section(*names):
    """The parts of the configuration that a rule depends on."""
    return {name: settings[name] for name in names}


def figure(key, name, caption, category, **labels):
    """Outputs of one picture: the PNG, shown in the report with its caption, and the PDF beside it."""
    shown = report(f"{R}/plots/{name}.png", caption=f"../report/{caption}.rst", category=category, labels=labels)
    return {key: shown, f"{key}_pdf": f"{R}/plots/{name}.pdf"}
