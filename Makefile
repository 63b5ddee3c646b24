# make run   the environment and the main job on the embedded analysis
# make test  the environment and the tests
# make plan  how many jobs, GPU hours and CPU hours a run will take, by stage, from what earlier ones took
# make report  the pictures and tables of the last run as one HTML page
# make rulegraph  docs/rulegraph.md, the picture of the rules
# make conda  envs/steelyard.yaml, for --software-deployment-method conda
# make check  what the tests check of the style: lint, format, types
# make slurm, make htcondor   your copy of the profile of a batch system, for snakemake --profile slurm
# Options go to snakemake through ARGS: make run ARGS="-n", make run ARGS="--configfile my.yaml"

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
ANALYSIS ?= $(shell sed -n 's/^analysis: *\([^ ]*\).*/\1/p' config/config.yaml)
PROFILE ?= profiles/default
export OMP_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1

.PHONY: run plan test check report rulegraph conda environment
.DEFAULT_GOAL := run

environment: $(VENV)/complete

# A changed pin makes the environment again; an unchanged one is reused.
$(VENV)/complete: envs/requirements.txt envs/constraints.txt envs/dev.txt pyproject.toml
	@echo "Making the environment in $(VENV) (minutes, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		-r envs/requirements.txt -r envs/dev.txt -c envs/constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m steelyard.runtime.precompile
	@touch $@

run: environment
	@$(BIN)/snakemake --cores all $(ARGS)

# Nothing is run or submitted: make plan PROFILE=profiles/slurm ARGS="--configfile my.yaml"
plan: environment
	@$(BIN)/python -m steelyard.runtime.plan --profile $(PROFILE) $(ARGS)

# One HTML file with the result, the failing checks and all pictures; it opens without a network.
report: environment
	@$(BIN)/snakemake --cores all $(ARGS) \
		--report results/$(ANALYSIS)/report.html --report-stylesheet workflow/report/report.css

rulegraph: environment
	@$(BIN)/snakemake --quiet all --rulegraph mermaid-js \
		| $(BIN)/python -m steelyard.runtime.rule_graph workflow/rules > docs/rulegraph.new
	@mv docs/rulegraph.new docs/rulegraph.md

# The pins of envs/*.txt as the file that Snakemake hands to conda.
conda: environment
	@$(BIN)/python envs/conda.py > envs/steelyard.new
	@mv envs/steelyard.new envs/steelyard.yaml

# Snakemake looks for --profile NAME in the working folder. Names of accounts and partitions go into the copy, which git
# ignores; made again, it is kept, and what has changed in the profile since is shown.
.PHONY: slurm htcondor
htcondor: | htcondor-plugin
slurm htcondor: environment
	@if test -e $@/config.yaml; then diff -u --label profiles/$@ --label $@ profiles/$@/config.yaml $@/config.yaml \
		&& echo "$@/config.yaml is there, as profiles/$@" || echo "$@/config.yaml is there, with these differences: kept"; \
	else cp -r profiles/$@ $@ \
		&& echo "Your profile is $@/config.yaml: write your site's names into it; docs/cluster.md says how to go on"; fi

.PHONY: htcondor-plugin
htcondor-plugin: environment
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r envs/htcondor.txt -c envs/constraints.txt

test: environment
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: environment
	@$(BIN)/ruff check src tests workflow/scripts envs
	@$(BIN)/ruff format --check src tests workflow/scripts envs
	@$(BIN)/mypy
	@$(BIN)/snakefmt --check --line-length 120 Snakefile workflow/Snakefile workflow/rules
	@$(BIN)/snakemake --lint
