"""What is kept of a container after its removal: output and exit, by its id, for a while and within a size."""

import asyncio
from pathlib import Path

import pytest

from tests.integration.api.test_streams import Attached, attach, remove, start
from tests.integration.api_client import BASE, Api
from tests.integration.daemon_process import Daemon


async def removed(api: Api, rootfs: Path, script: str, **fields: object) -> str:
    """Run a container to its end and remove it; return its id."""
    container = await api.create(rootfs, "/bin/sh", "-c", script, **fields)
    await start(api, container)
    await api.post(f"/v1/containers/{container}/wait")
    await remove(api, container)
    return container


def kept(daemon: Daemon) -> list[Path]:
    """Return where there is output, each with its record."""
    return list((daemon.data_dir / "removed").iterdir())


def exits(daemon: Daemon) -> list[Path]:
    """Return the records of those without output."""
    return list((daemon.state_dir / "removed").iterdir())


async def until_nothing_is_kept(daemon: Daemon) -> None:
    async with asyncio.timeout(30):
        while kept(daemon):
            await asyncio.sleep(0.01)


async def test_output_and_exit(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await removed(api, rootfs, "echo out; echo err >&2; printf last; exit 3", name="web")
    path = f"/v1/containers/{container}"
    assert (await api.get(f"{path}/logs?stream=stderr")).body == b"err\n"
    assert (await api.get(f"{path}/logs?follow=true&stream=stdout&tail=1")).body == b"last"
    assert (await api.get(f"/v1/containers/{container[:10]}/logs")).body in (
        b"out\nerr\nlast",
        b"out\nlasterr\n",
        b"err\nout\nlast",
    )
    assert (await api.post(f"{path}/wait")).json["exit_code"] == 3
    assert (await api.post(f"{path}/wait?condition=removed")).json["exit_code"] == 3
    (await api.post(f"{path}/wait?condition=next-exit")).error(404, "not_found")
    async with attach(api, container, "?offset=0") as socket:
        client = Attached(socket)
        await client.send(0, b"ignored")
        assert (await client.to_end())["details"]["causes"][0]["message"] == "3"
    assert (client.channels[1], client.channels[2]) == (b"out\nlast", b"err\n")
    for answer in (await api.get(path), await api.post(f"{path}/start"), await api.delete(path)):
        assert "wait by its id" in answer.error(404, "not_found", step="find")["hint"]
    (await api.get("/v1/containers/web/logs")).error(404, "not_found", hint=None)  # names are free again
    assert (await api.get("/v1/containers")).json["containers"] == []
    assert len(kept(daemon)) == 1


async def test_who_follows_a_removed_container_reads_to_its_end(api: Api, rootfs: Path) -> None:
    size = len("".join(f"{number}\n" for number in range(1, 200_001)))
    container = await api.create(rootfs, "/bin/seq", "200000", log={"max_bytes": 100_000, "max_files": 100})
    await start(api, container)
    async with api.session.get(f"{BASE}/v1/containers/{container}/logs?follow=true") as stream:
        first = await stream.content.readexactly(1000)
        await api.post(f"/v1/containers/{container}/wait")
        await remove(api, container)
        rest = await stream.content.read()  # in files that are elsewhere by now
    assert len(first + rest) == size


async def test_a_restart_of_the_daemon_keeps_it(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await removed(api, rootfs, "echo kept; exit 4")
        silent = await removed(api, rootfs, "exit 5")
    daemon.kill()
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        assert (await api.get(f"/v1/containers/{container}/logs")).body == b"kept\n"
        assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 4
        assert (await api.post(f"/v1/containers/{silent}/wait")).json["exit_code"] == 5
    daemon.stop()
    for path in kept(daemon):
        (path / "exit.json").write_text("{")
    (path,) = exits(daemon)
    path.with_name("cut.1.json.new").write_text("an attempt")
    path.write_text("{")
    daemon.start()
    await daemon.answering()
    assert kept(daemon) == exits(daemon) == []


async def test_an_id_that_is_used_again_means_the_newer_one(daemon: Daemon, api: Api, rootfs: Path) -> None:
    await removed(api, rootfs, "echo older", id="again")
    container = await api.create(rootfs, "/bin/echo", "newer", id="again")
    assert (await api.get("/v1/containers/again/logs")).body == b""
    await start(api, container)
    await api.post("/v1/containers/again/wait")
    await remove(api, container)
    assert (await api.get("/v1/containers/again/logs")).body == b"newer\n"
    async with asyncio.timeout(30):
        while len(kept(daemon)) > 1:
            await asyncio.sleep(0.01)


async def test_prune_makes_room_at_once(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/echo", "gone")
    await start(api, container)
    await api.post(f"/v1/containers/{container}/wait")
    assert (await api.post("/v1/prune")).json["removed"] == [container]
    (await api.get(f"/v1/containers/{container}/logs")).error(404, "not_found")
    assert kept(daemon) == []


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYCONTAINERD_REMOVED_KEEP_S", "1")


@pytest.mark.usefixtures("brief")
async def test_after_its_time_it_is_gone(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await removed(api, rootfs, "echo short")
    await until_nothing_is_kept(daemon)
    (await api.get(f"/v1/containers/{container}/logs")).error(404, "not_found", hint=None)


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYCONTAINERD_REMOVED_KEEP_S", "0")


@pytest.mark.usefixtures("nothing")
async def test_nothing_is_kept_where_that_is_the_setting(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await removed(api, rootfs, "echo none")
    (await api.get(f"/v1/containers/{container}/logs")).error(404, "not_found", hint=None)
    assert kept(daemon) == []


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYCONTAINERD_REMOVED_KEEP_BYTES", "60000")


@pytest.mark.usefixtures("small")
async def test_the_oldest_goes_where_it_is_too_much(daemon: Daemon, api: Api, rootfs: Path) -> None:
    first, second, third = [await removed(api, rootfs, f"echo {n}; seq 5000") for n in range(3)]  # 23 894 bytes each
    (await api.get(f"/v1/containers/{first}/logs")).error(404, "not_found")
    for container in (second, third):
        assert (await api.get(f"/v1/containers/{container}/logs")).body.endswith(b"\n5000\n")
    large = await removed(api, rootfs, "seq 20000")
    (await api.get(f"/v1/containers/{large}/logs")).error(404, "not_found")
    assert (await api.get(f"/v1/containers/{third}/logs")).status == 200


async def test_without_a_log_the_exit_alone_is_kept(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await removed(api, rootfs, "echo unseen; exit 6", log={"driver": "none"})
    (await api.get(f"/v1/containers/{container}/logs")).error(404, "not_found", step="logs")
    assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 6
    assert kept(daemon) == [], "a record without output needs no disk"
    assert [path.name.split(".")[0] for path in exits(daemon)] == [container]


@pytest.mark.usefixtures("brief")
async def test_an_exit_alone_is_gone_after_its_time(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await removed(api, rootfs, "exit 7")
    assert len(exits(daemon)) == 1
    async with asyncio.timeout(30):
        while exits(daemon):
            await asyncio.sleep(0.01)
    (await api.post(f"/v1/containers/{container}/wait")).error(404, "not_found", hint=None)
