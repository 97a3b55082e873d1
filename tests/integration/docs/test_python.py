"""The blocks of Python in the reference do what the pages say, with a daemon and containers of the test."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from containerd_py.client import Client
from containerd_py.wire import ContainerSpec
from tests.integration import docs_blocks

if TYPE_CHECKING:
    from tests.integration.daemon_process import Daemon

_REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def _execute(block: str, daemon: Daemon, *arguments: str) -> str:
    """Execute it in a process of its own; the client is that of the daemon. Return what it prints."""
    for opened in ("Client()", "SyncClient()"):
        block = block.replace(f" {opened} ", f" {opened[:-1]}{str(daemon.socket)!r}) ")
    command = [sys.executable, "-W", "error", "-c", block, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


async def test_the_client_for_asyncio(daemon: Daemon, rootfs: Path) -> None:
    block = docs_blocks.of_kind(_REFERENCE / "client.md", "python")[0].replace("/srv/root", str(rootfs))
    assert await asyncio.to_thread(_execute, f"{block}\nimport asyncio\nasyncio.run(main())", daemon) == "b'hello\\n' 0\n"


async def test_the_client_for_scripts(daemon: Daemon, rootfs: Path) -> None:
    block = docs_blocks.of_kind(_REFERENCE / "client.md", "python")[1]
    async with Client(str(daemon.socket)) as client:
        for name, args in {"shell": ("/bin/sh",), "web": ("/bin/sleep", "100")}.items():
            await client.create(ContainerSpec(rootfs=str(rootfs), args=args, name=name, stdin=True))
            await client.start(name)
        printed = await asyncio.to_thread(_execute, block, daemon)
        assert (await client.container("web")).exit is not None
        for name in ("shell", "web"):
            await client.delete(name)
    assert [line.split()[0] for line in printed.splitlines()[:2]] == ["shell", "web"]
    assert "container.started" in printed
    assert printed.endswith("3\n")


async def test_an_attachment_without_our_client(daemon: Daemon, rootfs: Path) -> None:
    blocks = docs_blocks.of_kind(_REFERENCE / "api.md", "python")
    shown = next(one for one in docs_blocks.of_kind(_REFERENCE / "api.md", "") if "Success" in one)
    async with Client(str(daemon.socket)) as client:
        await client.create(ContainerSpec(rootfs=str(rootfs), args=("/bin/cat",), name="cat", stdin=True))
        assert await asyncio.to_thread(_execute, blocks[0], daemon, str(daemon.socket), "cat") == shown
        await client.delete("cat")


async def test_events_by_the_client(daemon: Daemon, rootfs: Path) -> None:
    """An endless one: it prints what there is, and is left."""
    block = docs_blocks.of_kind(_REFERENCE / "api.md", "python")[1]
    block = block.replace("event.attributes)", "event.attributes)\n        break")
    body = "\n    ".join(block.splitlines())
    script = f"import asyncio\nfrom containerd_py.client import Client\nasync def main():\n    {body}\nasyncio.run(main())"
    async with Client(str(daemon.socket)) as client:
        await client.create(ContainerSpec(rootfs=str(rootfs), args=("/bin/true",), name="ended"))
        await client.start("ended")
        await client.wait("ended")
        assert " ended {'exit_code': '0'" in await asyncio.to_thread(_execute, script, daemon)
        await client.delete("ended")
