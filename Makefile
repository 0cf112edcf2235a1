# make demo    what it does, in a minute, without any framework
# make test    everything: format, lint, types, docs, the built wheel, all tests
# make quick   the tests that need no framework
# make engines Ray Tune and Hydra, and the tests with them
# make integrations  the tests of trainers and config systems, which it installs first
# make oldest  the tests on the oldest releases that pyproject.toml allows
# make tables  the parser's tables, after a change of the grammar
PY ?= python3

BIN := .venv/bin
# The pip that a new environment comes with is good enough.
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
UV := $(BIN)/uv --quiet
# In the order of their names: files of many tests first, the slow ones, of few, would be the last.
WORKERS := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
SAMPLE ?= 400
SEED ?= 1
CONFIG := examples/config.yaml --key train.lr_schedule
# An old release warns of what was deprecated since; the last is of PyTorch 2.4's own SequentialLR.
OLD_WARNINGS := -W default::DeprecationWarning -W default::FutureWarning \
  -W default::SyntaxWarning -W "default:The epoch parameter in:UserWarning"

.PHONY: demo test quick engines integrations oldest lint format tables docs wheel mutants bench clean

demo: .venv/.demo
	$(BIN)/schedlang check $(CONFIG)
	$(BIN)/schedlang plot $(CONFIG) --lr 0.1
	$(BIN)/schedlang emit torch $(CONFIG) --lr 0.1
	$(BIN)/schedlang emit keras $(CONFIG) --lr 0.1

# pytest comes last, so that its own line ends the output.
test: lint docs wheel
	$(BIN)/python -m pytest $(WORKERS)

quick: .venv/.dev
	$(BIN)/python -m pytest -q $(wildcard tests/test_*.py) schedlang \
	  --ignore=schedlang/torch --ignore=schedlang/keras --ignore=schedlang/optax.py

# Ray is large, so that neither `make quick` nor `make test` installs it.
engines: .venv/.engines
	$(BIN)/python -m pytest tests/engines tests/docs/test_pages.py -k 'engines or spaces'

integrations: .venv/.integrations
	$(BIN)/python -m pytest $(WORKERS) tests/integrations

oldest: .oldest/.ready
	PYTEST_ADDOPTS='$(OLD_WARNINGS)' .oldest/bin/python -m pytest $(WORKERS)

lint: .venv/.all
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

format: .venv/.dev
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

tables: .venv/.dev
	$(BIN)/python -m schedlang.language.parser

docs: .venv/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

wheel: .venv/.dev
	rm -rf dist
	$(BIN)/python -m build --quiet .
	.ci/check-wheel $(BIN)/python dist/*.whl

# A sample of mutants in copies of the checkout, one for each core. SAMPLE=60 is quicker.
mutants: .venv/.dev
	$(PIP) -c constraints.txt -e '.[mutants]'
	$(BIN)/python mutants/run.py --sample $(SAMPLE) --seed $(SEED)

bench: .venv/.all
	$(BIN)/python -m pytest benchmarks --benchmark-enable --benchmark-only

clean:
	rm -rf .venv .oldest dist site

# One environment in four sizes, each a stamp: a second `make` installs nothing.
.venv/.demo: pyproject.toml constraints.txt
	@echo "setting up .venv: the package and its plots"
	@$(PY) -m venv .venv
	@$(PIP) -c constraints.txt -e '.[plot]'
	@$(BIN)/python -m compileall -q schedlang # pip does so for what is not editable
	@touch $@

.venv/.dev: .venv/.demo
	@echo "setting up .venv: the tools"
	@$(PIP) -c constraints.txt -e '.[plot,dev]'
	@touch $@

# PyTorch comes first, before anything could bring another one along.
.venv/.all: .venv/.dev
	@echo "setting up .venv: the frameworks"
	@$(PIP) -c constraints.txt torch
	@$(PIP) -c constraints.txt tensorflow-cpu keras jax optax
	@touch $@

.venv/.engines: .venv/.all
	@echo "setting up .venv: Ray Tune and Hydra"
	@$(PIP) -c constraints.txt -e '.[ray]' hydra-core
	@touch $@

.venv/.integrations: .venv/.all
	@echo "setting up .venv: trainers and config systems"
	@$(PIP) -c constraints.txt -e '.[integrations]'
	@touch $@

# Of 7 GB, since PyTorch from PyPI brings CUDA. NumPy 1.24 has no wheel for a Python after 3.11.
.oldest/.ready: pyproject.toml tests/oldest.txt | .venv/.demo
	@echo "setting up .oldest: the lowest versions, and the newest tools that go with them"
	@$(PIP) uv
	@$(UV) venv --clear --python 3.11 .oldest
	@$(UV) pip compile --resolution lowest-direct --python .oldest --constraints tests/oldest.txt \
	  --extra all --extra trainers --output-file .oldest/requirements.txt pyproject.toml
	@$(UV) pip install --python .oldest --requirements .oldest/requirements.txt --editable '.[dev]'
	@touch $@
