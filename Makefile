# `make test` installs what it needs into .venv (once; offline from then on) and runs every check.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: test clean
test: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

.venv/installed: pyproject.toml
	@echo "installing into .venv ($$($(PYTHON) --version))"
	$(PYTHON) -c 'import ensurepip' || { apt-get update -qq && apt-get install -y -qq python3-venv; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
