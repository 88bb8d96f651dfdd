# `make install`, `make demo` and `make test` are all a newcomer needs; `make help` lists the rest.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
PORT ?= 8501
DRIFTDECK_HOME ?= ./driftdeck-home
PYTEST_FLAGS ?=
LOCK_FLAGS ?=
BIG ?= build/big

BIN := .venv/bin
STAMP := .venv/.installed
QUICK := not browser and not slow and not soak
# quick tests put their homes into memory where there are 2 GB of it, and leave them there if they fail: on a disk they wait for it
MEMORY := $(shell test -w /dev/shm && test "$$(df -k --output=avail /dev/shm | tail -n 1)" -gt 2000000 && echo /dev/shm)
# two workers, a file to each, in the order that tests/conftest.py gives: what a file has built is built once
PYTEST := $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

# what is compiled is kept: tests start hundreds of processes, each of which would compile all of it again
unexport PYTHONDONTWRITEBYTECODE

# uv must use the Python that is there, and the index that pip has been told to use
export UV_PYTHON_DOWNLOADS := never
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

.PHONY: help install demo test check lint format bench screenshots soak lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 14

install: $(STAMP) ## build .venv from constraints.txt, with driftdeck in .venv/bin

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v < (3, 14) or sys.exit("Driftdeck needs Python 3.11 to 3.13, and $(PYTHON) is %d.%d: make install PYTHON=python3.12" % v)'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -b constraints.txt -e '.[dev]'
	@touch $@

demo: install ## build the flights workspace (once) and serve it on PORT
	$(BIN)/driftdeck --home "$(DRIFTDECK_HOME)" demo --port $(PORT)

lint: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check --output-format concise
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: install ## let ruff put the code in shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

check: lint ## linters, types, layers and the quick tests
	$(if $(MEMORY),export TMPDIR=$$(mktemp -d -p $(MEMORY) driftdeck-XXXXXX);) \
	$(PYTEST) -m "$(QUICK)" --ignore tests/browser --durations=10 --durations-min=2 $(PYTEST_FLAGS) \
	$(if $(MEMORY),&& rm -rf "$$TMPDIR")

test: lint ## everything but the soak: linters, then every test once, quick ones first
	@.ci/debian-packages
	$(PYTEST) --continue-on-collection-errors $(PYTEST_FLAGS)

bench: install ## the figures the documentation quotes
	$(BIN)/python -m benchmarks

screenshots: install ## every page of the demo and of a home of 50 models × 200 features × 90 days (made once, in half an hour)
	@.ci/debian-packages
	$(BIN)/python -m docs.screenshots
	@test -d $(BIG) || { rm -rf $(BIG).new; $(BIN)/python -m benchmarks.dashboard --part build --home $(BIG).new && mv $(BIG).new $(BIG); }
	$(BIN)/python -m docs.screenshots --big $(BIG)

soak: install ## the long runs
	$(BIN)/pytest -m soak --timeout=0 $(PYTEST_FLAGS)

lock: ## recompile constraints.txt (newest versions: LOCK_FLAGS=--upgrade)
	@test -x $(BIN)/uv || $(MAKE) install
	printf '%s\n' pip setuptools uv wheel | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	  --no-emit-index-url --no-header --no-annotate --all-extras pyproject.toml - --output-file constraints.txt $(LOCK_FLAGS)

clean: ## remove .venv, caches and build output; a workspace is never touched
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './driftdeck-home/*' -prune -exec rm -rf {} +
