"""Compiled filters that are kept for who starts later."""

import os
import tempfile
from pathlib import Path

import pytest

from containerd_py.runtime.seccomp import kept
from containerd_py.runtime.seccomp.kept import SeccompFilter, find, keep

_KEY = b'["a profile"]'
_FILTER = SeccompFilter(b"\x06\x00\n\x00" * 4, 5, silences=True)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kept, "_path", lambda: str(tmp_path / "filters"))
    return tmp_path / "filters"


@pytest.fixture
def library(tmp_path: Path) -> str:
    (tmp_path / "libseccomp.so").touch()
    return str(tmp_path / "libseccomp.so")


@pytest.fixture
def file(place: Path, library: str) -> Path:
    """Return the file of a filter that is kept."""
    keep(_KEY, _FILTER, library)
    assert find(_KEY) == _FILTER
    return next(place.iterdir())


def test_nobody_else_may_read_or_change_what_is_kept(place: Path, file: Path) -> None:
    assert (place.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


@pytest.mark.usefixtures("file")
def test_another_profile_is_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "crc32", lambda _key: 0)
    keep(_KEY, _FILTER, os.__file__)
    assert find(_KEY) == _FILTER
    assert find(_KEY + b" ") is None
    assert find(_KEY[:-1]) is None


@pytest.mark.usefixtures("file")
def test_another_library_compiles_anew(library: str) -> None:
    Path(library).write_text("a newer one")
    assert find(_KEY) is None


@pytest.mark.parametrize("mode", [0o720, 0o702])
@pytest.mark.parametrize("which", ["place", "file"])
def test_what_others_could_change_is_not_trusted(request: pytest.FixtureRequest, file: Path, which: str, mode: int) -> None:
    (file if which == "file" else request.getfixturevalue("place")).chmod(mode)
    assert find(_KEY) is None


@pytest.mark.parametrize("which", ["place", "file"])
def test_neither_is_what_another_user_made(place: Path, file: Path, which: str) -> None:
    os.chown(file if which == "file" else place, 1000, 1000)
    assert find(_KEY) is None


@pytest.mark.parametrize("which", ["place", "file"])
def test_nor_what_a_link_leads_to(place: Path, file: Path, tmp_path: Path, which: str) -> None:
    linked = file if which == "file" else place
    linked.rename(tmp_path / "elsewhere")
    linked.symlink_to(tmp_path / "elsewhere")
    assert find(_KEY) is None


@pytest.mark.parametrize("length", [0, 5, -1])
def test_what_is_cut_off_is_compiled_anew(file: Path, library: str, length: int) -> None:
    file.write_bytes(file.read_bytes()[:length])
    assert find(_KEY) is None
    keep(_KEY, _FILTER, library)
    assert find(_KEY) == _FILTER


def test_a_fifo_in_its_place_keeps_nobody_waiting(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)
    assert find(_KEY) is None


def test_those_that_were_kept_first_make_room(place: Path, library: str) -> None:
    keys = [b"%d" % number for number in range(70)]
    for number, key in enumerate(keys):
        keep(key, _FILTER, library)
        os.utime(place / kept._name(key), (number, number))
    assert [key for key in keys if find(key)] == keys[-64:]


def test_who_cannot_keep_anything_goes_without(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    keep(_KEY, _FILTER, library)
    assert find(_KEY) is None


def test_an_ordinary_user_keeps_them_below_the_own_runtime_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as own:
        os.chown(own, 1000, 1000)
        monkeypatch.setenv("XDG_RUNTIME_DIR", own)
        uid = os.geteuid()
        os.seteuid(1000)
        try:
            keep(_KEY, _FILTER, "/bin/sh")
            assert find(_KEY) == _FILTER
        finally:
            os.seteuid(uid)
        assert (Path(own) / "pycontainerd-filters").is_dir()


@pytest.mark.usefixtures("place")
def test_a_library_that_cannot_be_seen_is_no_reason_to_fail() -> None:
    keep(_KEY, _FILTER, "/nowhere/libseccomp.so")
    assert find(_KEY) is None
