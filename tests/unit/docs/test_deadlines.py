"""Every deadline, in the explanation, names a test that exists."""

import re

from tests.unit.docs.test_faults import _NAMED, _ROOT, names_in

_PAGE = _ROOT / "docs/explanation/deadlines.md"


def test_what_is_named_is_there() -> None:
    named = _NAMED.findall(_PAGE.read_text())
    assert named
    assert [f"{path}::{name}" for path, name in named if name not in names_in(_ROOT / path)] == []


def test_every_deadline_names_a_test() -> None:
    table = _PAGE.read_text().partition("## With a deadline")[2].partition("## Without one")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 30
    assert [row for row in rows if not _NAMED.search(row)] == []


def test_where_they_are_is_there() -> None:
    told = re.findall(r"`((?:api|cli|engine|runtime|checkpoint|spec)/[\w/]+(?:\.py)?)`", _PAGE.read_text())
    places = [[_ROOT / "containerd_py" / one, _ROOT / "containerd_py/runtime" / one] for one in told]
    assert [one for one, where in zip(told, places, strict=True) if not any(place.exists() for place in where)] == []
