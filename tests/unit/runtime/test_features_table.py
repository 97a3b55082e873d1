"""The features of the runtime, in the reference, name tests that exist: a unit test and one on a running container each."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_NAMED = re.compile(r"`([\w./]*)::(test_\w+)`")


def rows() -> list[tuple[str, str, str]]:
    """Return (feature, unit tests, tests on a running container) of every row of every table."""
    lines = (ROOT / "docs/reference/runtime-features.md").read_text().splitlines()
    cells = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines if line.startswith("| ")]
    return [(feature, unit, whole) for feature, unit, whole in cells if feature != "feature"]


def named(cell: str, place: str) -> list[tuple[Path, str]]:
    """Return the tests in a cell, by file; one without a file is in that of the test before it."""
    found: list[tuple[Path, str]] = []
    for file, test in _NAMED.findall(cell):
        path = found[-1][0] if not file else ROOT / ("" if file.startswith("tests/") else place) / file
        found.append((path, test))
    return found


@pytest.mark.parametrize(("feature", "unit", "whole"), rows(), ids=[feature for feature, _unit, _whole in rows()])
def test_what_is_named_exists(feature: str, unit: str, whole: str) -> None:
    for cell, place in ((unit, "tests/unit/runtime"), (whole, "tests/oci")):
        tests = named(cell, place)
        assert tests or cell.startswith("unit tests alone: "), feature
        for path, test in tests:
            assert re.search(rf"^(?:async )?def {test}\(", path.read_text(), re.MULTILINE), f"{feature}: {path}::{test}"
        assert cell.count("::") == len(tests), f"{feature}: not all of {cell!r} could be read"
