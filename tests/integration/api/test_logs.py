"""Parts of output over HTTP, and input without a WebSocket."""

import asyncio
import io
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.pipes import until_input_waits
from tests.integration.api.test_execs import begin, create
from tests.integration.api.test_streams import Attached, attach, remove, start
from tests.integration.api_client import BASE, Api
from tests.integration.daemon_process import Daemon

STAMP = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}Z ")


async def logs(api: Api, path: str, **query: Any) -> bytes:
    answer = await api.get(f"{path}/logs", params={name: str(value) for name, value in query.items()})
    assert answer.status == 200, answer.body
    return answer.body


async def test_by_time_and_by_lines(api: Api, rootfs: Path) -> None:
    container = await api.create(
        rootfs, "/bin/sh", "-c", "echo one; echo err >&2; read a; echo two; echo -n last", stdin=True
    )
    path = f"/v1/containers/{container}"
    await start(api, container)
    async with asyncio.timeout(30):
        while await logs(api, path) != b"one\nerr\n":
            await asyncio.sleep(0.01)
    between = time.time()
    assert (await api.request("PUT", f"{path}/stdin", data=b"\n")).status == 204
    await api.post(f"{path}/wait")
    first = await logs(api, path, until=between)
    assert sorted(first.split()) == [b"err", b"one"]
    assert await logs(api, path, since=f"{between:.6f}") == b"two\nlast"
    zoned = datetime.fromtimestamp(between, UTC).isoformat()
    assert await logs(api, path, since=zoned) == b"two\nlast"
    assert await logs(api, path, since=zoned, tail=1) == b"last"
    assert await logs(api, path, tail=2, follow="true") == b"two\nlast"
    assert await logs(api, path, tail=1, stream="stderr") == b"err\n"
    stamped = await logs(api, path, timestamps="true")
    assert STAMP.sub(b"", stamped) == first + b"two\nlast"
    assert len(STAMP.findall(stamped)) == 4
    await remove(api, container)


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "since=2025-03-01",
        "since=-1",
        "until=",
        "tail=-1",
        "tail=x",
        "timestamps=maybe",
        "since=1e400",
        "until=1&since=2",
    ],
)
async def test_queries_that_are_wrong(api: Api, rootfs: Path, query: str) -> None:
    container = await api.create(rootfs, "/bin/true")
    answer = await api.get(f"/v1/containers/{container}/logs?{query}")
    assert query.partition("=")[0] in answer.error(400, "invalid_argument", step="parse")["message"]
    await remove(api, container)


async def test_input_by_put(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/cat", stdin=True)
    path = f"/v1/containers/{container}"
    await start(api, container)
    assert (await api.request("PUT", f"{path}/stdin", data=b"first\n")).status == 204
    data = bytes(range(256)) * 4096
    assert (await api.request("PUT", f"{path}/stdin?close=true", data=data)).status == 204
    assert (await api.post(f"{path}/wait")).json["exit_code"] == 0
    assert await logs(api, path) == b"first\n" + data
    (await api.request("PUT", f"{path}/stdin", data=b"late")).error(409, "conflict", step="stdin")
    await remove(api, container)
    (await api.request("PUT", f"{path}/stdin", data=b"late")).error(404, "not_found")


async def test_input_that_nobody_reads_holds_up_its_client_only(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sleep", "100", stdin=True)
    await start(api, container)
    flooding = asyncio.create_task(
        api.request("PUT", f"/v1/containers/{container}/stdin", data=io.BytesIO(bytes(10_000_000)))
    )
    await until_input_waits(api, container)
    assert not flooding.done()
    assert (await api.get("/v1/_ping")).status == 200
    await remove(api, container)
    (await flooding).error(409, "conflict")
    without = await api.create(rootfs, "/bin/sleep", "100")
    await start(api, without)
    (await api.request("PUT", f"/v1/containers/{without}/stdin", data=b"x")).error(409, "conflict", step="stdin")
    await remove(api, without)


async def test_a_client_that_leaves_in_the_middle_of_its_input(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/cat", stdin=True)
    await start(api, container)
    sent = asyncio.Event()

    async def body() -> Any:
        yield b"begun\n"
        sent.set()
        await asyncio.Event().wait()

    going = asyncio.ensure_future(api.session.put(f"{BASE}/v1/containers/{container}/stdin?close=true", data=body()))
    await sent.wait()
    async with asyncio.timeout(30):
        while await logs(api, f"/v1/containers/{container}") != b"begun\n":
            await asyncio.sleep(0.01)
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    assert (await api.request("PUT", f"/v1/containers/{container}/stdin?close=true", data=b"and on")).status == 204
    assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 0
    assert await logs(api, f"/v1/containers/{container}") == b"begun\nand on"
    await remove(api, container)


async def test_a_log_of_limited_size(daemon: Daemon, rootfs: Path) -> None:
    log = {"max_bytes": 4096, "max_files": 2}
    async with daemon.api() as api:
        container = await api.create(rootfs, "/bin/sh", "-c", "seq 3000; read a; echo end", stdin=True, log=log)
        path = f"/v1/containers/{container}"
        await start(api, container)
        size = len("".join(f"{n}\n" for n in range(1, 3001)))
        async with asyncio.timeout(30):
            while (await api.get(path)).json["output_bytes"] < size:
                await asyncio.sleep(0.01)
    daemon.kill()
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        kept = await logs(api, path)
        everything = "".join(f"{n}\n" for n in range(1, 3001)).encode()
        assert everything.endswith(kept)
        assert 4096 < len(kept) <= 8192
        first = size - len(kept)
        assert await logs(api, path, offset=first + 10) == kept[10:]
        assert await logs(api, path, tail=2) == b"2999\n3000\n"
        (await api.get(f"{path}/logs?offset=0")).error(409, "conflict", step="logs")
        answer = await api.get(f"{path}/logs?offset=5")
        assert str(first) in answer.error(409, "conflict", step="logs")["message"]
        async with attach(api, container, "?offset=5") as socket:
            message = await socket.receive(timeout=30)
            assert (message.data, socket.close_code) == (1013, 1013)
            assert message.extra.endswith(f"offset={first}")
        async with attach(api, container, f"?offset={first}") as socket:
            client = Attached(socket)
            await client.send(0, b"\n")
            await client.to_end()
        assert client.channels[1] == kept + b"end\n"
        await remove(api, container)
    assert list((daemon.data_dir / "containers").iterdir()) == []


async def test_without_a_log(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sh", "-c", "echo seen; exit 3", log={"driver": "none"})
    async with attach(api, container) as socket:
        client = Attached(socket)
        await start(api, container)
        await client.to_end()
    assert client.channels[1] == b"seen\n"
    (await api.get(f"/v1/containers/{container}/logs")).error(409, "conflict", step="logs")
    assert not (daemon.data_dir / "containers").exists()
    await remove(api, container)
    assert list((daemon.state_dir / "transient").iterdir()) == []


@pytest.mark.parametrize("log", [{"driver": "syslog"}, {"max_bytes": 1}, {"max_files": 0}, {"colour": 1}, None])
async def test_logs_that_cannot_be(api: Api, rootfs: Path, log: Any) -> None:
    body = {"rootfs": str(rootfs), "args": ["/bin/true"], "log": log}
    assert "log" in (await api.post("/v1/containers", json=body)).error(400, "invalid_argument")["message"]


async def test_an_exec_whose_first_output_is_gone(daemon: Daemon, rootfs: Path) -> None:
    daemon.stop()
    daemon.start(PYCONTAINERD_LOG_MAX_BYTES="4096", PYCONTAINERD_LOG_MAX_FILES="1")
    await daemon.answering()
    async with daemon.api() as api:
        container = await api.create(rootfs, "/bin/sleep", "100")
        await start(api, container)
        made = await begin(api, container, "/bin/seq", "1", "2000")
        await api.post(f"/v1/exec/{made}/wait")
        (await api.get(f"/v1/exec/{made}/logs?offset=0")).error(409, "conflict", step="logs")
        assert (await api.get(f"/v1/exec/{made}/logs")).body.endswith(b"\n2000\n")
        await remove(api, container)


async def test_of_an_exec(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sleep", "100")
    await start(api, container)
    made = await begin(api, container, "/bin/cat", stdin=True)
    assert (await api.request("PUT", f"/v1/exec/{made}/stdin?close=true", data=b"a\nb\nc")).status == 204
    await api.post(f"/v1/exec/{made}/wait")
    assert await logs(api, f"/v1/exec/{made}", tail=2, follow="true") == b"b\nc"
    detached = await create(api, container, "/bin/true", detach=True)
    (await api.get(f"/v1/exec/{detached}/logs")).error(409, "conflict", step="exec")
    (await api.request("PUT", f"/v1/exec/{detached}/stdin", data=b"x")).error(409, "conflict", step="stdin")
    await remove(api, container)
