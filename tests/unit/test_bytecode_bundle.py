"""The bytecode of one program in one piece: what it imports is what the sources say, whatever is kept."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import containerd_py
from containerd_py import bundle_finder, bytecode_bundle

_ROOT = str(Path(containerd_py.__path__[0]).parent)
_WRITER = """
import sys
sys.path += [sys.argv[1], sys.argv[2]]
from containerd_py import bytecode_bundle
import colours.cold
before = sys.modules.copy()
bytecode_bundle._FINDER = sys.argv[4]
bytecode_bundle.complete(sys.argv[3], "painter", "colours.warm")
assert sys.modules == before
"""
_READER = """
import sys
sys.path += [sys.argv[1], sys.argv[2]]
from marshal import loads
from posix import read
finder, modules = loads(read(int(sys.argv[3]), int(sys.argv[4])))
exec(finder, {"__name__": "bundle", "modules": modules})
import colours.warm
loaders = [type(one.__loader__).__name__ for one in (colours.warm, colours.base)]
print(colours.warm.RED, *loaders, colours.warm.__file__, colours.__path__, *sorted(modules))
"""
_FROM_BUNDLE, _FROM_SOURCE = "Loader", "SourceFileLoader"


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    package = tmp_path / "modules" / "colours"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "warm.py").write_text("import colours.base\nRED = 1\n")
    (package / "base.py").write_text("BASE = 0\n")
    (package / "cold.py").write_text("BLUE = 2\n")
    shutil.copy(bundle_finder.__file__, finder(package))
    return package


def finder(modules: Path) -> Path:
    return modules.parent.parent / "finder.py"


def place(modules: Path) -> str:
    return str(modules.parent.parent / "cache")


def write(modules: Path, *options: str) -> None:
    """Be a program that imports nothing itself of what it writes."""
    words = [sys.executable, "-IS", *options, "-c", _WRITER, _ROOT, str(modules.parent), place(modules)]
    subprocess.run([*words, str(finder(modules))], check=True)


def run(modules: Path) -> tuple[str, tuple[str, str], list[str]]:
    """Return the value, the loaders of `warm` and `base`, and what is in the bundle; of a program that is given it."""
    found = bytecode_bundle.opened(place(modules), "painter")
    assert found is not None
    fd, size = found
    words = [sys.executable, "-IS", "-c", _READER, _ROOT, str(modules.parent), str(fd), str(size)]
    try:
        told = subprocess.run(words, capture_output=True, text=True, check=True, pass_fds=(fd,)).stdout.split()
    finally:
        os.close(fd)
    value, warm, base, file, paths, *names = told
    assert (file, paths) == (str(modules / "warm.py"), f"['{modules}']")
    return value, (warm, base), names


def kept(modules: Path) -> Path:
    (file,) = Path(place(modules)).iterdir()
    return file


def test_what_is_imported_is_in_it_and_nothing_else(modules: Path) -> None:
    assert bytecode_bundle.opened(place(modules), "painter") is None
    write(modules)
    assert run(modules) == ("1", (_FROM_BUNDLE, _FROM_BUNDLE), ["colours", "colours.base", "colours.warm"])
    assert bytecode_bundle.opened(place(modules), "sculptor") is None


def test_a_source_that_has_changed_is_what_counts(modules: Path) -> None:
    write(modules)
    source = modules / "warm.py"
    before = source.stat()
    source.write_text("import colours.base\nRED = 3\n")  # as long as before
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns + 2_000_000_000))  # __pycache__ knows whole seconds only
    assert run(modules)[:2] == ("3", (_FROM_SOURCE, _FROM_BUNDLE))
    write(modules)
    assert run(modules)[:2] == ("3", (_FROM_BUNDLE, _FROM_BUNDLE))


def test_a_finder_that_has_changed_is_what_counts(modules: Path) -> None:
    write(modules)
    source = finder(modules)
    source.write_text(source.read_text().replace(" Loader(", " Renewed("))
    write(modules)
    assert run(modules)[1] == ("Renewed", "Renewed")


def test_what_has_not_changed_is_not_written_again(modules: Path) -> None:
    write(modules)
    before = kept(modules).stat()
    write(modules)
    assert kept(modules).stat().st_ino == before.st_ino


@pytest.mark.parametrize("content", ["raise ImportError", "one two", "raise ValueError", "raise TypeError"])
def test_a_package_that_is_half_upgraded_fails_nobody(modules: Path, content: str) -> None:
    write(modules)
    whole = kept(modules).read_bytes()
    (modules / "base.py").write_text(content)
    write(modules)
    assert kept(modules).read_bytes() == whole


def test_a_module_that_has_gone_is_gone(modules: Path) -> None:
    write(modules)
    (modules / "base.py").unlink()
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run(modules)
    assert "No module named 'colours.base'" in failed.value.stderr


@pytest.mark.parametrize("content", [b"", b"\0", b"\0\0\0\4abcd", b"\xff" * 5000])
def test_what_is_damaged_is_not_handed_on_and_written_anew(modules: Path, content: bytes) -> None:
    write(modules)
    whole = kept(modules).read_bytes()
    for damaged in (content, whole[:-1], whole + b"x"):
        kept(modules).write_bytes(damaged)
        assert bytecode_bundle.opened(place(modules), "painter") is None
        write(modules)
        assert kept(modules).read_bytes() == whole


def test_another_interpreter_keeps_its_own(modules: Path) -> None:
    write(modules, "-O")
    assert bytecode_bundle.opened(place(modules), "painter") is None


def test_who_must_not_write_bytecode_writes_none(modules: Path) -> None:
    write(modules, "-B")
    assert not Path(place(modules)).exists()


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_what_others_could_have_written_is_not_handed_on(modules: Path, mode: int) -> None:
    write(modules)
    kept(modules).chmod(mode)
    assert bytecode_bundle.opened(place(modules), "painter") is None
