"""Every route is asked for as the contract writes it, and its answer comes back as a model or as an error."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from containerd_py import errors
from containerd_py.client import Client
from containerd_py.wire import BundleSpec, ContainerSpec, ExecSpec, Exit, MountSpec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXIT = {"exit_code": 3, "reason": "exited", "signal": None, "finished_at": "2026-01-02T03:04:05.000006Z"}
SUMMARY = {
    "id": "c1",
    "name": "web",
    "status": "running",
    "args": ["/bin/sh"],
    "rootfs": "/r",
    "labels": {},
    "terminal": False,
    "pid": 7,
    "created_at": "2026-01-02T03:04:05.000006Z",
    "started_at": None,
    "exit": None,
}
DETAIL = SUMMARY | {
    "stdin": False,
    "spec": {},
    "oci": {},
    "cgroup_paths": ["/a"],
    "output_bytes": 0,
    "lost_output_bytes": 0,
}


async def test_create_sends_what_was_set_and_nothing_else(daemon: Any, client: Client) -> None:
    daemon.replies("POST /v1/containers", {"id": "c1", "name": "web"}, status=201)
    spec = ContainerSpec(rootfs="/r", args=("/bin/true",), mounts=(MountSpec(target="/t", type="tmpfs"),))
    created = await client.create(spec)
    assert (created.id, created.name) == ("c1", "web")
    sent = json.loads(daemon.bodies[0])
    assert sent == {"rootfs": "/r", "args": ["/bin/true"], "mounts": [{"target": "/t", "type": "tmpfs"}]}


async def test_a_bundle_is_created_from_its_path(daemon: Any, client: Client) -> None:
    daemon.replies("POST /v1/containers", {"id": "c1", "name": "web"}, status=201)
    await client.create(BundleSpec(bundle="/b"))
    assert json.loads(daemon.bodies[0]) == {"bundle": "/b"}


async def test_the_actions_and_their_queries(daemon: Any, client: Client) -> None:
    for route in ("DELETE /v1/containers/c1", "POST /v1/containers/c1/start", "POST /v1/containers/c1/kill"):
        daemon.replies(route, status=204)
    daemon.replies("POST /v1/containers/c1/resize", status=204)
    daemon.replies("POST /v1/containers/c1/stop", EXIT)
    daemon.replies("POST /v1/containers/c1/wait", EXIT)
    await client.start("c1")
    await client.kill("c1", "TERM")
    await client.resize("c1", rows=24, columns=80)
    assert await client.stop("c1", timeout_s=2.5) == Exit.model_validate(EXIT)
    assert (await client.wait("c1")).exit_code == 3
    await client.delete("c1", force=True)
    assert daemon.heard == [
        "POST /v1/containers/c1/start",
        "POST /v1/containers/c1/kill?signal=TERM",
        "POST /v1/containers/c1/resize?rows=24&columns=80",
        "POST /v1/containers/c1/stop?timeout=2.5",
        "POST /v1/containers/c1/wait",
        "DELETE /v1/containers/c1?force=true",
    ]


async def test_lists_are_filtered_by_the_daemon(daemon: Any, client: Client) -> None:
    daemon.replies("GET /v1/containers", {"containers": [SUMMARY]})
    daemon.replies("GET /v1/containers/web", DETAIL)
    assert [one.name for one in await client.containers("running", labels=("a=1", "b"))] == ["web"]
    assert (await client.container("web")).cgroup_paths == ("/a",)
    assert daemon.heard[0] == "GET /v1/containers?label=a%3D1&label=b&status=running"


async def test_the_daemon_describes_itself(daemon: Any, client: Client) -> None:
    version = {
        "version": "0.1.0",
        "api_version": "v1",
        "oci_version": "1.2.0",
        "python": "3.11",
        "kernel": "6",
        "machine": "m",
    }
    daemon.on("GET /v1/_ping", _text("OK\n"))
    daemon.replies("GET /v1/version", version)
    daemon.replies("POST /v1/explain", {"namespaces": ["pid"], "steps": []})
    daemon.replies("GET /v1/containers/c1/timeline", {"steps": []})
    await client.ping()
    assert (await client.version()).model_dump() == version
    assert (await client.explain(BundleSpec(bundle="/b"))).namespaces == ("pid",)
    assert (await client.timeline("c1")).steps == ()


async def test_logs_arrive_as_bytes(daemon: Any, client: Client) -> None:
    daemon.on("GET /v1/containers/c1/logs", _text("a\xff\n" * 40_000))
    chunks = [chunk async for chunk in client.logs("c1", follow=True, stream="stderr", offset=4)]
    assert b"".join(chunks) == ("a\xff\n" * 40_000).encode()
    assert daemon.heard == ["GET /v1/containers/c1/logs?follow=true&stream=stderr&offset=4"]


async def test_events_are_read_line_by_line_however_they_are_cut(daemon: Any, client: Client) -> None:
    lines = [
        json.dumps({"seq": n, "time": "t", "type": "container.created", "id": None, "name": None, "attributes": {}})
        for n in (1, 2)
    ]
    whole = "\n".join(lines).encode() + b"\n"

    async def in_pieces(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (whole[:10], whole[10:150], whole[150:], b'{"seq": 3'):
            await response.write(piece)
        return response

    daemon.on("GET /v1/events", in_pieces)
    assert [event.seq async for event in client.events(0, follow=False)] == [1, 2]
    assert daemon.heard == ["GET /v1/events?follow=false&since_id=0"]


async def test_a_stream_may_be_left_early(daemon: Any, client: Client) -> None:
    daemon.on("GET /v1/containers/c1/logs", _text("x" * 1_000_000))
    async with contextlib.aclosing(client.logs("c1")) as chunks:
        async for chunk in chunks:
            assert chunk
            break


@pytest.mark.parametrize(
    ("kind", "status", "cls"),
    [
        ("invalid_argument", 400, errors.InvalidArgument),
        ("not_supported", 422, errors.NotSupported),
        ("not_found", 404, errors.NotFound),
        ("conflict", 409, errors.Conflict),
        ("forbidden", 403, errors.Forbidden),
        ("unavailable", 503, errors.Unavailable),
        ("deadline_exceeded", 504, errors.DeadlineExceeded),
        ("out_of_space", 507, errors.OutOfSpace),
        ("internal", 500, errors.Internal),
        ("of the future", 500, errors.Internal),
    ],
)
async def test_an_error_comes_back_as_its_class(
    daemon: Any, client: Client, kind: str, status: int, cls: type[errors.ContainerdError]
) -> None:
    body = {"kind": kind, "message": "cannot start 'c1': no", "step": "exec", "errno": "ENOENT", "hint": "look"}
    daemon.replies("POST /v1/containers/c1/start", body, status=status)
    with pytest.raises(cls) as caught:
        await client.start("c1")
    error = caught.value
    assert type(error) is cls
    assert (error.message, error.step, error.errno, error.hint) == ("cannot start 'c1': no", "exec", "ENOENT", "look")


async def test_an_error_without_a_body_of_ours_is_internal(daemon: Any, client: Client) -> None:
    daemon.on("GET /v1/info", _text("<html>", status=502))
    with pytest.raises(errors.Internal, match="cannot GET /v1/info: status 502"):
        await client.info()


async def test_an_answer_that_breaks_the_contract_names_its_field(daemon: Any, client: Client) -> None:
    daemon.replies("POST /v1/containers/c1/wait", EXIT | {"exit_code": "3"})
    with pytest.raises(errors.Internal, match="answer to POST /v1/containers/c1/wait: exit_code: "):
        await client.wait("c1")


@pytest.mark.parametrize("container", ["", "..", "a/b", "a?b", "a b", "-a", "a\n", "x" * 129])
async def test_what_is_no_identifier_never_becomes_a_url(daemon: Any, client: Client, container: str) -> None:
    with pytest.raises(errors.InvalidArgument, match="cannot look up"):
        await client.delete(container)
    assert daemon.heard == []


async def test_a_missing_socket_says_how_to_start_the_daemon(tmp_path: Path) -> None:
    async with Client(str(tmp_path / "none.sock")) as client:
        with pytest.raises(errors.Unavailable, match=r"none.sock': no such file or directory") as caught:
            await client.ping()
    assert caught.value.errno == "ENOENT"
    assert "pycontainerd" in (caught.value.hint or "")


async def test_a_socket_without_a_listener_says_so(tmp_path: Path) -> None:
    path = str(tmp_path / "dead.sock")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path)
    async with Client(path) as client:
        with pytest.raises(errors.Unavailable, match="connection refused") as caught:
            await client.attach("c1")
    assert "PYCONTAINERD_SOCKET" in (caught.value.hint or "")


async def test_a_forbidden_socket_names_the_way_in(daemon: Any, tmp_path: Path) -> None:
    path = tmp_path / "daemon.sock"
    path.chmod(0)
    async with Client(str(path)) as client:
        with _as_nobody(), pytest.raises(errors.Unavailable, match="permission denied") as caught:
            await client.ping()
    assert "group" in (caught.value.hint or "")


async def test_a_path_too_long_for_a_socket_is_unavailable() -> None:
    async with Client("/" + "x" * 200) as client:
        with pytest.raises(errors.Unavailable, match="cannot connect"):
            await client.ping()


async def test_a_connection_that_breaks_is_unavailable(daemon: Any, client: Client) -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    daemon.on("POST /v1/containers/c1/wait", hang_up)
    with pytest.raises(errors.Unavailable, match="cannot talk to the daemon"):
        await client.wait("c1")


async def test_a_client_that_is_not_open_says_how_to_open_it() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await Client().ping()


@contextlib.contextmanager
def _as_nobody() -> Iterator[None]:
    """Root may connect to every socket: be somebody else where the tests run as root."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def _text(text: str, status: int = 200) -> Any:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, status=status)

    return answer


EXEC = {
    "id": "e1",
    "container_id": "c1",
    "status": "running",
    "args": ["/bin/sh"],
    "terminal": False,
    "stdin": False,
    "detach": False,
    "pid": 7,
    "created_at": "2026-01-02T03:04:05.000006Z",
    "started_at": None,
    "exit": None,
    "process": {},
    "output_bytes": 0,
    "lost_output_bytes": 0,
}


async def test_what_is_executed(daemon: Any, client: Client) -> None:
    daemon.replies("POST /v1/containers/c1/exec", {"id": "e1"}, status=201)
    daemon.replies("GET /v1/containers/c1/exec", {"execs": [EXEC]})
    daemon.replies("GET /v1/exec/e1", EXEC)
    daemon.replies("POST /v1/exec/e1/wait", EXIT)
    for route in ("POST /v1/exec/e1/start", "POST /v1/exec/e1/kill", "POST /v1/exec/e1/resize", "DELETE /v1/exec/e1"):
        daemon.replies(route, status=204)
    assert (await client.exec_create("c1", ExecSpec(args=("sh",), stdin=True))).id == "e1"
    assert json.loads(daemon.bodies[0]) == {"args": ["sh"], "stdin": True}
    await client.exec_start("e1")
    await client.exec_kill("e1", "HUP")
    await client.exec_resize("e1", rows=2, columns=3)
    assert await client.exec_wait("e1") == Exit.model_validate(EXIT)
    assert (await client.execs("c1")) == (await client.exec_inspect("e1"),)
    await client.exec_delete("e1", force=True)
    assert daemon.heard[1:5] == [
        "POST /v1/exec/e1/start",
        "POST /v1/exec/e1/kill?signal=HUP",
        "POST /v1/exec/e1/resize?rows=2&columns=3",
        "POST /v1/exec/e1/wait",
    ]
    assert daemon.heard[-1] == "DELETE /v1/exec/e1?force=true"
    with pytest.raises(errors.InvalidArgument):
        await client.exec_inspect("../x")


@pytest.mark.parametrize(("key", "header"), [("a b", '"a b"'), ('q"\\', '"q\\"\\\\"'), (None, None)])
async def test_a_creation_carries_its_key(daemon: Any, client: Client, key: str | None, header: str | None) -> None:
    heard: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        heard.append(request.headers.get("Idempotency-Key"))
        return web.json_response({"kind": "conflict", "message": "no"}, status=409)

    daemon.on("POST /v1/containers", answer)
    daemon.on("POST /v1/containers/web/exec", answer)
    with pytest.raises(errors.Conflict):
        await client.create(ContainerSpec(rootfs="/r", args=("x",)), key=key)
    with pytest.raises(errors.Conflict):
        await client.exec_create("web", ExecSpec(args=("x",)), key=key)
    assert heard == [header, header]


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\r\nb"])
async def test_a_key_that_is_none_is_not_sent(daemon: Any, client: Client, key: str) -> None:
    with pytest.raises(errors.InvalidArgument, match="cannot use key"):
        await client.create(ContainerSpec(rootfs="/r", args=("x",)), key=key)
    assert daemon.heard == []


async def test_what_goes_wrong_in_a_wait_for_an_exec_is_told_late(daemon: Any, client: Client) -> None:
    daemon.replies("POST /v1/exec/e1/wait", {"kind": "not_found", "message": "it was removed"})
    with pytest.raises(errors.NotFound, match="it was removed"):
        await client.exec_wait("e1")
