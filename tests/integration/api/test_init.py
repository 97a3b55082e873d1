"""A first process of ours: it reaps, passes signals on, ends as the payload does, and may no more than the payload."""

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.restarts import output, remove, started, until
from tests.integration.api_client import Api

ORPHAN = "sh -c 'sleep 0.1 & echo up'; exec sleep 1000"


async def children(api: Api, container: str) -> list[str]:
    """Return the states of its first process's children, as proc_pid_stat(5) tells them."""
    pid = (await api.get(f"/v1/containers/{container}")).json["pid"]
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # reaped just now
            found.append(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0])
    return found


async def until_children(api: Api, container: str, states: list[str]) -> None:
    async with asyncio.timeout(30):
        while await children(api, container) != states:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("init", [True, False])
async def test_orphans_are_reaped(api: Api, rootfs: Path, init: bool) -> None:  # noqa: FBT001 - a case of the table
    """A program that is no init lets them lie."""
    container = await started(api, rootfs, ORPHAN, init=init)
    await output(api, container, 1)
    # the orphan has slept a tenth of a second; what sleeps on is the payload
    await until_children(api, container, ["S"] if init else ["Z"])
    if init:
        await exec_orphan(api, container)
        await until_children(api, container, ["S"])
    await remove(api, container)


async def exec_orphan(api: Api, container: str) -> None:
    asked = {"args": ["/bin/sh", "-c", "sleep 0.1 & true"]}
    made = (await api.post(f"/v1/containers/{container}/exec", json=asked)).json["id"]
    assert (await api.post(f"/v1/exec/{made}/start")).status == 204
    assert (await api.post(f"/v1/exec/{made}/wait")).json["exit_code"] == 0


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 143), ("kill -KILL $$", 137), ("sleep 1000 & exit 4", 4)],
)
async def test_it_ends_as_the_payload_does(api: Api, rootfs: Path, script: str, code: int) -> None:
    ended, _output = await api.run(rootfs, "/bin/sh", "-c", script, init=True)
    assert (ended["exit_code"], ended["reason"], ended["signal"]) == (code, "exited", None)


async def test_signals_are_passed_on(api: Api, rootfs: Path) -> None:
    script = "trap 'echo usr1' USR1; trap 'echo win' WINCH; echo up; while :; do sleep 0.05; done"
    container = await started(api, rootfs, script, init=True)
    await output(api, container, 1)
    await api.post(f"/v1/containers/{container}/kill?signal=USR1")
    await output(api, container, 2)
    await api.post(f"/v1/containers/{container}/kill?signal=WINCH")
    assert await output(api, container, 3) == b"up\nusr1\nwin\n"
    ended = (await api.post(f"/v1/containers/{container}/stop?timeout=1000")).json
    assert ended["exit_code"] == 143  # a first process itself would not even hear of it
    await remove(api, container)


async def test_a_payload_that_becomes_another_user_hears_them(api: Api, rootfs: Path) -> None:
    (rootfs / "etc").mkdir()
    (rootfs / "etc/passwd").write_text("someone:x:1234:1234::/:/bin/sh\n")
    container = await started(api, rootfs, "exec busybox su someone -c 'id -u; exec sleep 1000'", init=True)
    assert await output(api, container, 1) == b"1234\n"
    assert (await api.post(f"/v1/containers/{container}/stop?timeout=1000")).json["exit_code"] == 143
    await remove(api, container)


async def test_sigkill_ends_all(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, "echo up; exec sleep 1000", init=True)
    await output(api, container, 1)
    await api.post(f"/v1/containers/{container}/kill?signal=KILL")
    assert (await api.post(f"/v1/containers/{container}/wait")).json["signal"] == "SIGKILL"
    await remove(api, container)


@pytest.mark.parametrize("user", ["0", "1234:5678"])
async def test_it_may_no_more_than_the_payload(api: Api, rootfs: Path, user: str) -> None:
    fields = "Uid|Gid|Groups|NoNewPrivs|Seccomp|Umask|CapInh|CapPrm|CapEff|CapBnd|CapAmb"
    count = fields.count("|") + 1
    script = f"for i in 1 2; do grep -E '^({fields}):' /proc/$i/status; done; exec sleep 1000"
    container = await started(api, rootfs, script, init=True, user=user, cwd="/bin")
    lines = (await output(api, container, 2 * count)).decode().splitlines()
    init, payload = (dict(line.split(":\t") for line in half) for half in (lines[:count], lines[count:]))
    capabilities = [name for name in init if name.startswith("Cap")]
    for name in capabilities:
        assert int(init.pop(name), 16) & ~int(payload.pop(name), 16) == 0, name
    assert init == payload
    pid = (await api.get(f"/v1/containers/{container}")).json["pid"]
    assert os.listdir(f"/proc/{pid}/fd") == []
    assert os.readlink(f"/proc/{pid}/exe").startswith("/memfd:"), "it is not the sealed interpreter"
    assert os.readlink(f"/proc/{pid}/cwd") == os.readlink(f"/proc/{pid}/root")
    await remove(api, container)


@pytest.mark.parametrize("link", ["exe", "environ", "mem", "root"])
async def test_the_payload_cannot_reach_into_it(api: Api, rootfs: Path, link: str) -> None:
    ended, told = await api.run(rootfs, "/bin/sh", "-c", f"ls -l /proc/1/{link}/ || cat /proc/1/{link}", init=True)
    assert ended["exit_code"] == 1, told


async def test_at_a_terminal_the_payload_is_in_the_foreground(api: Api, rootfs: Path) -> None:
    script = "read pid comm state parent group session tty foreground rest </proc/$$/stat; echo $$ $group $foreground; "
    container = await started(api, rootfs, script + "exec sleep 1000", terminal=True, init=True)
    assert await output(api, container, 1) == b"2 2 2\r\n"
    await api.request("PUT", f"/v1/containers/{container}/stdin", data=b"\x03")  # Ctrl-C
    assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 130
    await remove(api, container)


async def test_the_steps_tell_of_it(api: Api, rootfs: Path) -> None:
    body = {"rootfs": str(rootfs), "args": ["/bin/true"], "init": True}
    steps = (await api.post("/v1/explain", json=body)).json["steps"]
    assert [step["step"] for step in steps][-2:] == ["init", "exec"]
    container = await api.create(rootfs, "/bin/true", init=True)
    await api.post(f"/v1/containers/{container}/start")
    await api.post(f"/v1/containers/{container}/wait")
    timed = (await api.get(f"/v1/containers/{container}/timeline")).json["steps"]
    assert timed[-1]["step"] == "init"
    await remove(api, container)


# ── what fails ──


async def test_a_program_that_cannot_be_executed_is_told(api: Api, rootfs: Path) -> None:
    (rootfs / "plain").write_bytes(b"\x7fELF")
    (rootfs / "plain").chmod(0o755)
    container = await api.create(rootfs, "/plain", init=True)
    (await api.post(f"/v1/containers/{container}/start")).error(400, "invalid_argument", step="exec", errno="ENOEXEC")
    assert (await until(api, container, status="stopped"))["exit"]["exit_code"] == 126
    await remove(api, container)


async def test_no_room_for_two_processes_is_told(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/true", init=True, resources={"pids": 1})
    error = (await api.post(f"/v1/containers/{container}/start")).error(503, "unavailable", step="init", errno="EAGAIN")
    assert "limit of processes" in error["hint"]
    await remove(api, container)


def document(rootfs: Path, *args: str, **fields: Any) -> dict[str, Any]:
    namespaces = fields.pop("namespaces", ["mount", "pid"])
    return {
        "ociVersion": "1.2.0",
        "root": {"path": str(rootfs)},
        "process": {"args": args, "cwd": "/", "user": {"uid": 0, "gid": 0}} | fields.pop("process", {}),
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
        "linux": {"namespaces": [{"type": kind} for kind in namespaces]} | fields.pop("linux", {}),
    } | fields


@pytest.mark.parametrize("name", ["rt_sigtimedwait", "wait4", "kill"])
async def test_a_filter_that_does_not_let_it_is_told(api: Api, rootfs: Path, name: str) -> None:
    refused = {"names": [name], "action": "SCMP_ACT_ERRNO"}
    linux = {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [refused]}}
    oci = document(rootfs, "/bin/true", linux=linux, process={"noNewPrivileges": True})
    container = (await api.post("/v1/containers", json={"oci": oci, "init": True})).json["id"]
    error = (await api.post(f"/v1/containers/{container}/start")).error(400, "invalid_argument", step="init")
    assert "rt_sigtimedwait" in error["hint"]
    await remove(api, container)


async def test_without_a_pid_namespace_it_reaps_too(api: Api, rootfs: Path) -> None:
    oci = document(rootfs, "/bin/sh", "-c", ORPHAN, namespaces=["mount"])
    container = (await api.post("/v1/containers", json={"oci": oci, "init": True})).json["id"]
    await api.post(f"/v1/containers/{container}/start")
    await output(api, container, 1)
    await until_children(api, container, ["S"])
    await api.post(f"/v1/containers/{container}/stop?signal=TERM")
    assert (await api.get(f"/v1/containers/{container}")).json["exit"]["exit_code"] == 143
    await remove(api, container)


@pytest.mark.parametrize("early", [True, False], ids=["filter early", "filter last"])
async def test_a_document_can_ask_for_it(api: Api, rootfs: Path, early: bool) -> None:  # noqa: FBT001 - a case of the table
    linux = {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW"}}
    annotations = {"org.pycontainerd.init": "true"}
    process = {"noNewPrivileges": not early}
    oci = document(rootfs, "/bin/sh", "-c", "exit $$", linux=linux, process=process, annotations=annotations)
    container = (await api.post("/v1/containers", json={"oci": oci})).json["id"]
    await api.post(f"/v1/containers/{container}/start")
    assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 2
    await remove(api, container)


async def test_what_does_not_go_with_it_is_refused(api: Api, rootfs: Path) -> None:
    body: dict[str, Any] = {"rootfs": str(rootfs), "args": ["/bin/true"]}
    error = (await api.post("/v1/containers", json=body | {"init": 1})).error(400, "invalid_argument", step="parse")
    assert " init: " in error["message"]
    oci = document(rootfs, "/bin/true", annotations={"org.pycontainerd.init": "maybe"})
    error = (await api.post("/v1/containers", json={"oci": oci})).error(400, "invalid_argument")
    assert "annotations.org.pycontainerd.init" in error["message"]
    scheduler = {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_RESET_ON_FORK"]}
    oci = document(rootfs, "/bin/true", process={"scheduler": scheduler})
    error = (await api.post("/v1/containers", json={"oci": oci, "init": True})).error(422, "not_supported")
    assert "process.scheduler.flags" in error["message"]
    assert (await api.get("/v1/containers")).json["containers"] == []
