"""docker's rules for what is copied where."""

from pathlib import Path

import pytest

from containerd_py.cli.places import Landing, Place, landing, parse_place
from containerd_py.errors import InvalidArgument, NotFound


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("web:/etc", Place("web", "/etc")),
        ("web:etc/x", Place("web", "/etc/x")),
        ("web:/a:b", Place("web", "/a:b")),
        ("file", Place(None, "file")),
        ("./we:b", Place(None, "./we:b")),
        ("/we:b", Place(None, "/we:b")),
        ("-", Place(None, "-")),
    ],
)
def test_places(text: str, place: Place) -> None:
    assert parse_place(text) == place
    assert parse_place(text).is_stream is (text == "-")


@pytest.mark.parametrize("text", ["", "web:", ":x"])
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(InvalidArgument, match="cannot copy"):
        parse_place(text)


@pytest.mark.parametrize(
    ("source", "directory", "destination", "there", "expected"),
    [
        ("/a/f", False, "/d/new", None, Landing("/d", "new")),
        ("/a/f", False, "new", None, Landing(".", "new")),
        ("/a/f", False, "/new", None, Landing("/", "new")),
        ("/a/f", False, "/d/old", False, Landing("/d", "old")),
        ("/a/f", False, "/d", True, Landing("/d", "f")),
        ("/a/dir", True, "/new", None, Landing("/", "new")),
        ("/a/dir", True, "/d/new/", None, Landing("/d", "new")),
        ("/a/dir/", True, "/d", True, Landing("/d", "dir")),
        ("/a/dir/.", True, "/d", True, Landing("/d", "")),
        ("/a/dir/.", True, "/d/new", None, Landing("/d", "new")),
        ("/", True, "/d", True, Landing("/d", "")),
    ],
)
def test_where_it_lands(source: str, directory: bool, destination: str, there: bool | None, expected: Landing) -> None:  # noqa: FBT001 - a table's columns
    assert landing(source, destination, source_is_directory=directory, there=there) == expected


def test_a_directory_here_has_the_name_that_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert landing("..", "/d", source_is_directory=True, there=True) == Landing("/d", tmp_path.parent.name)


@pytest.mark.parametrize(
    ("source", "directory", "destination", "there", "problem"),
    [
        ("/a/f", False, "/d/new/", None, NotFound),
        ("/a/f", False, "/d/old/", False, InvalidArgument),
        ("/a/dir", True, "/d/old", False, InvalidArgument),
    ],
)
def test_what_cannot_land(
    source: str,
    directory: bool,  # noqa: FBT001 - a table's column
    destination: str,
    there: bool | None,  # noqa: FBT001 - a table's column
    problem: type[Exception],
) -> None:
    with pytest.raises(problem, match="directory"):
        landing(source, destination, source_is_directory=directory, there=there)
