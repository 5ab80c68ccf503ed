# Everything there is to do, for a machine with Python 3.11 or newer, pip and make; uv is used where it is.
# A target sets up what it needs first (.venv, from pinned lists) and starts at once the next time.

PYTHON ?= python3
VENV   ?= .venv
DIR    ?= .
ARGS   ?=
EXAMPLES ?= 20000
bin    := $(VENV)/bin

# Without bytecode each of the hundreds of processes that tests start would compile the program anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo run test test-all check units bench torture siege powercut screenshots reference wheel pins clean app-env dev-env

help:  ## say what can be done here
	@sed -n 's/^\([a-z-]*\):.*##/\1:/p' $(firstword $(MAKEFILE_LIST)) | while IFS=: read -r target text; \
	    do printf '  make %-12s%s\n' "$$target" "$$text"; done

demo: app-env  ## the bundled sample in the console; without a terminal, ten seconds of it as JSON lines
	@if [ -t 0 ] && [ -t 1 ]; then exec $(bin)/kiket-console demo $(ARGS); \
	    else exec $(bin)/kiket-console demo --headless --seconds 10 $(ARGS); fi

run: app-env  ## your own project: make run DIR=path/to/project
	@exec $(bin)/kiket-console "$(DIR)" $(ARGS)

test: dev-env  ## all checks and tests, as CI runs them, beside each other
	@$(MAKE) --no-print-directory -j2 check units

check: dev-env  ## format, lint, types and layers
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	for sample in marketing modules; do (cd assets/samples/$$sample && \
	    $(abspath $(bin))/mypy --config-file $(abspath pyproject.toml) --no-error-summary \
	        --cache-dir $(abspath .mypy_cache) .) || exit; done
	$(bin)/lint-imports

units: dev-env  ## the tests alone; ARGS goes to pytest: make units ARGS="tests/kiket_sdk -n 0"
	$(bin)/python -m pytest -n 3 $(ARGS)

test-all: check  ## the tests on each Python 3.11 … 3.13 that is there, or on PYTHONS="…"
	@pythons=$$(PYTHONS="$(PYTHONS)" packaging/pythons.sh) && for python in $$pythons; do \
	    minor=$$($$python -c 'import sys; print("3.%d" % sys.version_info[1])'); \
	    echo "== Python $$minor ($$python)"; \
	    $(MAKE) --no-print-directory units PYTHON="$$python" VENV=".venv-$$minor" || exit; \
	done

bench: dev-env  ## measure; one JSON document on stdout: make bench ARGS=--quick
	@$(bin)/python -m tests.benchmarks $(ARGS)

torture: dev-env  ## kill everything at random, and count what is lost: make torture ARGS="--kills 1000 --minutes 15"
	@$(bin)/python -m tests.torture $(ARGS)

siege: dev-env  ## send hostile bytes and crowds to every port: make siege EXAMPLES=20000
	@KIKET_TORTURE_EXAMPLES=$(EXAMPLES) KIKET_TORTURE_SILENT=10000 KIKET_TORTURE_STARTS=100 \
	    KIKET_TORTURE_REFUSALS=500 \
	    $(bin)/python -m pytest -q tests/faults tests/kiket_core/test_guard_fuzz.py \
	        tests/kiket_console/engine/orchestrator/test_rust_like.py $(ARGS)

powercut: dev-env  ## pull the plug on a disk of its own, as root: make powercut ARGS="--cuts 20"
	@$(bin)/python -m tests.torture.powercut $(ARGS)

screenshots: dev-env  ## write screenshots/ from the running program
	$(bin)/python packaging/screenshots.py $(ARGS)

reference: dev-env  ## write the man page and the reference pages of docs/ from the program
	$(bin)/python packaging/reference.py

wheel: dev-env  ## build dist/*.whl and dist/*.tar.gz
	$(bin)/python -m hatchling build -d dist

pins:  ## pin the requirements again; ARGS=--upgrade moves them (needs uv)
	@command -v uv >/dev/null || { echo "Pinning needs uv: $(PYTHON) -m pip install uv" >&2; exit 2; }
	packaging/requirements/compile.sh $(ARGS)

clean:  ## remove the environments, builds and caches
	rm -rf .venv .venv-* dist build .mypy_cache .ruff_cache .hypothesis .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

app-env:
	@$(PYTHON) packaging/environment.py --venv $(VENV) --set app

dev-env:
	@$(PYTHON) packaging/environment.py --venv $(VENV) --set dev
