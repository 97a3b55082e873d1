"""Completion as the shells ask for it: keys are typed at bash, zsh and fish, and the line is looked at."""

import asyncio
import os
import pty
import re
import sys
from pathlib import Path

import pytest

from containerd_py.engine.readiness import readable
from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon

_SEQUENCE = re.compile(rb"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[()=>][A-Z0]?)")
SHELLS = {
    "bash": (("bash", "--norc", "--noprofile", "-i"), 'eval "$(pyctr completion bash)"'),
    "zsh": (("zsh", "-f", "-i"), 'autoload -U compinit; compinit -u -D; eval "$(pyctr completion zsh)"'),
    "fish": (("fish", "--no-config", "-i"), "pyctr completion fish | source"),
}
CASES = (
    (b"pyctr unpau\t", b"pyctr unpause "),
    (b"pyctr stop webs\t", b"pyctr stop webserver "),
    (b"pyctr kill -s WIN\t", b"pyctr kill -s WINCH "),
    (b"pyctr ps --filter label=tie\t", b"--filter label=tier"),
    (b"pyctr ps --filter sta\t", b"pyctr ps --filter status="),
    (b"pyctr logs --timest\t", b"pyctr logs --timestamps "),
)


class Shell:
    """An interactive shell at a pseudo-terminal."""

    def __init__(self, master: int, process: asyncio.subprocess.Process) -> None:
        self._master = master
        self._process = process
        self._seen = b""

    async def until(self, text: bytes) -> None:
        async with asyncio.timeout(30):
            while text not in _SEQUENCE.sub(b"", self._seen):
                await readable(self._master)
                self._seen += os.read(self._master, 65_536)

    def type(self, keys: bytes) -> None:
        self._seen = b""
        os.write(self._master, keys)

    async def close(self) -> None:
        self._process.kill()
        await self._process.wait()
        self._process._transport.close()  # type: ignore[attr-defined]
        os.close(self._master)


async def shell(command: tuple[str, ...], home: Path, daemon: Daemon) -> Shell:
    (home / "bin").mkdir()
    script = home / "bin/pyctr"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m containerd_py.cli.main "$@"\n')
    script.chmod(0o755)
    master, slave = pty.openpty()
    environment = os.environ | {
        "HOME": str(home),
        "PATH": f"{home}/bin:{os.environ['PATH']}",
        "PYCONTAINERD_SOCKET": str(daemon.socket),
        "TERM": "dumb",
        "XDG_CONFIG_HOME": str(home),
        "XDG_DATA_HOME": str(home),
    }
    process = await asyncio.create_subprocess_exec(
        "setsid", "--ctty", *command, stdin=slave, stdout=slave, stderr=slave, env=environment
    )
    os.close(slave)
    return Shell(master, process)


@pytest.mark.parametrize("name", SHELLS)
async def test_what_a_tab_gives(daemon: Daemon, api: Api, rootfs: Path, tmp_path: Path, name: str) -> None:
    labels = {"tier": "front", "evil $(touch evil) `touch evil`": "*"}
    container = await api.create(rootfs, "/bin/sleep", "100", name="webserver", labels=labels)
    await api.post(f"/v1/containers/{container}/start")
    (tmp_path / "home").mkdir()
    command, set_up = SHELLS[name]
    terminal = await shell(command, tmp_path / "home", daemon)
    try:
        terminal.type(f"cd {tmp_path}/home; {set_up}; echo REA''DY\n".encode())
        await terminal.until(b"READY")
        for typed, line in CASES:
            terminal.type(typed)
            await terminal.until(line)
            terminal.type(b"\x15")  # the line is killed
        terminal.type(b"pyctr ps --filter label=e\t")
        await terminal.until(b"evil")
    finally:
        await terminal.close()
    assert not (tmp_path / "home/evil").exists()
    await api.delete(f"/v1/containers/{container}?force=true")


async def test_execs_are_completed(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sleep", "100", name="box")
    await api.post(f"/v1/containers/{container}/start")
    made = (await api.post(f"/v1/containers/{container}/exec", json={"args": ["/bin/sleep", "5"]})).json["id"]
    assert await asked(daemon, "execs", "kill", "") == [f"{made}\t/bin/sleep 5", ":none"]
    assert await asked(daemon, "execs", "kill", made[:4]) == [f"{made}\t/bin/sleep 5", ":none"]
    assert await asked(daemon, "stop", "") == ["box\trunning", ":none"]
    assert await asked(daemon, "stop", container[:5]) == [f"{container}\tbox", ":none"]
    assert await asked(daemon, "stop", "box", "") == [":files"]
    assert await asked(daemon, "unpause", "") == [":files"]
    await api.delete(f"/v1/containers/{container}?force=true")


async def asked(daemon: Daemon, *words: str) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "containerd_py.cli.main", "__complete", *words),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYCONTAINERD_SOCKET": str(daemon.socket)},
    )
    out, _ = await process.communicate()
    process._transport.close()  # type: ignore[attr-defined]
    return out.decode().splitlines()
