# Two commands for a newcomer: `make demo` and `make test`. Needs Python 3.11 or newer.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: help demo test lint docs format clean

help:
	@echo "make demo    gate two really quantized models against their baseline"
	@echo "make test    lint, type check and test"
	@echo "make docs    build the documentation: build/docs/index.html, build/man/quantguard.1"
	@echo "make format  format and fix what ruff can fix"
	@echo "make clean   remove the virtual environment and everything that was written"

$(VENV)/.pip:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@touch $@

$(VENV)/.run: $(VENV)/.pip pyproject.toml
	$(BIN)/pip install --quiet --editable ".[llamacpp,otel]"
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/pip install --quiet --group dev
	@touch $@

# A Chromium, in which the HTML report is tested, and the shells whose completion is: found, or
# installed where there is none.
$(VENV)/.browser: $(VENV)/.dev tools/browser.py tools/shells.py
	$(BIN)/python tools/browser.py
	$(BIN)/python tools/shells.py
	@touch $@

demo: $(VENV)/.run
	$(BIN)/python examples/helpdesk/demo.py

test: lint docs $(VENV)/.browser
	$(BIN)/python -m pytest -n auto

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --strict ci/*.py
	$(BIN)/python tools/check_workflows.py

# Every warning is an error, also a name or a link that leads nowhere.
docs: $(VENV)/.dev
	$(BIN)/sphinx-build -q -W --keep-going -n -c docs -d build/doctrees . build/docs
	$(BIN)/sphinx-build -q -W --keep-going -n -c docs -d build/doctrees -b man . build/man

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build quant-report examples/*/quant-report examples/*/.quantguard
