"""Names of others in texts of /proc."""

from pathlib import Path

import pytest

from containerd_py.runtime.linux.proc_text import lines, plain, read_text


@pytest.mark.parametrize("character", ["\r", "\v", "\f", "\x1c", "\x85", "\u2028"])
def test_a_line_feed_alone_ends_a_line(tmp_path: Path, character: str) -> None:
    path = tmp_path / "mountinfo"
    path.write_bytes(f"1 /a{character}b\n2 /c\n".encode())
    assert lines(read_text(str(path))) == [f"1 /a{character}b", "2 /c"]


def test_nothing_has_no_lines() -> None:
    assert lines("") == []


@pytest.mark.parametrize(
    ("told", "name"), [("/a", "/a"), ("/a\\040b\\011", "/a b\t"), ("\\134040", "\\040"), ("/a\\0401", "/a 1")]
)
def test_names_of_mounts_are_told_with_escapes(told: str, name: str) -> None:
    assert plain(told) == name
