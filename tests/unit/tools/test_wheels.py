"""A package is built of the files that requirements.lock names, and of no others."""

import hashlib
import io
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.package.wheel import PROJECT
from tools.package.wheels import LOCK, NotAsLocked, checked, fetch, read, unpack

_SETUP = "from setuptools import setup; setup(name='thing', version='1.0', py_modules=['thing'])"


def make_wheel(folder: Path, content: str = "x = 1\n") -> Path:
    path = folder / "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("thing.py", content)
        archive.writestr("thing.pyi", "x: int\n")
        archive.writestr("sources/", "")
        archive.writestr("sources/thing.c", "")
        archive.writestr("thing-1.0.data/scripts/thing", "#!python\n")
        archive.writestr("thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        archive.writestr("thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("thing-1.0.dist-info/RECORD", "")
    return path


def make_sources(folder: Path) -> Path:
    path = folder / "thing-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in (("setup.py", _SETUP), ("thing.py", "x = 1\n"), ("PKG-INFO", "Name: thing\nVersion: 1.0\n")):
            entry = tarfile.TarInfo(f"thing-1.0/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_lock(folder: Path, *hashes: str) -> Path:
    path = folder / "requirements.lock"
    lines = [f"    --hash=sha256:{one}" for one in hashes]
    path.write_text(" \\\n".join(["thing==1.0", *lines]) + "\nother==2 ; sys_platform == 'win32' \\\n" + lines[0] + "\n")
    return path


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A directory that is all that pip has to choose from."""
    folder = tmp_path / "index"
    folder.mkdir()
    return folder


def from_index(index: Path) -> tuple[str, ...]:
    return ("--no-index", "--find-links", str(index))


@pytest.mark.parametrize("make", [make_wheel, make_sources])
def test_what_is_as_locked_is_installed(tmp_path: Path, index: Path, make: object) -> None:
    path = make_wheel(index) if make is make_wheel else make_sources(index)
    lock, folder, target = write_lock(tmp_path, "0" * 64, digest(path)), tmp_path / "wheels", tmp_path / "target"
    fetch(lock, folder, from_index(index))
    unpack(target, lock, folder)
    assert (target / "thing.py").read_text() == "x = 1\n"
    assert not {"thing.pyi", "sources", "thing-1.0.data"} & {path.name for path in target.iterdir()}


@pytest.mark.parametrize("make", [make_wheel, make_sources])
def test_a_wrong_hash_is_refused(tmp_path: Path, index: Path, make: object) -> None:
    path = make_wheel(index) if make is make_wheel else make_sources(index)
    wrong = digest(path)[:-1] + ("0" if digest(path)[-1] != "0" else "1")
    with pytest.raises(NotAsLocked, match="DO NOT MATCH THE HASHES"):
        fetch(write_lock(tmp_path, wrong), tmp_path / "wheels", from_index(index))
    assert not (tmp_path / "wheels").exists()


def test_what_was_changed_since_is_refused(tmp_path: Path, index: Path) -> None:
    lock, folder = write_lock(tmp_path, digest(make_wheel(index))), tmp_path / "wheels"
    fetch(lock, folder, from_index(index))
    make_wheel(folder, "x = 2\n")
    with pytest.raises(NotAsLocked, match="none of the hashes"):
        unpack(tmp_path / "target", lock, folder)


def test_what_is_gone_is_told(tmp_path: Path, index: Path) -> None:
    lock, folder = write_lock(tmp_path, digest(make_wheel(index))), tmp_path / "wheels"
    fetch(lock, folder, from_index(index))
    next(folder.glob("*.whl")).unlink()
    with pytest.raises(NotAsLocked, match=r"cannot install thing 1\.0"):
        list(checked(lock, folder))


def test_another_lock_is_fetched_for_anew(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, folder = write_lock(tmp_path, digest(make_wheel(index))), tmp_path / "wheels"
    fetch(lock, folder, from_index(index))
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # so that pip finds nothing any more
    unpack(tmp_path / "target", lock, folder)
    write_lock(tmp_path, "0" * 64)
    with pytest.raises(NotAsLocked, match="cannot fetch"):
        unpack(tmp_path / "target", lock, folder)


def test_the_lock_has_all_that_the_project_needs_with_hashes_and_no_host() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    locked = {one.name: one for one in read(LOCK)}
    for text in project["dependencies"]:
        wanted = Requirement(text)
        assert wanted.specifier.contains(locked[canonicalize_name(wanted.name)].version), f"make lock: {text}"
    assert all(one.hashes for one in locked.values())
    assert "://" not in LOCK.read_text()
