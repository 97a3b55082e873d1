"""Tables at terminals of any width, and in a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.cli import tables
from containerd_py.cli.tables import write_columns, write_table

if TYPE_CHECKING:
    import pytest

HEADERS = ("ID", "NAME", "COMMAND", "µs")
ROWS = [("0123456789ab", "a-name", "some very long command that no terminal holds", "12345")]


def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int | None) -> list[str]:
    monkeypatch.setattr(tables, "terminal_width", lambda: width)
    write_table(HEADERS, ROWS, elastic="COMMAND", numbers=("µs",))
    return capsys.readouterr().out.splitlines()


def test_only_the_elastic_column_is_cut(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(monkeypatch, capsys, 40)
    assert [len(line) <= 40 for line in lines] == [True, True]
    assert lines[1].split("  ") == ["0123456789ab", "a-name", "some very l", "12345"]


def test_where_there_is_no_room_nothing_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(monkeypatch, capsys, 20)
    assert lines[0].split() == list(HEADERS)
    assert lines[1].split("  ") == list(ROWS[0])


def test_in_a_pipe_nothing_is_cut_and_no_line_ends_with_blanks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(monkeypatch, capsys, None)
    assert ROWS[0][2] in lines[1]
    write_table(("ID", "NAME"), [("1", "long name"), ("2", "")], elastic="NAME")
    write_columns(["A\tB", "wide cell\t"])
    assert capsys.readouterr().out == "ID  NAME\n1   long name\n2\nA           B\nwide cell\n"


def test_wide_characters_take_their_room(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(("NAME", "N"), [("漢字", "1"), ("abcd", "22")], elastic=None, numbers=("N",))
    assert capsys.readouterr().out == "NAME   N\n漢字   1\nabcd  22\n"
