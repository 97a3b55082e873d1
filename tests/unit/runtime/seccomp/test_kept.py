"""Compiled filters that are kept for who starts later."""

import os
from pathlib import Path

import pytest

from containerd_py import runtime_cache
from containerd_py.runtime.seccomp import kept
from containerd_py.runtime.seccomp.kept import SeccompFilter, find, keep

_KEY = b'["a profile"]'
_FILTER = SeccompFilter(b"\x06\x00\n\x00" * 4, 5, silences=True)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(runtime_cache, "path", lambda: str(tmp_path / "cache"))
    return tmp_path / "cache"


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


@pytest.mark.usefixtures("file")
def test_another_profile_is_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "source_hash", lambda _seed, _key: b"")
    keep(_KEY, _FILTER, os.__file__)
    assert find(_KEY) == _FILTER
    assert find(_KEY + b" ") is None
    assert find(_KEY[:-1]) is None


@pytest.mark.usefixtures("file")
def test_another_library_compiles_anew(library: str) -> None:
    Path(library).write_text("a newer one")
    assert find(_KEY) is None


@pytest.mark.parametrize("length", [0, 5, -1])
def test_what_is_cut_off_is_compiled_anew(file: Path, library: str, length: int) -> None:
    file.write_bytes(file.read_bytes()[:length])
    assert find(_KEY) is None
    keep(_KEY, _FILTER, library)
    assert find(_KEY) == _FILTER


def test_who_cannot_keep_anything_goes_without(place: Path, library: str) -> None:
    place.write_text("not a directory")
    keep(_KEY, _FILTER, library)
    assert find(_KEY) is None


@pytest.mark.usefixtures("place")
def test_a_library_that_cannot_be_seen_is_no_reason_to_fail() -> None:
    keep(_KEY, _FILTER, "/nowhere/libseccomp.so")
    assert find(_KEY) is None
