# `make test` installs what it needs into .venv (once; offline from then on) and runs every check.
PYTHON ?= python3
BIN := .venv/bin

PACKAGES := busybox-static gcc libseccomp2 libsystemd-dev pkg-config python3-dev python3-venv

.PHONY: test clean
test: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

.venv/installed: pyproject.toml
	@echo "installing into .venv ($$($(PYTHON) --version))"
	@dpkg --status $(PACKAGES) >/dev/null 2>&1 || { echo "installing $(PACKAGES)"; apt-get update -qq && apt-get install -y -qq $(PACKAGES); }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
