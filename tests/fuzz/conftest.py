"""What is fuzzed beside the tests is not fuzzed by them."""

import os

import pytest

from tests.fuzz.beside import UNDER_WAY


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if UNDER_WAY in os.environ:
        beside = [one for one in items if one.path.name == "test_fuzzing.py"]
        config.hook.pytest_deselected(items=beside)
        items[:] = [one for one in items if one not in beside]
