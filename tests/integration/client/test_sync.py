"""The client for scripts against a real daemon: a whole life, and nothing left of it."""

import asyncio
import threading
from pathlib import Path

import pytest

from containerd_py.client import Channel, SyncClient
from containerd_py.errors import Conflict, NotFound
from containerd_py.wire import ContainerSpec, ExecSpec
from tests.integration.daemon_process import Daemon


def live(client: SyncClient, rootfs: Path) -> None:
    script = "echo up; cat; exit 3"
    spec = ContainerSpec(rootfs=str(rootfs), args=("/bin/sh", "-c", script), name="box", stdin=True, labels={"a": "b"})
    created = client.create(spec)
    with pytest.raises(Conflict):
        client.create(spec)
    with client.attach(created.id, 0) as attachment:
        client.start("box")
        assert [one.name for one in client.containers("running", ["a=b"])] == ["box"]
        executed = client.exec_create("box", ExecSpec(args=("/bin/cat",), stdin=True))
        client.exec_start(executed.id)
        client.exec_write_stdin(executed.id, (piece for piece in (b"one\n", b"two\n")), close=True)
        assert client.exec_wait(executed.id).exit_code == 0
        assert b"".join(client.exec_logs(executed.id)) == b"one\ntwo\n"
        assert client.top("box").processes[0].container_pid == 1
        assert next(client.stats("box", interval_s=0.1)).name == "box"
        attachment.send_stdin(b"typed\n")
        attachment.close_stdin()
        assert b"".join(data for channel, data in attachment if channel is Channel.STDOUT) == b"up\ntyped\n"
        assert attachment.exit_code == 3
    assert client.wait("box").exit_code == 3
    assert b"".join(client.logs("box", follow=True)) == b"up\ntyped\n"
    kinds = [event.type for event in client.events(0, follow=False)]
    assert kinds[:2] == ["container.created", "container.started"]
    client.delete("box")
    with pytest.raises(NotFound, match="box"):
        client.container("box")


async def test_a_whole_life(daemon: Daemon, rootfs: Path) -> None:
    def script() -> None:
        before = threading.enumerate()
        with SyncClient(str(daemon.socket)) as client:
            live(client, rootfs)
        assert [one for one in threading.enumerate() if one not in before] == []

    await asyncio.to_thread(script)


async def test_several_threads_use_one_client(daemon: Daemon, rootfs: Path) -> None:
    def work(client: SyncClient, number: int) -> int | None:
        name = f"box{number}"
        client.create(ContainerSpec(rootfs=str(rootfs), args=("/bin/sh", "-c", f"exit {number}"), name=name))
        client.start(name)
        code = client.wait(name).exit_code
        client.delete(name)
        return code

    with SyncClient(str(daemon.socket)) as client:
        codes = await asyncio.gather(*(asyncio.to_thread(work, client, number) for number in range(8)))
    assert codes == list(range(8))
