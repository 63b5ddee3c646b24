# make run   the environment and the main job on the embedded analysis
# make test  the environment and the tests
# make plan  how many jobs, GPU hours and CPU hours a run will take, by stage, from what earlier ones took
# make report  the pictures and tables of the last run as one HTML page
# make rulegraph  docs/rulegraph.md, the picture of the rules
# Options go to snakemake through ARGS: make run ARGS="-n", make run ARGS="--configfile my.yaml"

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
ANALYSIS ?= offshell4l
PROFILE ?= profiles/default
export OMP_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1

.PHONY: run plan test check report rulegraph environment
.DEFAULT_GOAL := run

environment: $(VENV)/complete

# A changed pin makes the environment again; an unchanged one is reused.
$(VENV)/complete: envs/requirements.txt envs/constraints.txt envs/dev.txt pyproject.toml
	@echo "Making the environment in $(VENV) (minutes, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		-r envs/requirements.txt -r envs/dev.txt -c envs/constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m steelyard.statistics.engine
	@touch $@

run: environment
	@$(BIN)/snakemake --profile profiles/default $(ARGS)

# Nothing is run or submitted: make plan PROFILE=profiles/slurm ARGS="--configfile my.yaml"
plan: environment
	@$(BIN)/python -m steelyard.plan --profile $(PROFILE) $(ARGS)

# One HTML file with the result, the failing checks and all pictures; it opens without a network.
report: environment
	@$(BIN)/snakemake --profile profiles/default $(ARGS) \
		--report results/$(ANALYSIS)/report.html --report-stylesheet workflow/report/report.css

rulegraph: environment
	@$(BIN)/snakemake --quiet all --rulegraph mermaid-js \
		| $(BIN)/python -m steelyard.rulegraph workflow/rules > docs/rulegraph.new
	@mv docs/rulegraph.new docs/rulegraph.md

test: environment
	@$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

check: environment
	@$(BIN)/ruff check src tests workflow/scripts
	@$(BIN)/ruff format --check src tests workflow/scripts
	@$(BIN)/snakefmt --check --line-length 120 Snakefile workflow/rules
	@$(BIN)/snakemake --lint
