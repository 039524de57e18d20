# make demo      installs pdnb into .venv and opens the demo
# make test      style, types and every test, browser included, and the lines covered; installs Chromium on Debian
# make lint      style and types only
# make js        the front end: checks js/ and builds pdnb/static/pdnb.js from it (needs Node 20)
# make coverage  every test but those in a browser, and which lines none of them reaches
# make matrix    every test but those in a browser, on every other Python from 3.11 on; SUITE=laws: the essential ones
# make soak      what takes an hour: long histories of the simulator, 100,000 pauses in a year, make chaos
# make chaos     10,000 SIGKILLs on kernels, workers and servers (half an hour); make test runs a small part
# make bench     the benchmarks
# make audit     known holes in the installed packages (asks the network)
# make clean     removes all that the others made

PYTHON3 ?= python3
PYTHON := .venv/bin/python
# Tests wait more than they compute; a file's tests stay together, because they share what is expensive to set up.
# The browser's tests come one after the other: a JupyterLab and a Chromium fill a small machine.
WORKERS ?= 4
# The tests' stores lie in memory where there is room: what is flushed there costs nothing (chaos and benchmarks use the disk).
IN_MEMORY := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 { print "TMPDIR=/dev/shm" }')
PYTEST := $(IN_MEMORY) $(PYTHON) -m pytest --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder
# The lines that pytest's own processes execute; the workers, kernels and servers that tests start are not measured.
# From Python 3.12 on it is measured by sys.monitoring, which costs next to nothing.
MEASURED := COVERAGE_CORE=$$($(PYTHON) -c 'import sys; print("sysmon" if sys.version_info >= (3, 12) else "ctrace")')
SUITE ?= core
PIP_INSTALL := $(PYTHON) -m pip --disable-pip-version-check install -qq

.DEFAULT_GOAL := test
.DELETE_ON_ERROR:
.PHONY: demo test lint coverage matrix soak chaos bench audit clean chromium

demo: .venv/demo.stamp
	$(PYTHON) -m pdnb.cli.demo

test: lint js-check chromium
	$(MEASURED) $(PYTEST) --ignore=tests/browser --cov --cov-report=
	$(IN_MEMORY) $(PYTHON) -m pytest tests/browser
	@echo "$$($(PYTHON) -m coverage report --format=total) % of pdnb's lines are executed by the tests' own processes"

lint: .venv/test.stamp
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy

coverage: .venv/test.stamp
	$(MEASURED) $(PYTEST) --ignore=tests/browser --cov --cov-report=term-missing:skip-covered

matrix:
	$(IN_MEMORY) .ci/matrix $(SUITE)

soak: .venv/test.stamp
	$(PYTHON) -m tests.simulator.simulator --seeds 1000 --steps 400
	$(PYTHON) -m benchmarks.year
	$(PYTHON) -m tests.chaos

chaos: .venv/test.stamp
	$(PYTHON) -m tests.chaos

bench: .venv/test.stamp
	$(PYTHON) -m benchmarks

# CVE-2025-69872 is diskcache's pickle; pdnb's store keeps JSON text only and refuses every other row.
# Strict, because a package that could not be looked up is not a package without holes.
audit: .venv/test.stamp
	$(PYTHON) -m pip list --exclude-editable --format=freeze > .venv/installed.txt
	$(PYTHON) -m pip_audit --strict --disable-pip --no-deps -r .venv/installed.txt --ignore-vuln CVE-2025-69872

clean:
	rm -rf .venv .venv-3.* .coverage* build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache test-results
	find pdnb tests -name __pycache__ -prune -exec rm -rf {} +

$(PYTHON):
	@$(PYTHON3) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "pdnb needs Python 3.11 or later: make PYTHON3=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON3) -m venv .venv \
	  || { rm -rf .venv; echo "no virtual environment could be made: on Debian, apt-get install python3-venv" >&2; exit 1; }

# A stamp is younger than these exactly when what they ask for is installed; jupyter-config is copied into .venv.
INSTALLED := pyproject.toml $(shell find jupyter-config -type f)

.venv/demo.stamp: $(INSTALLED) | $(PYTHON)
	@echo "installing pdnb and JupyterLab into .venv (half a minute)"
	@$(PIP_INSTALL) -e '.[demo]'
	@touch $@

.venv/test.stamp: $(INSTALLED) | $(PYTHON)
	@echo "installing pdnb and its test tools into .venv (half a minute)"
	@$(PIP_INSTALL) -e '.[test,dev]'
	@touch $@

chromium:
	@command -v chromium >/dev/null || { \
	  command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] || { \
	    echo "The browser tests drive Chromium, which is missing here. Install it and try again; on Debian:" >&2; \
	    echo "  sudo apt-get install chromium fonts-dejavu-core" >&2; exit 1; }; \
	  echo "The browser tests drive Chromium, which is missing here. Installing with apt-get, and what these depend on:"; \
	  echo "  chromium             the browser"; \
	  echo "  fonts-dejavu-core    a font that it can show text in"; \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
	    apt-get -qq install -y --no-install-recommends chromium fonts-dejavu-core >/dev/null; }

# -- the front end: pdnb/static/pdnb.js is built from js/src; users need no Node --

NODE_MODULES := js/node_modules/.package-lock.json
.PHONY: js js-check clean-js

js: $(NODE_MODULES)
	cd js && npm run --silent check && npm run --silent build

# A part of make test. Debian's Node is installed if there is none; where it cannot be, make says what is left out.
js-check:
	@command -v npm >/dev/null || ! command -v apt-get >/dev/null || [ "$$(id -u)" != 0 ] || { \
	  echo "installing Node.js for the front end's own tests"; \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
	    apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null; }
	@if command -v npm >/dev/null && node -e 'process.exit(+(parseInt(process.versions.node) < 20))'; \
	  then $(MAKE) --no-print-directory js/node_modules/.checked; \
	  else echo "no Node.js 20 here: the front end's own tests are skipped"; fi

js/node_modules/.checked: $(NODE_MODULES) $(shell find js -name node_modules -prune -o -type f -print)
	@cd js && npm run --silent check
	@touch $@

$(NODE_MODULES): js/package.json js/package-lock.json js/.npmrc
	@echo "installing the front end's tools into js/node_modules"
	@cd js && npm ci --silent
	@touch $@

clean: clean-js
clean-js:
	rm -rf js/node_modules
