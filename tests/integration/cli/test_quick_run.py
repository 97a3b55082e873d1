"""`pyctr` as it is installed: a container in the usual form is run without `site`, everything else as ever."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from containerd_py.cli.quick.usual import read

if TYPE_CHECKING:
    from tests.integration.api_client import Api
    from tests.integration.daemon_process import Daemon

_ROOT = Path(__file__).resolve().parents[3]
_LINES = 200_000


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """An installation of this package, with an interpreter that notes how it is started."""
    place = tmp_path / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    place.mkdir(parents=True)
    (place / "__editable__.pycontainerd-0.pth").write_text(f"{_ROOT}\n")
    (tmp_path / "bin").mkdir()
    interpreter = tmp_path / "bin/python3"
    note = shlex.quote(str(tmp_path / "started"))
    interpreter.write_text(f'#!/bin/sh\necho "$1" >>{note}\nexec {shlex.quote(sys.executable)} "$@"\n')
    program = tmp_path / "bin/pyctr"
    program.write_text((_ROOT / "containerd_py/cli/pyctr").read_text())
    for one in (interpreter, program):
        one.chmod(0o755)
    return program


def started(program: Path, daemon: Daemon, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYCONTAINERD_SOCKET": str(daemon.socket), "PYTHONPATH": str(_ROOT)}
    return subprocess.run([program, *words], capture_output=True, text=True, check=False, timeout=60, env=environment)


async def test_a_container_is_run_and_removed(program: Path, daemon: Daemon, api: Api, rootfs: Path) -> None:
    words = ("run", "--rm", "--rootfs", str(rootfs), "-e", "A=b", "/bin/sh", "-c", "echo $A; echo error >&2; exit 3")
    assert read(words, {}) is not None
    done = started(program, daemon, *words)
    assert (done.returncode, done.stdout, done.stderr) == (3, "b\n", "error\n")
    assert (program.parent.parent / "started").read_text() == "-IS\n"
    assert (await api.get("/v1/containers")).json["containers"] == []


async def test_all_its_output_comes_in_order(program: Path, daemon: Daemon, rootfs: Path) -> None:
    script = f"i=0; while [ $i -lt {_LINES} ]; do echo $i; i=$((i+1)); done"
    done = started(program, daemon, "run", "--rm", "--rootfs", str(rootfs), "/bin/sh", "-c", script)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [str(number) for number in range(_LINES)]


async def test_what_cannot_be_executed_has_a_shells_code(program: Path, daemon: Daemon, rootfs: Path) -> None:
    done = started(program, daemon, "run", "--rm", "--rootfs", str(rootfs), "/bin/none")
    assert done.returncode == 127
    assert "/bin/none" in done.stderr
    assert done.stderr.count("\n") == 1


async def test_other_forms_and_commands_are_for_the_rest(program: Path, daemon: Daemon, rootfs: Path) -> None:
    done = started(program, daemon, "run", "--rm", "--memory", "64m", "--rootfs", str(rootfs), "/bin/echo", "hi")
    assert (done.returncode, done.stdout, done.stderr) == (0, "hi\n", "")
    assert started(program, daemon, "ps", "--all").returncode == 0
    first, *others = (program.parent.parent / "started").read_text().splitlines()
    assert first == "-IS"
    assert others == [str(program)]  # the second start of the first is by the interpreter itself
