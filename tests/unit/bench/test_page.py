"""The table of a run goes into its place, and nowhere else."""

from pathlib import Path

import pytest

from tests.bench import page

_MARK = "<!-- the output of make bench -->\n\n"
_DOCUMENT = Path(__file__).parents[3] / "docs/explanation/performance.md"


def test_what_stood_there_is_replaced(tmp_path: Path) -> None:
    place = tmp_path / "page.md"
    place.write_text(f"# A\n\n{_MARK}```\nold\n  lines\n```\n\n```\nanother\n```\n")
    page.check(place)
    page.put(place, "new \\1\n")
    assert place.read_text() == f"# A\n\n{_MARK}```\nnew \\1\n```\n\n```\nanother\n```\n"


@pytest.mark.parametrize("text", ["", "```\nx\n```\n", f"{_MARK}```\nx\n```\n" * 2])
def test_a_page_without_one_such_place_is_refused(tmp_path: Path, text: str) -> None:
    place = tmp_path / "page.md"
    place.write_text(text)
    with pytest.raises(ValueError, match="blocks are marked"):
        page.check(place)


def test_our_own_page_has_it() -> None:
    page.check(_DOCUMENT)
