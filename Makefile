# Needs Python 3.11+, make and git. Everything else is installed into .venv from the checked-in locks.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := .uv/bin/uv
UV_VERSION := 0.13.8
CASES ?= 200
SEED ?= 1
STAMP := $(VENV)/.installed

.PHONY: help setup demo test check test-all test-slow test-vision conformance soak bench lock protos schema clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "%-14s %s\n", $$1, $$2}'

setup: $(STAMP) ## Make the virtual environment from the locks

$(STAMP): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info[:2] in ((3, 11), (3, 12), (3, 13)) else f"ictogram needs Python 3.11 to 3.13; {sys.executable} is {sys.version.split()[0]}. Say which one to use: make PYTHON=python3.11 …")'
	@test -x $(UV) || { $(PYTHON) -m venv .uv && .uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); }
	@test -x $(BIN)/python || $(UV) venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## A phantom seizure from upload to report; ARGS=--exit stops at once afterwards
	@$(BIN)/ictogram demo $(ARGS)

test: setup check ## Everything that proves the product in about ten minutes
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m "not slow and not vision and not bench and not soak and not conformance" $(ARGS)

check: setup ## Style, types, layers, contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "Run: $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@cd protos && ../$(BIN)/buf lint
	@PYTHON=$(BIN)/python bash protos/check_generated.sh

test-slow: setup ## What takes longer: every fault one by one, long videos, larger phantom sets
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m "slow and not vision" $(ARGS)

VISION := $(VENV)/.vision
$(VISION): $(STAMP) requirements/vision.lock
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes --no-deps -r requirements/vision.lock
	@touch $@

test-vision: $(VISION) ## What needs torch; installs the extra `vision` first (5 GB)
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m "vision and not slow and not conformance" $(ARGS)

test-all: test test-slow test-vision ## All three, and what is slow and needs torch
	@$(BIN)/python -m pytest -q -m "vision and slow and not conformance" $(ARGS)

conformance: setup ## The same journey on RabbitMQ, on Postgres 15 and 16, on an S3 server; installs them first
	@UV=$(UV) bash tests/conformance/install.sh stores
	@$(BIN)/python -m pytest -q -m "conformance and not vision" tests/conformance $(ARGS)

conformance-vision: $(VISION) ## A case through SAM 2 views and a real vLLM on the processor; installs them first (10 GB)
	@UV=$(UV) bash tests/conformance/install.sh vllm
	@$(BIN)/python -m pytest -q -m "conformance and vision" tests/conformance $(ARGS)

soak: setup ## Random kills: make soak CASES=200 SEED=1 (half an hour)
	@SOAK_CASES=$(CASES) SOAK_SEED=$(SEED) $(BIN)/python -m pytest -q -m soak tests/soak $(ARGS)

bench: setup ## Ratios within one run, printed; see docs/benchmarks.md
	@$(BIN)/python -m pytest -q -s -m bench tests/bench $(ARGS)

lock: setup ## Rewrite requirements/*.lock after a change of dependencies
	@UV=$(UV) bash requirements/lock.sh

protos: setup ## Regenerate protos/gen
	@PYTHON=$(BIN)/python bash protos/generate.sh

clean: ## Remove what the targets made (never data)
	@rm -rf $(VENV) .uv demo-output .pytest_cache .mypy_cache .ruff_cache .hypothesis
