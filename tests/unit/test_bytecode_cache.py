"""Bytecode that is kept for all modules of a program: what is imported is what the sources say, whatever is kept."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import containerd_py

_ROOT = str(Path(containerd_py.__path__[0]).parent)
_PROGRAM = """
import sys
sys.path += [sys.argv[1], sys.argv[2]]
from containerd_py.bytecode_cache import BytecodeCache
cache = BytecodeCache(sys.argv[3]).install()
import colours.warm
print(colours.warm.RED, type(colours.warm.__loader__).__name__, colours.warm.__file__, colours.__path__)
cache.complete("colours.cold")
"""
_FROM_CACHE, _FROM_SOURCE = "_Loader", "SourceFileLoader"


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    package = tmp_path / "modules" / "colours"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "warm.py").write_text("RED = 1\n")
    (package / "cold.py").write_text("BLUE = 2\n")
    return package


def run(modules: Path, *options: str, program: str = _PROGRAM) -> tuple[str, str]:
    """Return the value and the loader that a program sees, which starts with what earlier ones have kept."""
    place = modules.parent.parent / "cache"
    words = [sys.executable, "-IS", *options, "-c", program, _ROOT, str(modules.parent), str(place)]
    value, loader, file, paths = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert (file, paths) == (str(modules / "warm.py"), f"['{modules}']")
    return value, loader


def _unneeded(folder: str, names: list[str]) -> list[str]:
    """Of this package, all but what a program needs that keeps bytecode."""
    return (
        []
        if not folder.endswith("containerd_py")
        else [name for name in names if name not in ("__init__.py", "bytecode_cache.py", "runtime_cache.py")]
    )


def kept(modules: Path) -> Path:
    (file,) = (modules.parent.parent / "cache").iterdir()
    return file


def test_who_starts_later_has_it_from_there(modules: Path) -> None:
    assert run(modules) == ("1", _FROM_SOURCE)
    assert run(modules) == ("1", _FROM_CACHE)
    further = _PROGRAM.replace("import colours.warm\n", "import colours.warm, colours.cold\ncolours.warm = colours.cold\n")
    further = further.replace("warm.RED", "cold.BLUE").replace("warm.__file__", "cold.__file__.replace('cold', 'warm')")
    assert run(modules, program=further) == ("2", _FROM_CACHE)


def test_a_source_that_has_changed_is_what_counts_and_is_kept_next(modules: Path) -> None:
    run(modules)
    source = modules / "warm.py"
    before = source.stat()
    source.write_text("RED = 3\n")  # as long as before
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns + 2_000_000_000))  # __pycache__ knows whole seconds only
    assert run(modules) == ("3", _FROM_SOURCE)
    assert run(modules) == ("3", _FROM_CACHE)


def test_so_is_one_of_the_same_size_and_mtime(modules: Path) -> None:
    """As a package's two versions may have it, of one date."""
    source = modules / "warm.py"
    os.utime(source, ns=(0, 0))
    run(modules, "-B")
    run(modules)
    source.write_text("RED = 3\n")
    os.utime(source, ns=(0, 0))
    shutil.rmtree(modules / "__pycache__")
    assert run(modules) == ("3", _FROM_SOURCE)


def test_the_code_of_a_package_is_no_others(modules: Path, tmp_path: Path) -> None:
    """Though the names of their files are alike."""
    program = _PROGRAM.replace("sys.path += [sys.argv[1]", "sys.path += [sys.argv.pop(1)")
    program = program.replace("sys.argv[2]", "sys.argv[1]").replace("sys.argv[3]", "sys.argv[2]")
    words = [sys.executable, "-IS", "-c", program]
    values = []
    for number, folder in enumerate(("one-two", "one/two")):
        package = tmp_path / folder / "containerd_py"
        shutil.copytree(Path(_ROOT) / "containerd_py", package, ignore=_unneeded)
        colours = tmp_path / folder / "colours"
        shutil.copytree(modules, colours)
        (colours / "warm.py").write_text(f"RED = {number}\n")
        told = subprocess.run(
            [*words, str(package.parent), str(colours.parent), str(tmp_path / "cache")],
            capture_output=True,
            text=True,
            check=True,
        )
        values.append(told.stdout.split()[0])
    assert values == ["0", "1"]


def test_a_module_that_has_gone_is_gone(modules: Path) -> None:
    run(modules)
    (modules / "warm.py").unlink()
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run(modules)
    assert "ModuleNotFoundError: No module named 'colours.warm'" in failed.value.stderr


@pytest.mark.parametrize("content", ["one two", "RED = '\0'"])
def test_a_module_that_is_half_written_at_the_end_fails_nobody(modules: Path, content: str) -> None:
    meanwhile = f"open(colours.warm.__file__, 'w').write({content!r})\ncache.complete"
    assert run(modules, program=_PROGRAM.replace("cache.complete", meanwhile)) == ("1", _FROM_SOURCE)
    (modules / "warm.py").write_text("RED = 1 + 1\n")  # of another size: __pycache__ knows whole seconds only
    assert run(modules) == ("2", _FROM_SOURCE)


def test_a_module_that_was_made_and_not_imported_is_left_out(modules: Path) -> None:
    made = """
import types
from _frozen_importlib_external import SourceFileLoader
sys.modules["made"] = types.ModuleType("made")
sys.modules["made"].__loader__ = SourceFileLoader("made", "nowhere.py")
sys.modules["nothing"] = None
"""
    assert run(modules, program=_PROGRAM.replace("import colours", f"{made}import colours"))
    assert run(modules) == ("1", _FROM_CACHE)


def test_nothing_is_written_where_all_is_known(modules: Path) -> None:
    run(modules)
    before = kept(modules).stat()
    run(modules)
    assert kept(modules).stat().st_ino == before.st_ino


def test_another_interpreter_keeps_its_own(modules: Path) -> None:
    run(modules)
    assert run(modules, "-O") == ("1", _FROM_SOURCE)
    assert run(modules, "-O") == ("1", _FROM_CACHE)
    assert run(modules) == ("1", _FROM_SOURCE)


def test_who_must_not_write_bytecode_writes_none(modules: Path) -> None:
    assert run(modules, "-B") == ("1", _FROM_SOURCE)
    assert not (modules.parent.parent / "cache").exists()


@pytest.mark.parametrize("content", [b"", b"\0\0", b"\0\0\0\xff", b"\xff" * 100, b"\0\0\0\x01N", b"\0\0\0\x01i"])
def test_what_is_damaged_is_written_anew(modules: Path, content: bytes) -> None:
    run(modules)
    kept(modules).write_bytes(content)
    assert run(modules) == ("1", _FROM_SOURCE)
    assert run(modules) == ("1", _FROM_CACHE)


def test_code_that_is_cut_off_is_taken_from_its_source(modules: Path) -> None:
    run(modules)
    run(modules)
    file = kept(modules)
    head = 4 + int.from_bytes(file.read_bytes()[:4], "big")
    os.truncate(file, head)
    assert run(modules)[0] == "1"


def test_what_others_could_have_written_is_not_run(modules: Path) -> None:
    run(modules)
    kept(modules).chmod(0o666)
    assert run(modules) == ("1", _FROM_SOURCE)


def test_who_has_no_place_for_it_goes_without(modules: Path) -> None:
    (modules.parent.parent / "cache").touch()
    assert run(modules) == run(modules) == ("1", _FROM_SOURCE)


def test_the_line_of_an_error_is_told_as_ever(modules: Path) -> None:
    (modules / "warm.py").write_text("RED = 1\n\ndef fail():\n    raise ValueError('wrong')\n")
    run(modules)
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run(modules, program=_PROGRAM + "colours.warm.fail()\n")
    assert f"File \"{modules}/warm.py\", line 4, in fail\n    raise ValueError('wrong')" in failed.value.stderr
