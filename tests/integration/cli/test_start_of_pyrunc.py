"""What a start of `pyrunc` takes along: it is paid at each one (ADR 25)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from containerd_py.bytecode_cache import BytecodeCache
from containerd_py.runtime.spawner import seal
from containerd_py.runtime.spec.seccomp_profile import default_profile
from tests.integration.runtime.workshop import document

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROOT = Path(__file__).resolve().parents[3]
_SCRIPT = """
import sys
sys.path.append({root!r})
from containerd_py.cli.oci.main import main
code = main(sys.argv[1:])
sys.stderr.write(" ".join(sys.modules))
sys.exit(code)
"""
_SLOW = {
    *(
        "argparse",
        "array",
        "asyncio",
        "binascii",
        "collections",
        "contextlib",
        "ctypes",
        "dataclasses",
        "enum",
        "functools",
        "selectors",
        "socket",
        "datetime",
        "hashlib",
        "importlib",
        "json",
        "math",
        "re",
        "signal",
        "threading",
        "inspect",
        "logging",
        "pathlib",
        "pydantic",
        "pyroute2",
    ),
    *("pyseccomp", "jeepney", "shutil", "site", "subprocess", "tempfile", "traceback", "typing", "urllib"),
}


def modules(arguments: Sequence[str]) -> set[str]:
    """Return what is imported at the end of a command that succeeds."""
    script = _SCRIPT.format(root=str(_ROOT))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


@pytest.fixture
def bundle(rootfs: Path, tmp_path: Path) -> Path:
    changes = {"root.path": str(rootfs), "process.args": ["/bin/true"]}
    (tmp_path / "config.json").write_text(json.dumps(document(changes)))
    return tmp_path


def test_a_container_that_asks_for_nothing_special_is_run_without_what_is_slow_to_import(bundle: Path) -> None:
    found = modules(["--root", str(bundle / "state"), "run", "--bundle", str(bundle), "box"])
    assert found & _SLOW == set()
    assert "containerd_py.runtime.creation" in found


def test_a_profile_that_was_compiled_before_is_not_compiled_again(bundle: Path) -> None:
    """The library for it takes more than all else that such a start takes."""
    config = json.loads((bundle / "config.json").read_text())
    config["linux"]["seccomp"] = default_profile().document()
    (bundle / "config.json").write_text(json.dumps(config))
    run = ["--root", str(bundle / "state"), "run", "--bundle", str(bundle), "box"]
    subprocess.run([sys.executable, "-m", "containerd_py.cli.oci.program", *run], check=True, timeout=60)
    found = modules(run)
    assert found & _SLOW == set()
    assert "containerd_py.runtime.seccomp.kept" in found
    assert "containerd_py.runtime.seccomp.compile" not in found


@pytest.mark.parametrize("command", ["list", "spec"])
def test_neither_are_other_commands(command: str, tmp_path: Path) -> None:
    options = ["--bundle", str(tmp_path)] if command == "spec" else []
    assert modules(["--root", str(tmp_path), command, *options]) & _SLOW == set()


def test_what_it_was_installed_with_is_found_without_site() -> None:
    program = Path(sys.executable).parent / "pyrunc"
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.startswith("pyrunc version ")
    text = program.read_text()
    assert text.startswith("#!/bin/sh\n")
    assert 'exec "$python" -IS' in text


def test_an_interrupt_while_it_is_imported_ends_it_without_a_word(tmp_path: Path) -> None:
    """An installation whose package interrupts itself: a traceback would be no help to who has pressed a key."""
    own = f"python{sys.version_info.major}.{sys.version_info.minor}"
    package = tmp_path / "lib" / own / "site-packages/containerd_py"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    program = tmp_path / "bin/pyrunc"
    program.parent.mkdir()
    program.write_text((_ROOT / "containerd_py/cli/oci/pyrunc").read_text())
    ended = subprocess.run([sys.executable, "-IS", program], capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, "")


_SOURCES = """
def sources():
    return {name for name, one in sys.modules.items() if type(getattr(one, "__loader__", 0)).__name__ == "SourceFileLoader"}
"""
_KEPT = """
import os, sys
sys.path.append(sys.argv.pop(1))
from containerd_py.bytecode_cache import BytecodeCache
cache = BytecodeCache(sys.argv.pop(1), "run").install()
before = sources()
from containerd_py.cli.oci import program
end = os._exit
def tell(code):
    os.write(1, " ".join(sources() - before).encode())
    end(code)
os._exit = tell
program.run(cache)
"""


def run_from(cache: Path, bundle: Path) -> set[str]:
    """Run a container; return the modules that came from their sources after the cache was there."""
    words = [sys.executable, "-IS", "-c", _SOURCES + _KEPT, str(_ROOT), str(cache)]
    words += ["--root", str(bundle / "state"), "run", "--bundle", str(bundle), "box"]
    return set(subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout.split())


def test_from_the_second_time_on_nothing_is_imported_from_sources(bundle: Path) -> None:
    assert "containerd_py.runtime.creation" in run_from(bundle / "cache", bundle)
    assert run_from(bundle / "cache", bundle) == set()


def test_neither_does_its_launcher(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is handed what it imports, and never writes any."""
    monkeypatch.setattr(sys, "meta_path", [BytecodeCache(str(bundle / "cache"), "run"), *sys.meta_path])
    told = bundle / "modules"
    for name in ("_BOOTSTRAP", "_BUNDLED"):
        tell = getattr(seal, name).replace("main()", f"open({str(told)!r}, 'w').write(' '.join(sources()))")
        monkeypatch.setattr(seal, name, _SOURCES + tell)

    def modules() -> set[str]:
        with (bundle / "config.json").open() as unused:
            os.waitpid(seal.start_role("launcher", unused.fileno(), session=False), 0)
        return set(told.read_text().split())

    assert "containerd_py.runtime.init.worker" in modules()
    run_from(bundle / "cache", bundle)
    assert not [name for name in modules() if not name.startswith("encodings")]


_WITHOUT_MEMFD = """
import os
def refused(*_given):
    raise PermissionError(13, "sysctl vm.memfd_noexec")
seal.sealed_executable = refused
seal._through_overlay = lambda path: seal.Fd(os.open(path, os.O_PATH))
"""
"""In place of an overlay, which not each host has below its interpreter."""


@pytest.mark.parametrize("refused", ["", _WITHOUT_MEMFD], ids=["memfd", "overlay"])
def test_the_interpreter_is_not_where_a_role_gets_its_descriptors(refused: str) -> None:
    """Of a program that has few open."""
    told = f"import sys; sys.path.append({str(_ROOT)!r})\nfrom containerd_py.runtime.spawner import seal\n{refused}"
    words = [sys.executable, "-IS", "-c", f"{told}print(seal.interpreter().fileno())"]
    number = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert int(number) >= 5
