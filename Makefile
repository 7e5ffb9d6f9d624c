# Every target works on a fresh machine with Python 3.11+ and make; uv is used when it is there.
PYTHON ?= python3
BIN := .venv/bin
EXTRAS := embedded,monitoring,dev
UV := $(shell command -v uv 2>/dev/null)

.PHONY: help setup demo test check format lock clean

help:            ## show what can be made
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup: .venv/ready ## make .venv, in which `dispatcher` and `celery` run

.venv/ready: requirements.lock pyproject.toml
	@echo "Setting up .venv (once) ..."
ifneq ($(UV),)
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	@VIRTUAL_ENV=.venv $(UV) pip sync --quiet --require-hashes requirements.lock
	@VIRTUAL_ENV=.venv $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
else
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
endif
	@touch $@

demo: setup      ## a campaign of 200,000 members on this machine, with proof
	@$(BIN)/dispatcher demo

test: setup      ## all tests; they bring their own servers
	@$(BIN)/pytest -q

check: setup     ## what the gate runs: format, lint, types, floors, tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(MAKE) --no-print-directory test

format: setup    ## put the code into its form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock:            ## resolve the dependencies again into requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --extra embedded --extra monitoring --extra dev pyproject.toml --output-file requirements.lock --upgrade

clean:           ## remove .venv and everything that tools left
	rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
