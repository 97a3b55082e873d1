"""Output, input and terminals: logs over HTTP, attach over WebSocket in the framing of Kubernetes."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.api.pipes import until_input_waits
from tests.integration.api.restarts import output
from tests.integration.api_client import BASE, Api
from tests.integration.daemon_process import Daemon

PROTOCOL = "v5.channel.k8s.io"


class Attached:
    """One attached client; collects what comes by channel."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.channels: dict[int, bytes] = {}
        self.order: list[int] = []

    async def receive(self) -> bool:
        """Take one message; False at the end."""
        message = await self.socket.receive(timeout=20)
        if message.type is not aiohttp.WSMsgType.BINARY:
            return False
        channel, data = message.data[0], message.data[1:]
        self.channels[channel] = self.channels.get(channel, b"") + data
        self.order.append(channel)
        return True

    async def to_end(self) -> Any:
        """Take everything; return the status."""
        while await self.receive():
            pass
        assert self.socket.close_code == 1000
        assert self.order[-3:] == [255, 255, 3]
        assert self.channels[255] == bytes([1, 2])
        return json.loads(self.channels[3])

    async def until(self, text: bytes, channel: int = 1) -> None:
        while text not in self.channels.get(channel, b""):
            assert await self.receive(), self.channels

    async def send(self, channel: int, data: bytes) -> None:
        await self.socket.send_bytes(bytes([channel]) + data)


def attach(api: Api, container: str, query: str = "") -> Any:
    return api.session.ws_connect(f"{BASE}/v1/containers/{container}/attach{query}", protocols=(PROTOCOL,))


async def start(api: Api, container: str) -> None:
    assert (await api.post(f"/v1/containers/{container}/start")).status == 204


async def remove(api: Api, container: str) -> None:
    assert (await api.delete(f"/v1/containers/{container}?force=true")).status == 204


async def test_attach_before_start_misses_nothing(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sh", "-c", "echo out; echo err >&2; exit 3")
    async with attach(api, container) as socket:
        assert socket.protocol == PROTOCOL
        client = Attached(socket)
        await start(api, container)
        status = await client.to_end()
    assert (client.channels[1], client.channels[2]) == (b"out\n", b"err\n")
    assert status == {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": "command terminated with exit code 3",
        "details": {"causes": [{"reason": "ExitCode", "message": "3"}]},
    }
    await remove(api, container)


async def test_success_is_told(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/true")
    async with attach(api, container) as socket:
        await start(api, container)
        assert await Attached(socket).to_end() == {"metadata": {}, "status": "Success"}
    async with attach(api, container, "?offset=0") as socket:  # after the end: the same
        assert await Attached(socket).to_end() == {"metadata": {}, "status": "Success"}
    await remove(api, container)


async def test_input_and_its_end(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/cat", stdin=True)
    async with attach(api, container) as socket:
        client = Attached(socket)
        await start(api, container)
        await client.send(0, b"one\n")
        await client.until(b"one\n")
        await client.send(0, b"two")
        await client.send(255, b"\0")
        await client.to_end()
    assert client.channels[1] == b"one\ntwo"
    await remove(api, container)


async def test_a_mebibyte_through_the_payload_unchanged(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/cat", stdin=True)
    data = bytes(range(256)) * 4096
    async with attach(api, container) as socket:
        client = Attached(socket)
        await start(api, container)

        async def feed() -> None:
            for begin in range(0, len(data), 32_000):
                await client.send(0, data[begin : begin + 32_000])
            await client.send(255, b"\0")

        _none, _status = await asyncio.gather(feed(), client.to_end())
    assert client.channels[1] == data
    assert (await api.get(f"/v1/containers/{container}/logs")).body == data
    await remove(api, container)


async def test_without_stdin_the_input_is_empty(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/cat")
    async with attach(api, container) as socket:
        client = Attached(socket)
        await client.send(0, b"ignored")
        await start(api, container)
        assert (await client.to_end())["status"] == "Success"
    assert 1 not in client.channels
    await remove(api, container)


async def test_a_terminal(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sh", terminal=True)
    async with attach(api, container) as socket:
        client = Attached(socket)
        await start(api, container)
        await client.send(4, json.dumps({"Width": 91, "Height": 17}).encode())
        await client.send(0, b"stty size; tty; echo error >&2; exit 4\n")
        status = await client.to_end()
    assert status["details"]["causes"][0]["message"] == "4"
    assert b"17 91\r\n" in client.channels[1]
    assert b"/dev/pts/0\r\n" in client.channels[1]
    assert b"error\r\n" in client.channels[1]
    assert 2 not in client.channels
    await remove(api, container)


async def test_the_end_of_input_on_a_terminal_is_typed(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/cat", terminal=True)
    async with attach(api, container) as socket:
        client = Attached(socket)
        await start(api, container)
        await client.send(0, b"line\n")
        await client.until(b"line\r\nline\r\n")
        await client.send(255, b"\0")
        assert (await client.to_end())["status"] == "Success"
    await remove(api, container)


async def test_resize_over_http(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/stty", "size", terminal=True)
    assert (await api.post(f"/v1/containers/{container}/resize?rows=5&columns=77")).status == 204
    await start(api, container)
    await api.post(f"/v1/containers/{container}/wait")
    assert (await api.get(f"/v1/containers/{container}/logs")).body == b"5 77\r\n"
    (await api.post(f"/v1/containers/{container}/resize?rows=5&columns=77")).error(409, "conflict")
    await remove(api, container)


async def test_resize_without_a_terminal(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/true")
    (await api.post(f"/v1/containers/{container}/resize?rows=5&columns=77")).error(409, "conflict", step="resize")
    await remove(api, container)


async def test_signals_on_the_stream(api: Api, rootfs: Path) -> None:
    script = "trap 'echo caught; exit 7' USR1; read a; echo got $a; while :; do sleep 0.1; done"
    container = await api.create(rootfs, "/bin/sh", "-c", script, stdin=True)
    async with attach(api, container) as socket:
        client = Attached(socket)
        await start(api, container)
        await client.send(0, b"one\n")
        await client.until(b"got one\n")
        await client.send(5, b"USR1")
        status = await client.to_end()
    assert client.channels[1] == b"got one\ncaught\n"
    assert status["details"]["causes"][0]["message"] == "7"
    events = (await api.get("/v1/events?since_id=0&follow=false&type=container.killed")).body
    assert b'"signal":"SIGUSR1"' in events
    assert b'"asked_by":{' in events
    await remove(api, container)


async def test_two_clients_see_the_same_and_a_late_one_may_catch_up(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/cat", stdin=True)
    await start(api, container)
    async with attach(api, container) as one, attach(api, container) as two:
        first, second = Attached(one), Attached(two)
        await first.send(0, b"from one\n")
        await first.until(b"from one\n")
        await second.until(b"from one\n")
        async with attach(api, container, "?offset=5") as late:
            third = Attached(late)
            await third.until(b"one\n")
            await second.send(0, b"from two\n")
            for client in (first, second, third):
                await client.until(b"from two\n")
        await second.send(255, b"\0")
        await asyncio.gather(first.to_end(), second.to_end())
    assert third.channels[1] == b"one\nfrom two\n"
    await remove(api, container)


async def test_a_client_that_reads_nothing_holds_nobody_up(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sh", "-c", "seq 300000; echo end")
    async with attach(api, container, "?offset=0"):
        await start(api, container)
        ended = (await api.post(f"/v1/containers/{container}/wait")).json
        assert ended["exit_code"] == 0
        output = (await api.get(f"/v1/containers/{container}/logs")).body
    assert output == "".join(f"{number}\n" for number in range(1, 300_001)).encode() + b"end\n"
    await remove(api, container)


async def test_stdin_flood_to_a_payload_that_never_reads(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sleep", "100", stdin=True)
    await start(api, container)
    async with attach(api, container) as socket:
        client = Attached(socket)

        async def flood() -> None:
            while True:
                await client.send(0, bytes(60_000))

        flooding = asyncio.create_task(flood())
        await until_input_waits(api, container)
        assert (await api.get("/v1/_ping")).status == 200
        assert (await api.post(f"/v1/containers/{container}/stop?timeout=0")).json["signal"] == "SIGKILL"
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
    await remove(api, container)


@pytest.mark.parametrize(
    "frame",
    [
        b"\x01out",
        b"\x09",
        b"\xff\x01",
        b"\xff",
        b"\x04{}",
        b'\x04{"Width": true, "Height": 1}',
        b"\x04nonsense",
        b"\x05",
        b"\x05NONE",
        b"\x05\xff",
    ],
)
async def test_frames_that_are_none(api: Api, rootfs: Path, frame: bytes) -> None:
    container = await api.create(rootfs, "/bin/sleep", "100", terminal=True)
    async with attach(api, container) as socket:
        await socket.send_bytes(frame)
        message = await socket.receive(timeout=30)
        assert (message.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, 1003)
        assert message.extra.startswith(("cannot read", "cannot parse"))
    await remove(api, container)


async def test_a_frame_that_is_too_large(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/cat", stdin=True)
    async with attach(api, container) as socket:
        await socket.send_bytes(bytes(70_000))
        await socket.receive(timeout=30)
        assert socket.close_code == 1009
    await remove(api, container)


async def test_attach_needs_the_protocol(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/true")
    (await api.get(f"/v1/containers/{container}/attach")).error(400, "invalid_argument", step="attach")
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await api.session.ws_connect(f"{BASE}/v1/containers/{container}/attach")
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await attach(api, "nobody")
    await remove(api, container)


async def test_replay_becomes_live_without_a_gap_or_a_double_across_files(api: Api, rootfs: Path) -> None:
    """Clients that come at any time, and one that leaves and comes again where it was, all see the same bytes."""
    script = "seq 60000; read a; seq 60001 120000"
    log = {"max_bytes": 16_384, "max_files": 1000}
    container = await api.create(rootfs, "/bin/sh", "-c", script, stdin=True, log=log)
    expected = "".join(f"{number}\n" for number in range(1, 120_001)).encode()

    async def stay(offset: int) -> bytes:
        async with attach(api, container, f"?offset={offset}") as socket:
            client = Attached(socket)
            await client.to_end()
            return client.channels[1]

    async def come_and_go() -> bytes:
        seen = b""
        while len(seen) < len(expected):
            async with attach(api, container, f"?offset={len(seen)}") as socket:
                client = Attached(socket)
                while len(client.channels.get(1, b"")) < 50_000 and await client.receive():
                    pass
                seen += client.channels.get(1, b"")
        return seen

    await start(api, container)
    clients = [asyncio.create_task(one) for one in (stay(0), come_and_go(), stay(1000))]
    async with asyncio.timeout(30):
        while (await api.get(f"/v1/containers/{container}")).json["output_bytes"] < 300_000:
            await asyncio.sleep(0.01)
    clients.append(asyncio.create_task(stay(5)))
    assert (await api.request("PUT", f"/v1/containers/{container}/stdin", data=b"\n")).status == 204
    one, two, three, four = await asyncio.gather(*clients)
    assert (one, two, three, four) == (expected, expected, expected[1000:], expected[5:])
    assert (await api.get(f"/v1/containers/{container}/logs")).body == expected
    await remove(api, container)


def read_and_written(pid: int) -> int:
    """Return what a process has moved by read(2), write(2) and their like (proc_pid_io(5)): a splice is none of them."""
    fields = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(fields["rchar"]) + int(fields["wchar"])


@pytest.mark.parametrize("terminal", [False, True])
async def test_output_does_not_pass_through_the_daemon(daemon: Daemon, api: Api, rootfs: Path, *, terminal: bool) -> None:
    size = 16 << 20
    script = f"stty raw 2>/dev/null; busybox dd if=/dev/zero bs=65536 count={size >> 16} 2>/dev/null"
    container = await api.create(rootfs, "/bin/sh", "-c", script, terminal=terminal)
    before = read_and_written(daemon.pid)
    await start(api, container)
    await api.post(f"/v1/containers/{container}/wait")
    assert (await api.get(f"/v1/containers/{container}")).json["output_bytes"] == size
    assert read_and_written(daemon.pid) - before < size / 16
    await remove(api, container)


async def test_logs_by_stream_and_offset(api: Api, rootfs: Path) -> None:
    script = "echo 1; read a; echo 2 >&2; read a; echo 3"
    container = await api.create(rootfs, "/bin/sh", "-c", script, stdin=True)
    await start(api, container)
    for lines in (1, 2):  # what two streams have at once has no order
        await output(api, container, lines)
        assert (await api.request("PUT", f"/v1/containers/{container}/stdin", data=b"\n")).status == 204
    await api.post(f"/v1/containers/{container}/wait")
    for query, expected in (
        ("", b"1\n2\n3\n"),
        ("?stream=stdout", b"1\n3\n"),
        ("?stream=stderr", b"2\n"),
        ("?offset=2", b"2\n3\n"),
        ("?offset=3&stream=stderr", b"\n"),
        ("?offset=6", b""),
        ("?offset=999", b""),
    ):
        assert (await api.get(f"/v1/containers/{container}/logs{query}")).body == expected, query
    await remove(api, container)


async def test_logs_follow_to_the_end(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sh", "-c", "read a; echo got $a; read b; echo -n got $b", stdin=True)
    await start(api, container)
    async with (
        api.session.get(f"{BASE}/v1/containers/{container}/logs?follow=true") as stream,
        attach(api, container) as socket,
    ):
        client = Attached(socket)
        await client.send(0, b"one\n")
        assert await stream.content.readline() == b"got one\n"
        await client.send(0, b"two\n")
        assert await stream.content.read() == b"got two"  # the last line has no newline
    await remove(api, container)


async def test_a_grandchild_that_keeps_stdout_open_does_not_hold_the_exit(api: Api, rootfs: Path) -> None:
    document = {
        "ociVersion": "1.2.0",
        "root": {"path": str(rootfs)},
        "process": {"args": ["sh", "-c", "sleep 60 & echo parent"], "env": ["PATH=/bin"], "cwd": "/"},
        "mounts": [{"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}],
        "linux": {"namespaces": [{"type": "mount"}]},  # no pid namespace: the grandchild lives on
    }
    container = (await api.post("/v1/containers", json={"oci": document})).json["id"]
    await start(api, container)
    async with asyncio.timeout(30):
        assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 0
        assert (await api.get(f"/v1/containers/{container}/logs?follow=true")).body == b"parent\n"
    await remove(api, container)
