import os
from pathlib import Path

import pytest

from containerd_py.engine import declarations
from containerd_py.engine.credentials import Credentials
from containerd_py.engine.declarations import Misread

_WHOLE = 'rootfs = "/r"\nargs = ["/x"]\n'


def read(folder: Path) -> tuple[list[str], list[Misread]]:
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)
    declared, misread = declarations.read(str(folder), Credentials())
    return [str(one.request.name) for one in declared], misread


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("oci = {a = 0x" + "f" * 10_000 + "}", "oci.a: number is too large"),
        ("oci = {a = " + "[" * 100 + "]" * 100 + "}", f"oci.a{'.0' * 30}: nested deeper than 32"),
        ("oci = {a = " + "[" * 900 + "]" * 900 + "}", "maximum recursion depth exceeded"),
        ("oci = {a = [nan]}", "oci.a.0: nan is not JSON"),
        ("oci = {a = 1979-05-27}", "oci.a: a date is not JSON"),
        (_WHOLE + 'labels = {a = "\\u0000"}', "labels.a: NUL in '\\x00'"),
    ],
)
def test_what_only_toml_can_say_costs_its_own_file_alone(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    (tmp_path / "b.toml").write_text(_WHOLE)
    assert read(tmp_path) == (["b"], [Misread("a.toml", f"cannot parse declaration: {told}")])


def test_a_name_that_cannot_be_shown_is_told_as_it_can(tmp_path: Path) -> None:
    """It would be in answers of the API, which are UTF-8, and in terminals."""
    for name in (b"\xff.toml", b"a\n\x1b[2J.toml"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text(_WHOLE + 'name = "n"\n')
    (tmp_path / "é.toml").write_text(_WHOLE + 'name = "e"\n')
    names, misread = read(tmp_path)
    assert names == ["e"]
    assert [one.file for one in misread] == ["a\\n\\x1b[2J.toml", "\\udcff.toml"]
    assert {one.problem for one in misread} == {
        "cannot use declaration: its file's name has characters that nothing can show"
    }


def test_a_fifo_a_folder_and_a_link_to_nothing_hold_up_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.toml")
    (tmp_path / "b.toml").write_text(_WHOLE)
    tmp_path.chmod(0o755)
    (tmp_path / "b.toml").chmod(0o644)
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "link.toml").symlink_to("nothing")
    (tmp_path / "zero.toml").symlink_to("/dev/zero")
    declared, misread = declarations.read(str(tmp_path), Credentials())
    assert [one.file for one in declared] == ["b.toml"]
    assert [(one.file, one.problem.removeprefix("cannot read declaration: ")) for one in misread] == [
        ("fifo.toml", "it is no regular file"),
        ("folder.toml", "it is no regular file"),
        ("link.toml", "No such file or directory"),
        ("zero.toml", "it is no regular file"),
    ]
