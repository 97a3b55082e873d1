"""Processes that are executed in containers: what they get, how they end, what cannot be."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from containerd_py.runtime.linux.process import capget
from tests.integration.api.test_streams import PROTOCOL, Attached, remove, start
from tests.integration.api_client import BASE, Api

USERS = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n"
GROUP = "root:x:0:\nann:x:1000:\nwheel:x:10:ann\naudio:x:29:\n"


@pytest_asyncio.fixture
async def container(api: Api, rootfs: Path) -> AsyncIterator[str]:
    """One that runs, with users of its own."""
    (rootfs / "etc").mkdir()
    (rootfs / "etc/passwd").write_text(USERS)
    (rootfs / "etc/group").write_text(GROUP)
    made = await api.create(rootfs, "/bin/sleep", "100", env={"COLOUR": "red", "SIZE": "big"}, cwd="/bin")
    await start(api, made)
    yield made
    await remove(api, made)


def attach(api: Api, exec_id: str, query: str = "?offset=0") -> Any:
    return api.session.ws_connect(f"{BASE}/v1/exec/{exec_id}/attach{query}", protocols=(PROTOCOL,))


async def create(api: Api, container: str, *args: str, **fields: Any) -> str:
    answer = await api.post(f"/v1/containers/{container}/exec", json={"args": args, **fields})
    assert answer.status == 201, answer.body
    return str(answer.json["id"])


async def begin(api: Api, container: str, *args: str, **fields: Any) -> str:
    made = await create(api, container, *args, **fields)
    answer = await api.post(f"/v1/exec/{made}/start")
    assert answer.status == 204, answer.body
    return made


async def run(api: Api, container: str, *args: str, **fields: Any) -> tuple[Any, bytes]:
    """Execute to the end; return (exit, output)."""
    made = await begin(api, container, *args, **fields)
    ended = (await api.post(f"/v1/exec/{made}/wait")).json
    async with attach(api, made) as socket:
        client = Attached(socket)
        await client.to_end()
    return ended, client.channels.get(1, b"") + client.channels.get(2, b"")


async def shell(api: Api, container: str, script: str, **fields: Any) -> str:
    ended, output = await run(api, container, "/bin/sh", "-c", script, **fields)
    assert ended["reason"] == "exited"
    return output.decode()


# ── what it gets ──


async def test_it_is_as_the_containers_own_process(api: Api, container: str) -> None:
    told = await shell(api, container, "echo $COLOUR $SIZE; pwd; id -u; id -G; cat /proc/1/comm; echo error >&2")
    assert told.splitlines() == ["red big", "/bin", "0", "0", "sleep", "error"]
    own = "grep -E 'Cap(Bnd|Eff)|NoNewPrivs|Seccomp:' /proc/%s/status"
    assert await shell(api, container, own % "self") == await shell(api, container, own % "1")


async def test_environment_directory_user_and_groups(api: Api, container: str) -> None:
    fields = {"env": {"COLOUR": "blue", "NEW": "x"}, "cwd": "/etc", "user": "ann", "additional_groups": ["audio", "77"]}
    told = await shell(api, container, "echo $COLOUR $SIZE $NEW $HOME; pwd; id -u; id -g; id -G", **fields)
    assert told.splitlines() == ["blue big x /home/ann", "/etc", "1000", "1000", "1000 10 29 77"]


@pytest.mark.parametrize(
    ("fields", "effective", "no_new_privs"),
    [
        ({"privileged": True}, f"{capget()[1]:016x}", "0"),
        ({"capabilities": []}, "0000000000000000", "1"),
        ({"capabilities": ["CAP_CHOWN", "CAP_KILL"]}, "0000000000000021", "1"),
    ],
)
async def test_capabilities(api: Api, container: str, fields: dict[str, Any], effective: str, no_new_privs: str) -> None:
    told = await shell(api, container, "grep -E 'Cap(Bnd|Eff)|NoNewPrivs' /proc/self/status", **fields)
    assert told.split() == ["CapEff:", effective, "CapBnd:", effective, "NoNewPrivs:", no_new_privs]


async def test_a_terminal_of_a_size_that_was_told_before(api: Api, container: str) -> None:
    made = await create(api, container, "/bin/sh", terminal=True, stdin=True)
    assert (await api.post(f"/v1/exec/{made}/resize?rows=17&columns=91")).status == 204
    async with attach(api, made) as socket:
        client = Attached(socket)
        await client.send(0, b"stty size; tty; echo $TERM; exit 4\n")  # before the start: it waits
        assert (await api.post(f"/v1/exec/{made}/start")).status == 204
        status = await client.to_end()
    assert status["details"]["causes"][0]["message"] == "4"
    assert b"17 91\r\n/dev/pts/0\r\nxterm\r\n" in client.channels[1]
    (await api.post(f"/v1/exec/{made}/resize?rows=1&columns=1")).error(409, "conflict", step="resize")


async def test_input_its_end_and_a_size_while_it_runs(api: Api, container: str) -> None:
    made = await begin(api, container, "/bin/cat", stdin=True)
    async with attach(api, made) as one, attach(api, made) as two:
        first, second = Attached(one), Attached(two)
        await first.send(0, b"one\n")
        await second.until(b"one\n")
        await second.send(0, b"two")
        await first.send(255, b"\0")
        assert (await first.to_end())["status"] == "Success"
        await second.to_end()
    assert first.channels[1] == second.channels[1] == b"one\ntwo"
    made = await begin(api, container, "/bin/sh", terminal=True)
    async with attach(api, made) as socket:
        client = Attached(socket)
        await client.send(4, json.dumps({"Width": 60, "Height": 20}).encode())
        await client.send(0, b"stty size; exit\n")
        await client.to_end()
    assert b"20 60\r\n" in client.channels[1]


async def test_a_mebibyte_from_any_offset(api: Api, container: str) -> None:
    made = await begin(api, container, "/bin/cat", stdin=True)
    data = bytes(range(256)) * 4096
    async with attach(api, made) as socket:
        client = Attached(socket)

        async def feed() -> None:
            for at in range(0, len(data), 32_000):
                await client.send(0, data[at : at + 32_000])
            await client.send(255, b"\0")

        await asyncio.gather(feed(), client.to_end())
    assert client.channels[1] == data
    async with attach(api, made, "?offset=1000000") as socket:
        again = Attached(socket)
        await again.to_end()
    assert again.channels[1] == data[1_000_000:]


async def test_detached(api: Api, container: str, rootfs: Path) -> None:
    for terminal in (False, True):
        script = "echo said; tty; mkfifo /said; echo done >/said; read a; exit 6"
        made = await begin(api, container, "/bin/sh", "-c", script, detach=True, terminal=terminal)
        async with asyncio.timeout(30):
            while not (rootfs / "said").exists():
                await asyncio.sleep(0.01)
        assert await asyncio.to_thread((rootfs / "said").read_text) == "done\n"
        (rootfs / "said").unlink()
        if terminal:
            assert (await api.post(f"/v1/exec/{made}/kill?signal=HUP")).status == 204
        ended = (await api.post(f"/v1/exec/{made}/wait")).json
        assert ended["reason"] == ("signaled" if terminal else "exited")
        answer = await api.get(
            f"/v1/exec/{made}/attach",
            headers={"Sec-WebSocket-Protocol": PROTOCOL, "Upgrade": "websocket", "Connection": "Upgrade"},
        )
        answer.error(409, "conflict", step="exec")
        assert (await api.get(f"/v1/exec/{made}")).json["output_bytes"] == 0


# ── how it ends ──


async def test_exit_codes_signals_and_the_record(api: Api, container: str) -> None:
    made = await begin(api, container, "/bin/sh", "-c", "exit 7")
    ended = (await api.post(f"/v1/exec/{made}/wait")).json
    assert (ended["exit_code"], ended["reason"], ended["signal"]) == (7, "exited", None)
    killed = await begin(api, container, "/bin/sleep", "100")
    detail = (await api.get(f"/v1/exec/{killed}")).json
    assert (detail["status"], detail["container_id"], detail["args"]) == ("running", container, ["/bin/sleep", "100"])
    assert Path(f"/proc/{detail['pid']}/comm").read_text() == "sleep\n"
    (await api.delete(f"/v1/exec/{killed}")).error(409, "conflict", step="delete")
    (await api.post(f"/v1/exec/{killed}/start")).error(409, "conflict", step="start")
    assert (await api.post(f"/v1/exec/{killed[:20]}/kill?signal=TERM")).status == 204
    ended = (await api.post(f"/v1/exec/{killed}/wait")).json
    assert (ended["exit_code"], ended["signal"]) == (143, "SIGTERM")
    (await api.post(f"/v1/exec/{killed}/kill")).error(409, "conflict", step="kill")
    listed = (await api.get(f"/v1/containers/{container}/exec")).json["execs"]
    assert [(one["id"], one["status"]) for one in listed] == [(made, "stopped"), (killed, "stopped")]
    assert (await api.delete(f"/v1/exec/{made}")).status == 204
    (await api.get(f"/v1/exec/{made}")).error(404, "not_found", step="find")
    forced = await begin(api, container, "/bin/sleep", "100")
    assert (await api.delete(f"/v1/exec/{forced}?force=true")).status == 204


async def test_events(api: Api, container: str) -> None:
    made = await begin(api, container, "/bin/false")
    await api.post(f"/v1/exec/{made}/wait")
    lines = (await api.get("/v1/events?since_id=0&follow=false")).body.splitlines()
    told = [event for event in map(json.loads, lines) if event["type"].startswith("exec.")]
    assert [event["type"] for event in told] == ["exec.created", "exec.started", "exec.exited"]
    assert {event["id"] for event in told} == {container}
    assert told[2]["attributes"] == {"exec": made, "exit_code": "1", "reason": "exited"}


@pytest.mark.parametrize("namespaces", [["mount", "pid"], ["mount"]])
async def test_the_end_of_the_container_is_the_end_of_it(api: Api, rootfs: Path, namespaces: list[str]) -> None:
    """Also where the kernel does not see to it: without a pid namespace."""
    document = {
        "ociVersion": "1.2.0",
        "root": {"path": str(rootfs)},
        "process": {"args": ["sleep", "100"], "env": ["PATH=/bin"], "cwd": "/"},
        "mounts": [{"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}],
        "linux": {"namespaces": [{"type": kind} for kind in namespaces]},
    }
    container = (await api.post("/v1/containers", json={"oci": document})).json["id"]
    await start(api, container)
    running = await begin(api, container, "sleep", "100")
    waiting = await create(api, container, "true")
    assert (await api.post(f"/v1/containers/{container}/kill")).status == 204
    ended = (await api.post(f"/v1/exec/{running}/wait")).json
    assert (ended["exit_code"], ended["signal"]) == (137, "SIGKILL")
    ended = (await api.post(f"/v1/exec/{waiting}/wait")).json
    assert (ended["exit_code"], ended["reason"]) == (126, "failed")
    (await api.post(f"/v1/containers/{container}/exec", json={"args": ["true"]})).error(409, "conflict")
    await remove(api, container)
    (await api.get(f"/v1/exec/{running}")).error(404, "not_found")


async def test_a_container_is_deleted_with_what_runs_in_it(api: Api, rootfs: Path, tmp_path: Path) -> None:
    container = await api.create(rootfs, "/bin/sleep", "100")
    await start(api, container)
    for _ in range(3):
        await begin(api, container, "/bin/sh", "-c", "echo x; sleep 100")
    await remove(api, container)
    assert list((tmp_path / "daemon/data/execs").iterdir()) == []


async def test_the_newest_are_kept(api: Api, container: str, tmp_path: Path) -> None:
    made = []
    for _ in range(130):
        made.append(await begin(api, container, "/bin/echo", "x"))
        await api.post(f"/v1/exec/{made[-1]}/wait")
    async with asyncio.timeout(30):
        while len(kept := (await api.get(f"/v1/containers/{container}/exec")).json["execs"]) > 128:
            await asyncio.sleep(0.01)
    assert [one["id"] for one in kept] == made[2:]
    assert len(list((tmp_path / "daemon/data/execs").iterdir())) == 128


async def test_many_at_once(api: Api, container: str) -> None:
    ended = await asyncio.gather(*(run(api, container, "/bin/sh", "-c", f"echo {n}; exit {n}") for n in range(20)))
    assert [(one["exit_code"], output) for one, output in ended] == [(n, b"%d\n" % n) for n in range(20)]


# ── what cannot be ──


@pytest.mark.parametrize(
    ("args", "fields", "step", "errno", "code"),
    [
        (["/bin/nope"], {}, "exec", "ENOENT", 127),
        (["nope"], {}, "exec", "ENOENT", 127),
        (["/etc/passwd"], {}, "exec", "EACCES", 126),
        (["/bin/true"], {"cwd": "/nowhere"}, "cwd", "ENOENT", 126),
    ],
)
async def test_what_cannot_be_executed(
    api: Api, container: str, args: list[str], fields: dict[str, Any], step: str, errno: str, code: int
) -> None:
    made = await create(api, container, *args, **fields)
    async with attach(api, made) as socket:
        (await api.post(f"/v1/exec/{made}/start")).error(400, "invalid_argument", step=step, errno=errno)
        status = await Attached(socket).to_end()
    assert status["details"]["causes"][0]["message"] == str(code)
    detail = (await api.get(f"/v1/exec/{made}")).json
    assert (detail["status"], detail["exit"]["exit_code"], detail["exit"]["reason"]) == ("stopped", code, "failed")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"[]", "no JSON object"),
        (b'{"args": []}', "args"),
        (b'{"args": ["a"], "colour": 1}', "colour"),
        (b'{"args": ["a"], "args": ["b"]}', "duplicate key"),
        (b'{"args": ["a"], "cwd": "here"}', "cwd"),
        (b'{"args": ["a"], "terminal": 1}', "terminal"),
        (b'{"args": ["a"], "env": {"A=B": "c"}}', "A=B"),
        (b'{"args": ["a"], "user": "nobody-here"}', "nobody-here"),
        (b'{"args": ["a"], "user": "4294967295"}', "4294967295"),
        (b'{"args": ["a"], "additional_groups": ["none"]}', "none"),
        (b'{"args": ["a"], "additional_groups": [""]}', "group"),
        (b'{"args": ["a"], "capabilities": ["CAP_SYS_ADMIN"]}', "capabilities[0]"),
        (b'{"args": ["a"], "capabilities": ["CAP_KILL", "CAP_FLY"]}', "capabilities[1]"),
        (b'{"args": ["a"], "capabilities": [], "privileged": true}', "privileged"),
        (b'{"args": ["a"], "detach": true, "stdin": true}', "stdin"),
    ],
)
async def test_requests_that_are_wrong_leave_nothing(api: Api, container: str, body: bytes, told: str) -> None:
    answer = await api.post(f"/v1/containers/{container}/exec", data=body)
    assert told in answer.error(400, "invalid_argument")["message"]
    assert (await api.get(f"/v1/containers/{container}/exec")).json == {"execs": []}


async def test_only_in_a_container_that_runs(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/true")
    body = {"args": ["true"]}
    (await api.post(f"/v1/containers/{container}/exec", json=body)).error(409, "conflict")
    await start(api, container)
    await api.post(f"/v1/containers/{container}/wait")
    (await api.post(f"/v1/containers/{container}/exec", json=body)).error(409, "conflict")
    (await api.post("/v1/containers/nobody/exec", json=body)).error(404, "not_found")
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/start"), ("POST", "/wait"), ("POST", "/kill")):
        (await api.request(method, f"/v1/exec/nobody{path}")).error(404, "not_found", step="find")
    await remove(api, container)


async def test_a_terminal_without_a_devpts(api: Api, rootfs: Path) -> None:
    document = {
        "ociVersion": "1.2.0",
        "root": {"path": str(rootfs)},
        "process": {"args": ["/bin/sleep", "100"], "cwd": "/"},
        "mounts": [{"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}],
        "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]},
    }
    container = (await api.post("/v1/containers", json={"oci": document})).json["id"]
    await start(api, container)
    made = await create(api, container, "/bin/sh", terminal=True)
    answer = await api.post(f"/v1/exec/{made}/start")
    assert answer.status in (400, 500)
    assert answer.json["step"] == "console"
    await remove(api, container)


async def test_memory_that_ran_out_is_the_reason(api: Api, rootfs: Path) -> None:
    """The counter is the container's: what was killed otherwise, or for another reason, did not run out of memory."""
    container = await api.create(rootfs, "/bin/sleep", "100", resources={"memory_bytes": 8 << 20})
    await start(api, container)
    patient = await begin(api, container, "/bin/sleep", "100")
    killed = await begin(api, container, "/bin/sleep", "100")
    eating = await begin(api, container, "/bin/sh", "-c", 'a=x; while :; do a="$a$a"; done')
    ended = (await api.post(f"/v1/exec/{eating}/wait")).json
    assert (ended["exit_code"], ended["reason"], ended["oom_killed"]) == (137, "oom", True)
    await api.post(f"/v1/exec/{killed}/kill")
    ended = (await api.post(f"/v1/exec/{killed}/wait")).json
    assert (ended["exit_code"], ended["reason"], ended["oom_killed"]) == (137, "signaled", False)
    later = await begin(api, container, "/bin/sh", "-c", "kill -9 $$")
    ended = (await api.post(f"/v1/exec/{later}/wait")).json
    assert (ended["reason"], ended["oom_killed"]) == ("signaled", False)
    await api.post(f"/v1/containers/{container}/kill")
    ended = (await api.post(f"/v1/exec/{patient}/wait")).json
    assert (ended["exit_code"], ended["reason"], ended["oom_killed"]) == (137, "signaled", False)
    await remove(api, container)


async def test_who_follows_one_that_is_removed_before_it_ran_is_told(api: Api, container: str) -> None:
    made = await create(api, container, "/bin/true")
    async with attach(api, made) as attached:
        assert (await api.delete(f"/v1/exec/{made}")).status == 204
        async with asyncio.timeout(30):
            while (frame := await attached.receive_bytes())[:1] != b"\x03":
                pass
        assert json.loads(frame[1:])["message"] == "it was removed before it ran"


async def test_a_signal_on_the_stream(api: Api, container: str) -> None:
    made = await begin(api, container, "/bin/sh", "-c", "trap 'exit 7' USR1; echo ready; while :; do sleep 0.1; done")
    async with attach(api, made) as socket:
        client = Attached(socket)
        await client.until(b"ready\n")
        await client.send(5, b"SIGUSR1")
        assert (await client.to_end())["details"]["causes"][0]["message"] == "7"
