"""`pyctr` as it is installed: `run` and `exec` in the usual form do without `site`, everything else is as ever."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from containerd_py.cli.quick.usual import read

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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


@pytest_asyncio.fixture
async def there(api: Api, rootfs: Path) -> AsyncIterator[None]:
    """Containers: "web", which runs, and "made", which does not."""
    for name in ("web", "made"):
        await api.post("/v1/containers", json={"rootfs": str(rootfs), "name": name, "args": ["/bin/sleep", "1000"]})
    await api.post("/v1/containers/web/start")
    yield
    for name in ("web", "made"):
        await api.delete(f"/v1/containers/{name}?force=true")


def started(program: Path, daemon: Daemon, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return _called((str(program), *words), daemon, typed)


def _called(command: tuple[str, ...], daemon: Daemon, typed: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYCONTAINERD_SOCKET": str(daemon.socket), "PYTHONPATH": str(_ROOT)}
    return subprocess.run(command, input=typed, capture_output=True, text=True, check=False, timeout=60, env=environment)


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


@pytest.mark.parametrize(
    "words",
    [
        ("web", "/bin/sh", "-c", "echo out; echo err >&2; exit 3"),
        ("web", "/bin/sh", "-c", "kill -9 $$"),
        ("-i", "web", "/bin/sh", "-c", "cat; echo end"),
        ("web", "/bin/sh", "-c", "cat; echo end"),
        ("-e", "A=b", "-w", "/bin", "-u", "1:2", "web", "/bin/sh", "-c", "echo $A; pwd; id"),
        ("--cap", "CAP_KILL", "--group-add", "7", "web", "/bin/sh", "-c", "grep Cap /proc/self/status; id"),
        ("--cap", "CAP_NONE", "web", "/bin/true"),
        ("-w", "relative", "web", "/bin/true"),
        ("-w", "/none", "web", "/bin/true"),
        ("-u", "nobody-of-that-name", "web", "/bin/true"),
        ("web", "/bin/none"),
        ("web", "/etc"),
        ("web", ""),
        ("none", "/bin/true"),
        ("made", "/bin/true"),
        ("-d", "none", "/bin/true"),
        ("-d", "web", "/bin/none"),
    ],
)
@pytest.mark.usefixtures("there")
async def test_both_ways_to_execute_say_the_same(program: Path, daemon: Daemon, words: tuple[str, ...]) -> None:
    assert read(("exec", *words), {}) is not None
    whole = _called((sys.executable, "-m", "containerd_py.cli.main", "exec", *words), daemon, "typed\n")
    quick = started(program, daemon, "exec", *words, typed="typed\n")
    said = [(one.returncode, one.stdout, _without_ids(one.stderr)) for one in (whole, quick)]
    assert said[0] == said[1]
    assert (program.parent.parent / "started").read_text() == "-IS\n"


@pytest.mark.usefixtures("there")
async def test_what_is_executed_detached_goes_on(program: Path, daemon: Daemon, api: Api) -> None:
    done = started(program, daemon, "exec", "-d", "web", "/bin/sleep", "60")
    assert (done.returncode, done.stderr) == (0, "")
    assert (await api.get(f"/v1/exec/{done.stdout.strip()}")).json["status"] == "running"


@pytest.mark.usefixtures("there")
async def test_a_signal_is_for_what_is_executed(program: Path, daemon: Daemon) -> None:
    script = "trap 'echo got; exit 7' TERM; echo ready; while :; do sleep 0.05; done"
    for command in ((str(program),), (sys.executable, "-m", "containerd_py.cli.main")):
        words = (*command, "--socket", str(daemon.socket), "exec", "web", "/bin/sh", "-c", script)
        environment = os.environ | {"PYTHONPATH": str(_ROOT)}
        child = await asyncio.create_subprocess_exec(*words, stdout=subprocess.PIPE, env=environment)
        assert child.stdout is not None
        assert await child.stdout.readline() == b"ready\n"
        child.terminate()
        assert ((await child.communicate())[0], child.returncode) == (b"got\n", 7)


@pytest.mark.parametrize(
    "words",
    [
        ("start", "made"),
        ("start", "web"),
        ("start", "none", "made"),
        ("start", "made", "none"),
        ("start", "faulty"),
        ("kill", "web"),
        ("kill", "-s", "TERM", "web"),
        ("kill", "--signal", "NONE", "web"),
        ("kill", "made", "web", "none"),
        ("rm", "made"),
        ("rm", "web"),
        ("rm", "-f", "web", "none", "made"),
    ],
)
async def test_both_ways_to_change_containers_say_the_same(
    program: Path, daemon: Daemon, api: Api, rootfs: Path, words: tuple[str, ...]
) -> None:
    said = []
    for command in ((sys.executable, "-m", "containerd_py.cli.main"), (str(program),)):
        await _make(api, rootfs, web="/bin/sleep", made="/bin/sleep", faulty="/bin/none")
        await api.post("/v1/containers/web/start")
        done = await asyncio.to_thread(_called, (*command, *words), daemon, "")
        listed = (await api.get("/v1/containers")).json["containers"]
        said.append((done.returncode, done.stdout, _without_ids(done.stderr), sorted(one["name"] for one in listed)))
        for one in listed:
            await api.delete(f"/v1/containers/{one['id']}?force=true")
    assert said[0] == said[1]
    assert (program.parent.parent / "started").read_text() == "-IS\n"


async def _make(api: Api, rootfs: Path, **programs: str) -> None:
    for name, path in programs.items():
        await api.post("/v1/containers", json={"rootfs": str(rootfs), "name": name, "args": [path, "1000"]})


def _without_ids(text: str) -> str:
    return re.sub(r"[0-9a-f]{24,}", "ID", text)
