"""Every test that the table of faults names is there, and every test of faults stands in it."""

import ast
import re
from pathlib import Path

_ROOT = Path(__file__).parents[3]
_PAGE = _ROOT / "docs/explanation/crashes.md"
_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def names_in(path: Path) -> set[str]:
    found = ast.walk(ast.parse(path.read_text()))
    functions = (one for one in found if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))
    return {one.name for one in functions if one.name.startswith("test_")}


def named() -> set[tuple[str, str]]:
    return set(_NAMED.findall(_PAGE.read_text()))


def test_what_is_named_is_there() -> None:
    missing = [f"{path}::{name}" for path, name in named() if name not in names_in(_ROOT / path)]
    assert named()
    assert missing == []


def test_what_is_there_is_named() -> None:
    there = {
        (str(path.relative_to(_ROOT)), name)
        for path in (_ROOT / "tests/faults").glob("test_*.py")
        for name in names_in(path)
    }
    assert there - named() == set()


def test_every_row_names_a_test() -> None:
    table = _PAGE.read_text().partition("| fault |")[2].splitlines()[2:]
    rows = [line for line in table if line.startswith("|")]
    assert len(rows) > 25
    assert [row for row in rows if not _NAMED.search(row)] == []
