# Everything a contributor or CI runs. Needs Python 3.11 or later, git and make; the rest is installed into .venv.

.DEFAULT_GOAL := help
SHELL := /bin/bash

VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# The first interpreter of these that is 3.11 or later; make PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)

# A pytest process for each core; make test JOBS=0 runs all in one.
JOBS ?= auto
TESTS ?= --ignore=tests/integration --ignore=tests/matrix tests

.PHONY: help
help:  ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: $(BIN)/.test-installed  ## Train on handwritten digits twice in a scratch repository, and look at both runs
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/digits/demo.sh build/demo

.PHONY: test
test: $(BIN)/.test-installed  ## Run the tests (TESTS=tests/unit for some, JOBS=0 for one process)
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal $(TESTS)

.PHONY: check
check: lint types layers test  ## Everything that must hold: lint, types, layers, tests

.PHONY: fmt
fmt: $(BIN)/.dev-installed  ## Format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: lint
lint: $(BIN)/.dev-installed  ## Check formatting and style (ruff)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

.PHONY: types
types: $(BIN)/.dev-installed  ## Check types (mypy --strict)
	$(BIN)/mypy

.PHONY: layers
layers: $(BIN)/.dev-installed  ## Check that imports point down (import-linter)
	$(BIN)/lint-imports

.PHONY: docs
docs: $(BIN)/.test-installed  ## Bring the tree in ARCHITECTURE.md up to date, run every code block of the documents
	$(BIN)/python docs/tree.py
	$(BIN)/python -m pytest -q tests/docs

.PHONY: exactness
exactness: $(BIN)/.test-installed  ## Ask past runs of every script of tests/exactness, and write docs/exactness.md (SCRIPTS="gan kfold" for some)
	PYTHONPATH=tests $(BIN)/python -m exactness.report $(SCRIPTS)

.PHONY: bench
bench: $(BIN)/.test-installed .venv-bench/bin/.peers-installed .venv-bench/bin/.upstream-installed  ## Measure the figures of docs/performance.md, beside other trackers (BENCH="log --quick" for some)
	$(BIN)/python -m benchmarks $(BENCH)

.PHONY: test-integration
test-integration: $(BIN)/.test-installed  ## Run the suites that need programs of the system, or a machine for themselves
	$(BIN)/python -m pytest -q --timeout 1200 tests/integration

.PHONY: test-matrix
test-matrix: $(BIN)/.test-installed  ## Kill, resume and ask every script of tests/exactness at every moment and place: an hour or two
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal --timeout 3600 tests/matrix

# Every other Python that FlorDB supports and that is found here, without torch.
OTHER_PYTHONS := 3.12 3.13
HEAVY := torch|submitit|sklearn|matplotlib|nbclient|ipykernel|importlinter|lint-imports
.PHONY: test-pythons
test-pythons:  ## Run the tests that do without torch under Python 3.12 and 3.13, where these are installed
	@for version in $(OTHER_PYTHONS); do \
		python=$$(sh .ci/find-python $$version) || { echo "Python $$version: not installed here, not tested"; continue; }; \
		$(MAKE) --no-print-directory test-python-$$version PYTHON="$$python" || exit 1; \
	done

.PHONY: $(OTHER_PYTHONS:%=test-python-%)
$(OTHER_PYTHONS:%=test-python-%): test-python-%: .venv-%/bin/.test-core-installed
	.venv-$*/bin/python -m pytest -q -n $(JOBS) --dist worksteal \
		$$(grep -rlE '$(HEAVY)' tests --include='*.py' | sed 's/^/--ignore=/') $(TESTS)

.PHONY: clean
clean:  ## Remove what these targets made, .venv included
	rm -rf $(VENV) .venv-bench $(OTHER_PYTHONS:%=.venv-%) build dist

# ---- environments: made once, brought up to date when pyproject.toml or constraints.txt change

%/bin/.pip-works:
	@test -n "$(PYTHON)" || { echo "FlorDB needs Python 3.11 or later, and none was found: make PYTHON=/path/to/python3"; exit 1; }
	@test -x $*/bin/python || "$(PYTHON)" -m venv $* || { echo "On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$*/bin/python -m pip --version >/dev/null && touch $@

.PRECIOUS: %/bin/.pip-works
define INSTALL
	$(@D)/python -m pip install --quiet --constraint constraints.txt --editable '.[$(patsubst .%-installed,%,$(@F))]'
	@touch $@
endef

%/bin/.test-core-installed: %/bin/.pip-works pyproject.toml constraints.txt
	$(INSTALL)
%/bin/.test-installed: %/bin/.pip-works pyproject.toml constraints.txt
	$(INSTALL)
%/bin/.dev-installed: %/bin/.pip-works pyproject.toml constraints.txt
	$(INSTALL)

# Other trackers, which want other versions than FlorDB is tested with. Without them the bench says so and goes on.
.venv-bench/bin/.peers-installed: .venv-bench/bin/.pip-works benchmarks/peers.txt
	@$(@D)/python -m pip install --quiet --requirement benchmarks/peers.txt && touch $@ \
		|| echo "The trackers in benchmarks/peers.txt cannot be installed; FlorDB is measured without them."

# What is published as FlorDB, each version alone in a folder: it finds torch where this one does.
.venv-bench/bin/.upstream-installed: .venv-bench/bin/.pip-works
	@$(@D)/python -m pip install --quiet --target .venv-bench/flordb-4.0.1 flordb==4.0.1 \
		&& $(@D)/python -m pip install --quiet --target .venv-bench/flordb-3.4.12 flordb==3.4.12 'pandas<3' \
		&& touch $@ || echo "Published versions of FlorDB cannot be installed; FlorDB is measured without them."
