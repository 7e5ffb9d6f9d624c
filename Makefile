# Every target works on a fresh machine with Python 3.11+ and make; uv is used when it is there.
PYTHON ?= python3
BIN := .venv/bin
SEED ?= 1
MINUTES ?= 1
UV := $(shell command -v uv 2>/dev/null)
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check --no-input

.PHONY: help setup demo test faults check format lock clean

help:            ## show what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/ready ## make .venv, in which `dispatcher` and `celery` run

# Without `ready` an earlier attempt was interrupted and may have left half a package: begin anew.
.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "$(PYTHON) is not Python 3.11 or newer: name one that is, as in" \
	        "\`make setup PYTHON=python3.12\`." >&2; exit 1; }
	@echo "Setting up .venv: fetching the packages of requirements.lock ..."
ifneq ($(UV),)
	@[ -e $@ ] && $(BIN)/python -c '' 2>/dev/null \
	    || $(UV) venv --quiet --clear --python "$$(command -v $(PYTHON))" .venv
	@rm -f $@
	@VIRTUAL_ENV=.venv $(UV) pip sync --quiet --require-hashes requirements.lock
	@VIRTUAL_ENV=.venv $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
else
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$(PYTHON) cannot make virtual environments: install its venv package" \
	        "(Debian and Ubuntu: \`apt install python3-venv\`), or uv." >&2; exit 1; }
	@[ -e $@ ] && $(BIN)/python -c 'import pip' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	@rm -f $@
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
endif
	@touch $@
	@echo "Done: \`. .venv/bin/activate\` puts \`dispatcher\` and \`celery\` on your PATH."

demo: setup      ## a campaign of 200,000 members on this machine, with proof
	@$(BIN)/dispatcher demo

test: setup      ## all tests; they bring their own servers
	@$(BIN)/pytest -q

faults: setup    ## a campaign under random faults: make faults SEED=7 MINUTES=5
	@$(BIN)/python -m tests.faults.nemesis --seed $(SEED) --minutes $(MINUTES)

check: setup     ## what the gate runs: format, lint, types, floors, tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(MAKE) --no-print-directory test

format: setup    ## put the code into its form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock:            ## resolve the dependencies again into requirements.lock (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --extra embedded --extra monitoring --extra dev pyproject.toml --output-file requirements.lock --upgrade

clean:           ## remove .venv and everything that tools left
	rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
