"""Whatever is wrong with a request is told, by step and object, and leaves nothing behind."""

import asyncio
import io
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon


async def untouched(api: Api, daemon: Daemon) -> bool:
    """True where no container, record, output or cgroup of one is there."""
    info = (await api.get("/v1/info")).json
    cgroups = [path for path in Path("/sys/fs/cgroup").glob(f"*{info['cgroup_parent']}/*") if path.is_dir()]
    records = list((daemon.state_dir / "containers").iterdir())
    output = list((daemon.data_dir / "containers").iterdir()) if (daemon.data_dir / "containers").exists() else []
    return (await api.get("/v1/containers")).json["containers"] == [] and not cgroups and not records and not output


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "line 1"),
        (b"{", "line 1, column 2"),
        (b'{"rootfs": "/", "args": ["a"]} x', "Extra data"),
        (b"\xff\xfe", "UTF-8"),
        (b"[]", "no JSON object"),
        (b'"text"', "no JSON object"),
        (b"{}", "'rootfs', 'bundle' and 'oci'"),
        (b'{"rootfs": "/r", "bundle": "/b"}', "rootfs and bundle"),
        (b'{"rootfs": "/r", "args": ["a"], "args": ["b"]}', "duplicate key 'args'"),
        (b'{"rootfs": "/r", "args": ["a"], "resources": {"cpus": NaN}}', "NaN"),
        (b'{"rootfs": "/r", "args": ["a"], "resources": {"cpus": Infinity}}', "Infinity"),
        (b'{"rootfs": "/r", "args": ["\\ud800"]}', "surrogate"),
        (b'{"rootfs": "/r", "args": ["a\\u0000b"]}', "NUL"),
        (b'{"rootfs": "/r", "args": ["a"], "labels": {"\\u0000": ""}}', "NUL"),
        (b'{"rootfs": "/r", "args": ["a"], "oops": 1}', "oops"),
        (b'{"rootfs": "/r", "args": ["a"], "mounts": [{"target": "/x", "colour": 1}]}', "mounts.0.colour"),
        (b'{"rootfs": "/r", "args": "a"}', "args"),
        (b'{"rootfs": "/r", "args": []}', "args"),
        (b'{"rootfs": "/r"}', "args"),
        (b'{"rootfs": 1, "args": ["a"]}', "rootfs"),
        (b'{"rootfs": "r", "args": ["a"]}', "rootfs"),
        (b'{"rootfs": "/r", "args": ["a"], "terminal": 1}', "terminal"),
        (b'{"rootfs": "/r", "args": ["a"], "resources": {"pids": true}}', "resources.pids"),
        (b'{"rootfs": "/r", "args": ["a"], "resources": {"pids": ' + b"9" * 5000 + b"}}", "parse"),
        (b'{"rootfs": "/r", "args": ["a"], "id": "../up"}', "id"),
        (b'{"rootfs": "/r", "args": ["a"], "id": "a..b"}', "id"),
        (b'{"rootfs": "/r", "args": ["a"], "name": "a\\n"}', "name"),
        (b'{"rootfs": "/r", "args": ["a"], "user": "4294967296"}', ""),
        (b'{"oci": {"root": {"path": "/r"}, "process": {"args": ["a"], "cwd": "/"}, "surprise": 1}}', "surprise"),
        (b'{"oci": {"root": {"path": "r"}, "process": {"args": ["a"], "cwd": "/"}}}', "absolute"),
        (b'{"oci": {"root": {"path": "/r"}, "linux": {"namespaces": [{"type": "mount"}]}}}', "process"),
        (b'{"oci": {"root": {"path": "/r"}, "process": {"args": ["a"]}}}', "mount namespace"),
        (
            b'{"oci": {"root": {"path": "/r"}, "linux": {"devices": [{"type": "c", "path": "/dev/x", "major": -1}]}}}',
            "linux.devices.0.major",
        ),
        (b'{"bundle": "/nowhere"}', "/nowhere"),
        (b"[" * 100_000, "nested"),
        (b'{"oci": ' + b'{"a":' * 40 + b"1" + b"}" * 41, "nested"),
    ],
)
async def test_a_malformed_or_hostile_body(api: Api, daemon: Daemon, body: bytes, part: str) -> None:
    error = (await api.post("/v1/containers", data=body)).error(400, "invalid_argument")
    assert part in error["message"]
    assert error["step"]
    assert await untouched(api, daemon)


async def test_a_body_that_is_not_compressed_as_it_says(api: Api, daemon: Daemon) -> None:
    answer = await api.post("/v1/containers", data=b"{}", headers={"Content-Encoding": "gzip"})
    answer.error(400, "invalid_argument", step="read")
    assert await untouched(api, daemon)


async def test_a_body_that_is_too_large(api: Api, daemon: Daemon) -> None:
    (await api.post("/v1/containers", data=io.BytesIO(b" " * (11 << 20)))).error(413, "invalid_argument")
    assert await untouched(api, daemon)


@pytest.mark.parametrize(
    ("made", "number"), [("missing", "ENOENT"), ("file", "ENOTDIR"), ("symlink", "ELOOP"), ("behind a symlink", "ELOOP")]
)
async def test_a_root_file_system_that_is_none(
    api: Api, daemon: Daemon, rootfs: Path, tmp_path: Path, made: str, number: str
) -> None:
    path = tmp_path / "other"
    if made == "file":
        path.write_text("")
    elif made == "symlink":
        path.symlink_to(rootfs)
    elif made == "behind a symlink":
        path.symlink_to(rootfs.parent)
        path = path / "rootfs"
    answer = await api.post("/v1/containers", json={"rootfs": str(path), "args": ["/bin/true"]})
    error = answer.error(400, "invalid_argument", step="rootfs", errno=number)
    assert str(path) in error["message"]
    assert error["hint"]
    assert await untouched(api, daemon)


async def test_the_hosts_root_is_refused(api: Api) -> None:
    for path in ("/", "//", "/.", "/./"):
        answer = await api.post("/v1/containers", json={"rootfs": path, "args": ["/bin/true"]})
        answer.error(400, "invalid_argument", step="rootfs")


@pytest.mark.parametrize(
    ("program", "number"),
    [("/bin/nope", "ENOENT"), ("nope", "ENOENT"), ("/bin", "EISDIR"), ("/plain", "EACCES"), ("/plain/x", "ENOTDIR")],
)
async def test_a_program_that_cannot_run(api: Api, daemon: Daemon, rootfs: Path, program: str, number: str) -> None:
    (rootfs / "plain").write_text("text")
    answer = await api.post("/v1/containers", json={"rootfs": str(rootfs), "args": [program]})
    if number == "ENOTDIR":
        number = answer.json["errno"]
    error = answer.error(400, "invalid_argument", step="exec", errno=number)
    assert program in error["message"]
    assert await untouched(api, daemon)


async def test_a_file_that_is_no_program_is_told_at_start(api: Api, daemon: Daemon, rootfs: Path) -> None:
    (rootfs / "bin/garbage").write_bytes(b"\x00\x01")
    (rootfs / "bin/garbage").chmod(0o755)
    container = await api.create(rootfs, "garbage")
    (await api.post(f"/v1/containers/{container}/start")).error(400, "invalid_argument", step="exec", errno="ENOEXEC")
    ended = (await api.post(f"/v1/containers/{container}/wait")).json
    assert (ended["exit_code"], ended["reason"]) == (126, "exited")
    assert (await api.delete(f"/v1/containers/{container}")).status == 204
    assert await untouched(api, daemon)


@pytest.mark.parametrize("late", [False, True])
async def test_a_seccomp_filter_that_kills_the_worker(api: Api, daemon: Daemon, rootfs: Path, *, late: bool) -> None:
    """With no_new_privs the filter is loaded at start, else while the container is made."""
    oci = {
        "root": {"path": str(rootfs)},
        "process": {"args": ["/bin/true"], "cwd": "/", "noNewPrivileges": late},
        "linux": {"namespaces": [{"type": "mount"}], "seccomp": {"defaultAction": "SCMP_ACT_KILL"}},
    }
    answer = await api.post("/v1/containers", json={"oci": oci, "id": "killed"})
    if late:
        assert answer.status == 201, answer.body
        answer = await api.post("/v1/containers/killed/start")
    error = answer.error(400, "invalid_argument", step="seccomp")
    assert error["message"] == "cannot execute /bin/true: the seccomp filter (linux.seccomp) killed the process"
    assert "execve" in error["hint"]
    if late:
        assert (await api.post("/v1/containers/killed/wait")).json["signal"] == "SIGSYS"
        await api.delete("/v1/containers/killed")
    assert await untouched(api, daemon)


async def test_a_limit_above_the_hosts(api: Api, daemon: Daemon, rootfs: Path) -> None:
    process = {"args": ["/bin/true"], "cwd": "/", "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 1 << 40}]}
    oci = {"root": {"path": str(rootfs)}, "process": process, "linux": {"namespaces": [{"type": "mount"}]}}
    answer = await api.post("/v1/containers", json={"oci": oci})
    error = answer.error(400, "invalid_argument", step="rlimit", errno="EPERM")
    assert "RLIMIT_NOFILE" in error["message"]
    assert await untouched(api, daemon)


async def test_a_mount_whose_source_is_missing(api: Api, daemon: Daemon, rootfs: Path) -> None:
    mounts = [{"source": "/nowhere/at/all", "target": "/mnt"}]
    answer = await api.post("/v1/containers", json={"rootfs": str(rootfs), "args": ["/bin/true"], "mounts": mounts})
    error = answer.error(400, "invalid_argument", step="mount", errno="ENOENT")
    assert "/nowhere/at/all" in error["message"]
    assert await untouched(api, daemon)


@pytest.mark.parametrize(
    ("change", "kind", "status", "part"),
    [
        ({"resources": {"cpus": 0.001}}, "invalid_argument", 400, "0.001 CPUs"),
        ({"user": "nobody"}, "invalid_argument", 400, "nobody"),
        ({"user": "0:nogroup"}, "invalid_argument", 400, "nogroup"),
        ({"user": "-1"}, "invalid_argument", 400, "-1"),
        ({"user": ":"}, "invalid_argument", 400, "user"),
        ({"mounts": [{"target": "/x"}]}, "invalid_argument", 400, "/x"),
        ({"mounts": [{"target": "/x", "source": "relative"}]}, "invalid_argument", 400, "relative"),
        ({"mounts": [{"target": "/", "source": "/tmp"}]}, "invalid_argument", 400, "root"),
        ({"mounts": [{"target": "/proc/self/x", "source": "/tmp"}]}, "invalid_argument", 400, "/proc"),
        ({"mounts": [{"target": "/x", "source": "/tmp", "options": ["size=1"]}]}, "invalid_argument", 400, "size=1"),
        ({"mounts": [{"target": "/x", "type": "nofs"}]}, "invalid_argument", 400, "nofs"),
        ({"hostname": "x" * 65}, "invalid_argument", 400, "64 bytes"),
    ],
)
async def test_a_spec_that_cannot_be_served(
    api: Api, daemon: Daemon, rootfs: Path, change: dict[str, Any], kind: str, status: int, part: str
) -> None:
    answer = await api.post("/v1/containers", json={"rootfs": str(rootfs), "args": ["/bin/true"], **change})
    assert part in answer.error(status, kind)["message"]
    assert await untouched(api, daemon)


async def test_an_id_or_a_name_that_is_taken(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/true", id="first", name="web")
    for fields in ({"id": "first"}, {"name": "web"}, {"name": "first"}, {"id": "web"}):
        answer = await api.post("/v1/containers", json={"rootfs": str(rootfs), "args": ["/bin/true"], **fields})
        answer.error(409, "conflict", step="create")
    assert len((await api.get("/v1/containers")).json["containers"]) == 1
    await api.delete(f"/v1/containers/{container}")


async def test_a_second_start(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sleep", "100")
    answers = await asyncio.gather(*(api.post(f"/v1/containers/{container}/start") for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [204, 409, 409, 409, 409]
    (await api.post(f"/v1/containers/{container}/start")).error(409, "conflict", step="start")
    await api.delete(f"/v1/containers/{container}?force=true")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/start"),
        ("POST", "/kill"),
        ("POST", "/stop"),
        ("POST", "/wait"),
        ("POST", "/resize?rows=1&columns=1"),
        ("GET", "/logs"),
        ("GET", "/timeline"),
    ],
)
async def test_a_container_that_is_gone(api: Api, rootfs: Path, method: str, path: str) -> None:
    container = await api.create(rootfs, "/bin/true")
    await api.delete(f"/v1/containers/{container}")
    error = (await api.request(method, f"/v1/containers/{container}{path}")).error(404, "not_found")
    assert container in error["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/containers/x/kill?signal=NOPE"),
        ("POST", "/v1/containers/x/kill?signal=65"),
        ("POST", "/v1/containers/x/kill?signal=0"),
        ("POST", "/v1/containers/x/kill?colour=red"),
        ("POST", "/v1/containers/x/stop?timeout=-1"),
        ("POST", "/v1/containers/x/stop?timeout=nan"),
        ("POST", "/v1/containers/x/stop?timeout=soon"),
        ("POST", "/v1/containers/x/resize"),
        ("POST", "/v1/containers/x/resize?rows=0&columns=1"),
        ("POST", "/v1/containers/x/resize?rows=1&columns=65536"),
        ("GET", "/v1/containers/x/logs?stream=stdin"),
        ("GET", "/v1/containers/x/logs?follow=maybe"),
        ("GET", "/v1/containers/x/logs?offset=-1"),
        ("GET", "/v1/containers/x/logs?follow=1&follow=0"),
        ("GET", "/v1/containers?status=asleep"),
        ("GET", "/v1/events?since_id=x"),
        ("GET", "/v1/events?since=yesterday"),
        ("GET", "/v1/events?since=2025-03-01T09:30:00"),
        ("GET", "/v1/events?until=1e9"),
        ("GET", "/v1/events?since=5&until=4"),
        ("GET", "/v1/events?since=5&since_id=4"),
        ("GET", "/v1/events?type=container.born"),
        ("GET", "/v1/events?type=gap"),
        ("GET", "/v1/events?container="),
        ("GET", "/v1/events?label="),
        ("DELETE", "/v1/containers/x?force=perhaps"),
        ("GET", "/v1/_ping?x=1"),
    ],
)
async def test_parameters(api: Api, method: str, path: str) -> None:
    (await api.request(method, path)).error(400, "invalid_argument", step="parse")


async def test_an_ambiguous_beginning_of_an_id(api: Api, rootfs: Path) -> None:
    for name in ("same1", "same2"):
        await api.create(rootfs, "/bin/true", id=name)
    assert "2 ids" in (await api.get("/v1/containers/same")).error(400, "invalid_argument")["message"]
    for name in ("same1", "same2"):
        await api.delete(f"/v1/containers/{name}")


async def test_routes_that_are_none(api: Api) -> None:
    (await api.get("/v1/nothing")).error(404, "not_found")
    (await api.get("/")).error(404, "not_found")
    answer = await api.request("PUT", "/v1/containers")
    answer.error(405, "invalid_argument")
    assert set(answer.headers["Allow"].split(",")) == {"GET", "POST"}


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://localhost"}, {"Sec-Fetch-Site": "same-origin"}, {"Host": "evil.example"}, {"Host": "127.0.0.1"}],
)
async def test_web_pages_are_refused(api: Api, headers: dict[str, str]) -> None:
    (await api.get("/v1/_ping", headers=headers)).error(403, "forbidden", step="access")


async def test_a_body_where_none_is_taken(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/true")
    (await api.post(f"/v1/containers/{container}/start", json={"detach": True})).error(400, "invalid_argument")
    await api.delete(f"/v1/containers/{container}")


_POST = b"POST /v1/containers HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("request_", "status", "told"),
    [
        (b"GARBAGE\r\n\r\n", 400, "cannot read request: invalid method"),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400, "cannot read request: received HTTPS traffic"),
        (b"GET /v1/_ping HTTP/1.1\r\n\r\n", 400, "cannot read request: missing 'Host' header"),
        (b"GET /v1/_ping HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", 400, "more than 16384 bytes"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "more than 16384 bytes"),
        (_POST + b"Content-Length: -1\r\n\r\n", 400, "Content-Length"),
        (_POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", 400, "chunk size"),
        (_POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\nzz\r\n", 400, "chunk size"),
        (_POST + b"Expect: magic\r\nConnection: close\r\n\r\n", 417, "cannot serve request: expectation failed"),
        (
            b"GET /none HTTP/1.1\r\nHost: localhost\r\nExpect: magic\r\nConnection: close\r\n\r\n",
            417,
            "cannot serve request: expectation failed",
        ),
    ],
)
async def test_what_http_itself_refuses_is_told_as_every_error(
    api: Api, daemon: Daemon, request_: bytes, status: int, told: str
) -> None:
    answer = await asyncio.to_thread(exchange, daemon, request_)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status
    assert b"content-type: application/json" in head.lower()
    error = json.loads(body)
    assert error["kind"] == "invalid_argument"
    assert told in error["message"]
    assert len(body) < 500
    assert await untouched(api, daemon)


def exchange(daemon: Daemon, request: bytes) -> bytes:
    """Send bytes, and return all that comes back."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(daemon.socket))
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(65_536), b""))


async def test_a_client_that_disconnects_half_way(api: Api, daemon: Daemon, rootfs: Path) -> None:
    body = json.dumps({"rootfs": str(rootfs), "args": ["/bin/true"]}).encode()
    head = b"POST /v1/containers HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    for length, sent in ((len(body) + 10, body), (len(body), body[:10]), (len(body), b"")):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(daemon.socket))
            client.sendall(head % length + sent)
    assert await untouched(api, daemon)


async def test_a_client_that_does_not_await_the_answer(api: Api, daemon: Daemon, rootfs: Path) -> None:
    """Whether the request was heard in time or not: either nothing is there, or a whole container that can be deleted."""
    body = json.dumps({"rootfs": str(rootfs), "args": ["/bin/true"]}).encode()
    for _ in range(10):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(daemon.socket))
            client.sendall(
                b"POST /v1/containers HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )
    async with asyncio.timeout(30):
        while any(c["status"] == "creating" for c in (await api.get("/v1/containers")).json["containers"]):
            await asyncio.sleep(0.01)
        for container in (await api.get("/v1/containers")).json["containers"]:
            await api.delete(f"/v1/containers/{container['id']}?force=true")
        while not await untouched(api, daemon):
            for container in (await api.get("/v1/containers")).json["containers"]:
                await api.delete(f"/v1/containers/{container['id']}?force=true")
            await asyncio.sleep(0.01)
