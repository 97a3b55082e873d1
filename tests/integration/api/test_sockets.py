"""Further sockets: what each lets see and do, whoever asks, and what the log tells of it."""

import asyncio
import json
import os
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from containerd_py.api.routes import ROUTES, Effect
from tests.integration.api.restarts import remove, started
from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon

SLEEP = "exec sleep 100"

SETTINGS = """
[[sockets]]
path = "{open}/look.sock"
access = "read-only"
mode = "0666"
users = [12345]
groups = [23456]

[[sockets]]
path = "{open}/web.sock"
labels = ["team=web"]
host_paths = ["{host}"]
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A directory that everybody may pass: those of pytest are root's alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest_asyncio.fixture
async def sockets(daemon: Daemon, open_folder: Path, tmp_path: Path) -> AsyncIterator[Path]:
    """The folder of look.sock and web.sock of a daemon."""
    daemon.stop()
    file = tmp_path / "config.toml"
    file.write_text(SETTINGS.format(open=open_folder, host=tmp_path))
    daemon.start(PYCONTAINERD_CONFIG=str(file))
    await daemon.answering()
    yield open_folder


@pytest_asyncio.fixture
async def look(daemon: Daemon, sockets: Path) -> AsyncIterator[Api]:
    async with daemon.api(sockets / "look.sock") as api:
        yield api


@pytest_asyncio.fixture
async def web(daemon: Daemon, sockets: Path) -> AsyncIterator[Api]:
    async with daemon.api(sockets / "web.sock") as api:
        yield api


async def audit(daemon: Daemon, **fields: str | int) -> dict[str, Any]:
    """Wait until the log has an audit line with these fields; return all of it."""
    async with asyncio.timeout(30):
        while True:
            for line in daemon.lines:
                if line["event"] == "audit" and {name: line.get(name) for name in fields} == fields:
                    return line
            await asyncio.sleep(0.01)


async def test_a_read_only_socket_shows_and_changes_nothing(look: Api, daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await started(api, rootfs, "echo hi; exec sleep 100", name="seen")
        made = await api.post(f"/v1/containers/{container}/exec", json={"args": ["/bin/true"]})
        for route in ROUTES:
            of_exec = route.path.startswith("/v1/exec/")
            path = route.path.replace("{id}", made.json["id"] if of_exec else container)
            if route.effect is not Effect.READS:
                answer = await look.request(route.method, path)
                told = answer.error(403, "forbidden", step="access")
                assert route.operation in told["message"]
        found = (await look.get("/v1/containers/seen")).json
        assert (found["status"], found["name"]) == ("running", "seen")
        assert (await look.get(f"/v1/exec/{made.json['id']}")).json["status"] == "created"
        assert [one["id"] for one in (await look.get("/v1/containers")).json["containers"]] == [container]
        await remove(api, container)
        events = (await look.get("/v1/events?since_id=0&follow=false")).body
        assert b'"container.created"' in events
        assert b'"container.deleted"' in events


def ask(socket: Path, *, user: int, group: int, groups: list[int] | None = None) -> int:
    """Return the status that another user of the host gets."""
    command = [
        "curl",
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "--unix-socket",
        str(socket),
        "http://localhost/v1/info",
    ]
    told = subprocess.run(
        command, user=user, group=group, extra_groups=groups or [], capture_output=True, text=True, check=False, cwd="/"
    )
    return int(told.stdout)


async def test_who_is_not_on_the_list_is_refused(sockets: Path, daemon: Daemon) -> None:
    def asked(user: int, group: int, groups: list[int] | None = None) -> int:
        return ask(sockets / "look.sock", user=user, group=group, groups=groups)

    assert await asyncio.to_thread(asked, 12345, 1) == 200
    assert await asyncio.to_thread(asked, 777, 23456) == 200
    assert await asyncio.to_thread(asked, 777, 1, [5, 23456]) == 200
    assert await asyncio.to_thread(asked, 777, 778, [5]) == 403
    line = await audit(daemon, outcome="refused")
    assert (line["uid"], line["gid"], line["operation"]) == (777, 778, "info")
    assert "user 777 may not use this socket" in line["reason"]
    assert await asyncio.to_thread(ask, sockets / "web.sock", user=12345, group=1) == 0  # its mode lets nobody connect


async def test_what_does_not_carry_the_labels_is_not_there(web: Api, daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        other = await started(api, rootfs, SLEEP, name="other", labels={"team": "sql"})
        executed = (await api.post(f"/v1/containers/{other}/exec", json={"args": ["/bin/true"]})).json["id"]
        bodies: dict[str, Any] = {
            "create_exec": {"json": {"args": ["/bin/true"]}},
            "update_container": {"json": {"restart": "always"}},
        }
        queries = {
            "rename_container": "?name=mine",
            "resize_container": "?rows=1&columns=1",
            "resize_exec": "?rows=1&columns=1",
        }
        queries |= dict.fromkeys(("get_archive", "put_archive", "stat_path"), "?path=/bin")
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Protocol": "v5.channel.k8s.io"}
        for route in ROUTES:
            if "{id}" not in route.path:
                continue
            references = [executed] if route.path.startswith("/v1/exec/") else [other, "other", other[:8]]
            for reference in references:
                options = dict(bodies.get(route.operation, {}))
                if route.operation.startswith("attach"):
                    options["headers"] = upgrade
                path = route.path.replace("{id}", reference) + queries.get(route.operation, "")
                answer = await web.request(route.method, path, **options)
                assert answer.status == 404, f"{route.operation} of {reference}: {answer.status} {answer.body!r}"
        for path in ("/v1/containers?since=other", "/v1/containers?before=other", "/v1/stats?container=other"):
            assert (await web.get(path)).status == 404
        assert (await api.get(f"/v1/containers/{other}")).json["status"] == "running"
        await remove(api, other)
        assert (await api.get(f"/v1/containers/{other}/logs")).status == 200  # what is removed is there for a while
        for path in ("logs", "attach"):
            assert (await web.get(f"/v1/containers/{other}/{path}", headers=upgrade)).status == 404
        assert (await web.post(f"/v1/containers/{other[:14]}/wait")).status == 404


async def test_what_is_about_all_is_about_those_with_the_labels(web: Api, daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        other = await started(api, rootfs, SLEEP, name="other")
        gone = await api.create(rootfs, "/bin/true", name="gone")
        await api.post(f"/v1/containers/{gone}/stop")
        mine = await started(web, rootfs, SLEEP, name="mine")
        assert (await api.get(f"/v1/containers/{mine}")).json["labels"] == {"team": "web"}
        assert [one["id"] for one in (await web.get("/v1/containers")).json["containers"]] == [mine]
        assert [one["id"] for one in (await web.get("/v1/stats")).json["containers"]] == [mine]
        assert sum((await web.get("/v1/info")).json["containers"].values()) == 1
        metrics = (await web.get("/metrics")).body.decode()
        assert mine in metrics
        assert other not in metrics
        assert 'status="running"} 1.0' in metrics
        events = (await web.get("/v1/events?since_id=0&follow=false")).body.splitlines()
        assert {event["id"] for event in map(json.loads, events)} == {mine}
        assert (await web.get(f"/v1/events?since_id=0&follow=false&container={other}")).body == b""
        assert (await web.post("/v1/prune")).json["removed"] == []
        await web.post(f"/v1/containers/{mine}/stop?timeout=0")
        assert (await web.post("/v1/prune")).json["removed"] == [mine]
        assert (await web.get("/v1/doctor")).status == 403
        for container in (other, gone):
            await remove(api, container)


async def test_a_limited_socket_makes_no_way_to_the_host(web: Api, rootfs: Path) -> None:
    spec = {"rootfs": str(rootfs), "args": ["/bin/sleep", "100"]}
    for path in ("/v1/containers", "/v1/explain"):
        for body, words in (
            (spec | {"labels": {"team": "sql"}}, "labels.team"),
            (spec | {"rootfs": "/usr"}, "rootfs: '/usr' is not below"),
            (spec | {"network": "host"}, "network: "),
            (spec | {"mounts": [{"target": "/mnt", "source": "/etc"}]}, "mounts.0.source: '/etc'"),
            ({"bundle": str(rootfs)}, "bundle: "),
            ({"oci": {}}, "oci: "),
        ):
            answer = await web.post(path, json=body)
            assert words in answer.error(403, "forbidden", step="access")["message"]
    assert (await web.get("/v1/containers")).json["containers"] == []
    container = await started(web, rootfs, SLEEP)
    answer = await web.post(f"/v1/containers/{container}/exec", json={"args": ["/bin/id"], "privileged": True})
    assert "privileged: " in answer.error(403, "forbidden")["message"]
    assert (await web.post(f"/v1/containers/{container}/exec", json={"args": ["/bin/id"]})).status == 201
    await remove(web, container)


async def tell_of_an_exec(web: Api, daemon: Daemon, rootfs: Path) -> None:
    """What is done to an exec is done in its container, whatever another one is called."""
    container = await started(web, rootfs, SLEEP)
    made = (await web.post(f"/v1/containers/{container}/exec", json={"args": ["/bin/true"]})).json["id"]
    other = await web.create(rootfs, "/bin/true", id=made)
    await web.post(f"/v1/exec/{made}/start")
    assert (await audit(daemon, operation="start_exec", object=made))["container"] == container
    await remove(web, other)
    await remove(web, container)


async def test_the_log_tells_who_did_what(web: Api, look: Api, daemon: Daemon, sockets: Path, rootfs: Path) -> None:
    me = {"uid": 0, "gid": 0, "pid": os.getpid()}
    container = await web.create(rootfs, "/bin/true", name="told")
    made = await audit(daemon, operation="create_container", outcome="done", socket=f"{sockets}/web.sock", **me)
    assert (made["made"], made["level"]) == (container, "info")
    assert made["ms"] > 0
    await web.post("/v1/containers/told/rename?name=other%0Aname")
    failed = await audit(daemon, operation="rename_container", outcome="failed", object="told", container=container)
    assert (failed["kind"], failed["query"]) == ("invalid_argument", "name=other%0Aname")
    await web.post("/v1/containers/nobody/start")
    assert "container" not in await audit(daemon, operation="start_container", object="nobody", kind="not_found")
    await tell_of_an_exec(web, daemon, rootfs)
    await look.delete("/v1/containers/told")
    refused = await audit(daemon, operation="delete_container", outcome="refused", socket=f"{sockets}/look.sock")
    assert "this socket is read-only" in refused["reason"]
    begun = (await web.request("POST", "/v1/containers/told/stop", headers={"Prefer": "respond-async"})).json["id"]
    await audit(daemon, operation="stop_container", outcome="begun", begun=begun, container=container)
    await web.post(f"/v1/operations/{begun}/wait")
    await remove(web, container)
    await audit(daemon, operation="delete_container", outcome="done", object=container, container=container)
    told = {line["operation"] for line in daemon.lines if line["event"] == "audit"}
    assert told.isdisjoint(("list_containers", "inspect_container"))


def _listens(path: Path) -> bool:
    """A socket is there before it is listened at."""
    with socket.socket(socket.AF_UNIX) as caller:
        return caller.connect_ex(str(path)) == 0


async def test_a_quiet_log_tells_it_all_the_same(daemon: Daemon, rootfs: Path) -> None:
    daemon.stop()
    daemon.start(PYCONTAINERD_LOG_LEVEL="error")
    async with asyncio.timeout(30):
        while not _listens(daemon.socket):
            await asyncio.sleep(0.01)
    async with daemon.api() as api:
        await remove(api, await api.create(rootfs, "/bin/true"))
    await audit(daemon, operation="create_container", outcome="done", socket=str(daemon.socket))
