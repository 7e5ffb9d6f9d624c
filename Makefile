# Every target works on a fresh machine with Python 3.11+ and make; uv is used when it is there.
PYTHON ?= python3
BIN := .venv/bin
SEED ?= 1
MINUTES ?= 1
UV := $(shell command -v uv 2>/dev/null)
# Of the environment that is being made: its locks are what it depends on.
LOCKS = $(filter %.lock,$^)
PIP = $(@D)/bin/python -m pip --quiet --quiet --disable-pip-version-check --no-input

.PHONY: help setup demo test interop browser screenshots alerts faults bench check format lock clean

help:            ## show what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/ready ## make .venv, in which `dispatcher` and `celery` run

.venv/ready: requirements.lock pyproject.toml
.venv-bench/ready: requirements.lock benchmarks/requirements.lock pyproject.toml

# Without `ready` an earlier attempt was interrupted and may have left half a package: begin anew.
.venv/ready .venv-bench/ready:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "$(PYTHON) is not Python 3.11 or newer: name one that is, as in" \
	        "\`make setup PYTHON=python3.12\`." >&2; exit 1; }
	@echo "Setting up $(@D): fetching the packages of $(LOCKS) ..."
ifneq ($(UV),)
	@[ -e $@ ] && $(@D)/bin/python -c '' 2>/dev/null \
	    || $(UV) venv --quiet --clear --python "$$(command -v $(PYTHON))" $(@D)
	@rm -f $@
	@VIRTUAL_ENV=$(@D) $(UV) pip sync --quiet --require-hashes $(LOCKS)
	@VIRTUAL_ENV=$(@D) $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
else
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$(PYTHON) cannot make virtual environments: install its venv package" \
	        "(Debian and Ubuntu: \`apt install python3-venv\`), or uv." >&2; exit 1; }
	@[ -e $@ ] && $(@D)/bin/python -c 'import pip' 2>/dev/null || $(PYTHON) -m venv --clear $(@D)
	@rm -f $@
	@$(PIP) install --require-hashes $(addprefix -r ,$(LOCKS))
	@$(PIP) install --no-deps --no-build-isolation --editable .
endif
	@touch $@
	@echo "Done: \`. $(@D)/bin/activate\` puts \`dispatcher\` and \`celery\` on your PATH."

demo: setup      ## a campaign of 200,000 members on this machine, with proof; CONSOLE=1: to look at
	@$(BIN)/dispatcher demo $(if $(CONSOLE),--console)

test: setup      ## all tests; they bring their own servers
	@$(BIN)/pytest -q -n 3 --dist worksteal --ignore tests/interop --ignore tests/browser

interop: setup   ## tests with Debian's PgBouncer and RabbitMQ, which have to be installed
	@$(BIN)/python -m tests.interop.debian
	@$(BIN)/pytest -q -n 2 --dist loadfile tests/interop

browser: setup   ## tests of the console in Debian's chromium, which has to be installed
	@$(BIN)/python -m tests.browser.chromium
	@$(BIN)/pytest -q -n 2 --dist loadfile tests/browser

screenshots: setup ## the pictures in docs/images, of the console's demonstration
	@$(BIN)/python -m tests.browser.chromium
	@$(BIN)/python -m tests.browser.screenshots

alerts:          ## the alert rules, by promtool of Debian's package prometheus
	@command -v promtool >/dev/null || { \
	    echo "promtool is missing: \`apt install --no-install-recommends prometheus\`." >&2; exit 1; }
	@promtool check config --syntax-only monitoring/prometheus.yml
	@promtool test rules monitoring/alerts_test.yml

faults: setup    ## a campaign under random faults: make faults SEED=7 MINUTES=5
	@$(BIN)/python -m tests.faults.nemesis --seed $(SEED) --minutes $(MINUTES)

bench: .venv-bench/ready ## benchmarks beside their peers: make bench QUICK=1, make bench ONLY=send
	@.venv-bench/bin/python -m benchmarks $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

check: setup     ## what the gate runs: format, lint, types, floors, tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(MAKE) --no-print-directory test

format: setup    ## put the code into its form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock:            ## resolve the dependencies again into the two locks (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --extra console --extra embedded --extra monitoring --extra tracing --extra xlsx --extra dev pyproject.toml --output-file requirements.lock --upgrade
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --constraint requirements.lock benchmarks/requirements.in \
	    --output-file benchmarks/requirements.lock --upgrade

clean:           ## remove .venv and everything that tools left
	rm -rf .venv .venv-bench dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
