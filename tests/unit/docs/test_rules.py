"""Each rule of security, in the explanation, names tests that exist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.unit.runtime.test_features_table import ROOT, named

if TYPE_CHECKING:
    from pathlib import Path

_RULE = re.compile(r"\| (R\d+|nothing inherited) \|")


def rows() -> list[tuple[str, str]]:
    """Return (rule, tests) of every row of the table of tests."""
    text = (ROOT / "docs/explanation/security.md").read_text().partition("## The tests")[2]
    return [(found[1], line) for line in text.splitlines() if (found := _RULE.match(line))]


def test_every_rule_has_its_tests() -> None:
    assert [rule for rule, _line in rows()] == [
        *(f"R{number}" for number in range(1, 10)),
        "nothing inherited",
        *(f"R{number}" for number in range(10, 25)),
    ]


@pytest.mark.parametrize(("rule", "line"), rows(), ids=[rule for rule, _line in rows()])
def test_what_is_named_exists(rule: str, line: str) -> None:
    tests: list[tuple[Path, str]] = named(line, "tests/security")
    assert tests, rule
    for path, test in tests:
        assert re.search(rf"^(?:async )?def {test}\(", path.read_text(), re.MULTILINE), f"{rule}: {path}::{test}"
    assert line.count("::") == len(tests), f"{rule}: not all of it could be read"


def test_every_module_of_attacks_is_named() -> None:
    """So that a newcomer finds each class of holes."""
    told = {path for _rule, line in rows() for path, _test in named(line, "tests/security")}
    assert set((ROOT / "tests/security").rglob("test_*.py")) <= told
