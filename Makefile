# Two commands are all a newcomer needs: `make demo` and `make test`. Each sets up what it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# One more than the two cores that are always there: some tests wait for other processes.
JOBS ?= 3
# A file goes to one process, which alone sets up what the tests in it share, such as a server; long ones come first.
SPREAD := --dist loadfile --no-loadscope-reorder
# Python keeps what it compiles, also where the environment forbids it: the tests start some hundred processes, and each
# would spend two seconds on compiling everything anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo install notebook test soak lint audit bench record lock clean

help: ## show these lines
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /  make \1\t/'

demo: $(VENV)/run.stamp ## set up, then run everything offline on embedded defaults
	$(BIN)/binlake demo

install: $(VENV)/run.stamp ## set up the environment: .venv/bin/binlake

notebook: $(VENV)/dev.stamp ## set up, then open the example in JupyterLab, on the lake of the demo
	test -f binlake-demo/notebook.ipynb || $(BIN)/binlake demo
	$(BIN)/jupyter lab binlake-demo/notebook.ipynb

test: $(VENV)/dev.stamp ## set up, then pass the tests
	$(BIN)/python -m pytest -n $(JOBS) $(SPREAD)

soak: $(VENV)/dev.stamp $(VENV)/tax.stamp ## the long tests, bounded
	$(BIN)/python -m pytest -m soak --timeout 900 -n 2 $(SPREAD)

lint: $(VENV)/dev.stamp ## style, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: $(VENV)/dev.stamp ## known vulnerabilities in the packages of the locks, where a package index answers
	$(BIN)/python tests/audit.py

bench: $(VENV)/dev.stamp ## the figures of the README, measured here
	$(BIN)/python tests/bench/run.py

record: $(VENV)/dev.stamp ## record cassettes from the live exchange or testnet with your own key
	$(BIN)/python tests/record.py

lock: $(VENV)/python.stamp ## compile the hashed locks again, without index addresses
	echo uv | $(BIN)/uv pip compile - $(LOCK) -o requirements-uv.lock
	$(BIN)/uv pip compile pyproject.toml --group build $(LOCK) -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev $(LOCK) -c requirements.lock -o requirements-dev.lock
	$(BIN)/uv pip compile --group tax $(LOCK) -o requirements-tax.lock

LOCK := --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate -q

clean: ## remove the environment
	rm -rf $(VENV)

# The locks name every package with its hash, so neither uv nor pip resolves or trusts anything else. uv installs them in
# seconds; where it cannot be had, or does not reach an index, pip does the same. uv does not read pip's settings.
PIP = $(INTO)/python -m pip --disable-pip-version-check
INTO := $(BIN)
INDEX = $$($(PIP) config get global.index-url 2>/dev/null)
UV = UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$(INDEX)}}" $(BIN)/uv pip install --python $(INTO)/python
INSTALL = install() { $(UV) -q "$$@" || { echo 'uv could not install; pip does it.'; $(PIP) install -q "$$@"; }; }; install

$(VENV)/python.stamp: requirements-uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "binlake needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	-$(PIP) install -q --no-deps --require-hashes --only-binary :all: -r requirements-uv.lock
	@touch $@

$(VENV)/run.stamp: $(VENV)/python.stamp requirements.lock pyproject.toml
	@$(INSTALL) --no-deps --require-hashes --only-binary :all: -r requirements.lock
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements-dev.lock
	@$(INSTALL) --no-deps --require-hashes --only-binary :all: -r requirements-dev.lock
	@touch $@

# The programs for taxes, whose packages are none of ours.
$(VENV)/tax.stamp: private INTO := $(VENV)/tax/bin
$(VENV)/tax.stamp: $(VENV)/python.stamp requirements-tax.lock
	$(PYTHON) -m venv $(VENV)/tax
	@$(INSTALL) --no-deps --require-hashes --only-binary :all: -r requirements-tax.lock
	@touch $@
