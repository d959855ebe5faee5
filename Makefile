# Every target makes its own environment from pinned versions. `make help` lists the targets.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready
LOWEST = .venv-lowest
BENCH = .venv-bench
export PYTHONHASHSEED = 0
export OMP_NUM_THREADS = 2

.PHONY: help demo test style types layers tests docstrings docs wheel test-lowest verify bench api clean

help:
	@echo "make demo         the report on CDNOW and on a simulated company"
	@echo "make test         every gate of the project"
	@echo "make test-lowest  the tests on the lowest supported versions"
	@echo "make verify       long simulations and mutation testing"
	@echo "make bench        speed against peers"
	@echo "make docs         the documentation site in docs/_build/html"
	@echo "make api          accept the present public API as the snapshot"

$(READY): pyproject.toml constraints/test.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints/test.txt --editable ".[all]" --group test --group docs --group verify
	touch $@

$(LOWEST)/.ready: pyproject.toml constraints/lowest.txt
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(LOWEST)/bin/python -m pip install --quiet --constraint constraints/lowest.txt --editable ".[all]" --group lowest
	touch $@

demo: $(READY)
	$(BIN)/crmkit demo --out demo

test: style types layers docstrings tests docs wheel
	@echo "all gates passed"

style: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

docstrings: $(READY)
	$(BIN)/python tools/docstrings.py

tests: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not verify" --cov --cov-report=term --durations=15

docs: $(READY)
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "documentation: docs/_build/html/index.html"

wheel: $(READY)
	$(BIN)/python tools/wheel.py

api: $(READY)
	$(BIN)/python tools/api.py > tests/public_api.txt

test-lowest: $(LOWEST)/.ready
	$(LOWEST)/bin/python -m pytest tests -n 2 --dist loadfile -m "not verify" \
		-W "ignore:unclosed <socket:ResourceWarning"  # PySpark 4.0 leaves its own sockets to the collector

verify: $(READY)
	$(BIN)/python -m pytest tests -m verify -n 2 --durations=15
	$(BIN)/python tools/mutation.py

bench: $(READY) $(BENCH)/.ready
	$(BENCH)/bin/python benchmarks/run.py --peers
	$(BIN)/python benchmarks/run.py

$(BENCH)/.ready: pyproject.toml constraints/bench.txt
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BENCH)/bin/python -m pip install --quiet --constraint constraints/bench.txt --editable . --group bench
	touch $@

clean:
	rm -rf .venv .venv-lowest .venv-bench build dist demo docs/_build docs/api docs/notebooks .coverage*
