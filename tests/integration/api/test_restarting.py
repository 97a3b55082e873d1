"""Starting a container again: on request, and by its restart policy."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.faults.strace import strace
from tests.integration.api.restarts import events, output, remove, started, until
from tests.integration.api_client import BASE, Api
from tests.integration.daemon_process import Daemon

SAY_AND_SLEEP = "echo up; exec sleep 100"


# ── on request ──


async def test_a_stopped_container_is_started_again(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, "echo one; exit 3", name="web")
    assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 3
    first = (await api.get(f"/v1/containers/{container}")).json
    assert (await api.post("/v1/containers/web/start")).status == 204
    assert (await api.post("/v1/containers/web/wait")).json["exit_code"] == 3
    found = (await api.get("/v1/containers/web")).json
    assert (found["id"], found["created_at"], found["restart_count"]) == (container, first["created_at"], 0)
    assert found["started_at"] > first["exit"]["finished_at"]
    assert found["previous_exit"] == first["exit"]
    assert (await api.get("/v1/containers/web/logs")).body == b"one\none\n"
    steps = (await api.get("/v1/containers/web/timeline")).json["steps"]
    assert [step["step"] for step in steps][:2] == ["prepare", "fork"]
    assert [name for name, _ in await events(api)] == ["created", "started", "exited", "started", "exited"]
    await remove(api, container)


async def test_a_terminal_and_stdin_are_there_again(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sh", "-c", "stty size; read a; echo got $a", terminal=True)
    for number in (1, 2):
        assert (await api.post(f"/v1/containers/{container}/start")).status == 204
        attached = await api.session.ws_connect(
            f"{BASE}/v1/containers/{container}/attach", protocols=("v5.channel.k8s.io",)
        )
        await attached.send_bytes(b"\x00%d\n" % number)
        async with asyncio.timeout(30):
            while not (await attached.receive_bytes()).startswith(b"\x03"):
                pass
        await attached.close()
        assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 0
    body = (await api.get(f"/v1/containers/{container}/logs")).body
    assert b"got 1" in body
    assert b"got 2" in body
    await remove(api, container)


async def test_a_start_that_fails_leaves_it_stopped(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, "exit 3")
    await api.post(f"/v1/containers/{container}/wait")
    before = (await api.get(f"/v1/containers/{container}")).json
    (rootfs / "bin/sh").rename(rootfs / "bin/gone")
    for _ in range(2):
        (await api.post(f"/v1/containers/{container}/start")).error(400, "invalid_argument", step="exec", errno="ENOENT")
        after = (await api.get(f"/v1/containers/{container}")).json
        assert {**after, "output_bytes": 0} == {**before, "output_bytes": 0}
    (rootfs / "bin/gone").rename(rootfs / "bin/sh")
    assert (await api.post(f"/v1/containers/{container}/start")).status == 204
    assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 3
    await remove(api, container)


async def test_followers_follow_one_run(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, "echo run; read a; exit 4", stdin=True)
    following = await api.session.get(f"{BASE}/v1/containers/{container}/logs?follow=true")
    attached = await api.session.ws_connect(
        f"{BASE}/v1/containers/{container}/attach?offset=0", protocols=("v5.channel.k8s.io",)
    )
    waiting = asyncio.create_task(api.post(f"/v1/containers/{container}/wait"))
    await output(api, container, 1)
    assert (await api.post(f"/v1/containers/{container}/restart?timeout=0")).status == 204
    await output(api, container, 2)
    assert (await waiting).json["signal"] == "SIGKILL"
    assert await following.content.read() == b"run\n"
    frames = [message.data async for message in attached]
    assert frames[0] == b"\x01run\n"
    assert [frame for frame in frames if frame[0] == 1] == [b"\x01run\n"]
    assert b'"137"' in frames[-1]
    following.close()
    await attached.close()
    await remove(api, container)


async def test_restart_stops_by_the_own_signal_and_starts(api: Api, rootfs: Path) -> None:
    script = "trap 'echo usr1; exit 0' USR1; echo up; while :; do sleep 0.05; done"
    container = await started(api, rootfs, script, stop_signal="USR1", stop_timeout_s=20)
    detail = await until(api, container, output_bytes=3)
    assert (detail["stop_signal"], detail["stop_timeout_s"]) == ("USR1", 20.0)
    assert (await api.post(f"/v1/containers/{container}/restart")).status == 204
    assert await output(api, container, 3) == b"up\nusr1\nup\n"
    again = (await api.get(f"/v1/containers/{container}")).json
    assert (again["status"], again["exit"], again["previous_exit"]["exit_code"]) == ("running", None, 0)
    assert again["pid"] != detail["pid"]
    assert ("restarting", {"cause": "request"}) in await events(api)
    assert (await api.post(f"/v1/containers/{container}/stop?signal=KILL")).json["signal"] == "SIGKILL"
    assert (await api.post(f"/v1/containers/{container}/restart")).status == 204  # a stopped one is started
    await remove(api, container)


async def test_restart_of_what_never_ran_or_is_paused(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sh", "-c", SAY_AND_SLEEP)
    assert (await api.post(f"/v1/containers/{container}/restart")).status == 204
    await output(api, container, 1)
    await api.post(f"/v1/containers/{container}/pause")
    assert (await api.post(f"/v1/containers/{container}/restart?timeout=0")).status == 204
    await output(api, container, 2)
    assert (await api.get(f"/v1/containers/{container}")).json["status"] == "running"
    await remove(api, container)


@pytest.mark.parametrize(
    "query", ["signal=NOPE", "signal=", "timeout=-1", "timeout=soon", "timeout=1e9", "colour=red", "timeout=1&timeout=2"]
)
@pytest.mark.parametrize("action", ["restart", "stop"])
async def test_what_cannot_be_read_does_nothing(api: Api, rootfs: Path, action: str, query: str) -> None:
    container = await started(api, rootfs, SAY_AND_SLEEP)
    pid = (await api.get(f"/v1/containers/{container}")).json["pid"]
    (await api.post(f"/v1/containers/{container}/{action}?{query}")).error(400, "invalid_argument", step="parse")
    assert (await api.get(f"/v1/containers/{container}")).json["pid"] == pid
    await remove(api, container)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("restart", value) for value in ("never", "on-failure:0", "on-failure:x", "always:3", "", "no\n", 1, None)),
        *(("stop_signal", value) for value in ("NOPE", "", "99", 9)),
        *(("stop_timeout_s", value) for value in (-1, 86_401, "10", True)),
    ],
)
async def test_what_is_no_policy(api: Api, rootfs: Path, field: str, value: Any) -> None:
    body = {"rootfs": str(rootfs), "args": ["/bin/true"], field: value}
    error = (await api.post("/v1/containers", json=body)).error(400, "invalid_argument", step="parse")
    assert field in error["message"]
    assert (await api.get("/v1/containers")).json["containers"] == []


# ── by policy ──


async def test_on_failure_tries_again_so_often(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, "echo try; exit 7", restart="on-failure:2")
    found = await until(api, container, status="stopped", restart_count=2, next_start_at=None)
    assert (found["restart"], found["exit"]["exit_code"], found["previous_exit"]["exit_code"]) == ("on-failure:2", 7, 7)
    assert (await api.get(f"/v1/containers/{container}/logs")).body == b"try\n" * 3
    told = [attributes for name, attributes in await events(api) if name == "restarting"]
    assert [(one["cause"], one["restart"]) for one in told] == [("policy", "1"), ("policy", "2")]
    assert [0 <= float(one["delay_s"]) <= most for one, most in zip(told, (0.1, 0.2), strict=True)] == [True, True]
    await remove(api, container)


async def test_on_failure_leaves_a_success_alone(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, "exit 0", restart="on-failure")
    found = await until(api, container, status="stopped")
    assert (found["next_start_at"], found["restart_count"]) == (None, 0)
    await remove(api, container)


async def test_a_payload_that_is_killed_comes_back_until_it_is_stopped(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, SAY_AND_SLEEP, restart="always")
    for number in (1, 2):
        pid = (await until(api, container, status="running"))["pid"]
        os.kill(pid, signal.SIGKILL)
        await until(api, container, status="running", restart_count=number)
    ended = (await api.post(f"/v1/containers/{container}/stop?timeout=0")).json
    assert ended["signal"] == "SIGKILL"
    found = (await api.get(f"/v1/containers/{container}")).json
    assert (found["status"], found["next_start_at"]) == ("stopped", None)
    assert (await api.post(f"/v1/containers/{container}/start")).status == 204  # counts anew
    assert (await api.get(f"/v1/containers/{container}")).json["restart_count"] == 0
    assert (await api.post(f"/v1/containers/{container}/kill")).status == 204  # as docker: the policy is over
    found = await until(api, container, status="stopped")
    assert found["next_start_at"] is None
    await remove(api, container)


async def waiting_for_its_next_start(api: Api, rootfs: Path) -> str:
    """A container that fails at once, caught while its delay is long enough to do something."""
    container = await started(api, rootfs, "echo x; exit 1", restart="always")
    async with asyncio.timeout(30):
        while True:
            found = (await api.get(f"/v1/containers/{container}")).json
            if found["restart_count"] >= 4 and found["next_start_at"] and found["status"] == "stopped":
                return container
            await asyncio.sleep(0.01)


async def test_between_two_runs_it_is_stopped_deleted_or_started(api: Api, rootfs: Path) -> None:
    for end in ("stop", "delete"):
        container = await waiting_for_its_next_start(api, rootfs)
        if end == "stop":
            assert (await api.post(f"/v1/containers/{container}/stop")).json["exit_code"] == 1
            found = (await api.get(f"/v1/containers/{container}")).json
            assert (found["status"], found["next_start_at"]) == ("stopped", None)
        assert (await api.delete(f"/v1/containers/{container}")).status == 204
    container = await waiting_for_its_next_start(api, rootfs)
    lines = (await api.get(f"/v1/containers/{container}/logs")).body.count(b"\n")
    assert (await api.post(f"/v1/containers/{container}/start")).status == 204
    await output(api, container, lines + 1)
    await remove(api, container)


async def test_a_start_by_policy_that_fails_is_told_and_tried_again(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, SAY_AND_SLEEP, restart="on-failure:3")
    pid = (await until(api, container, status="running"))["pid"]
    (rootfs / "bin/sh").rename(rootfs / "bin/gone")
    os.kill(pid, signal.SIGKILL)
    found = await until(api, container, status="stopped", restart_count=3, next_start_at=None)
    assert found["exit"]["signal"] == "SIGKILL"  # of the last run that there was
    failed = [attributes["error"] for name, attributes in await events(api) if name == "restart_failed"]
    assert len(failed) == 3
    assert all("/bin/sh" in error for error in failed)
    await remove(api, container)


async def test_a_policy_that_is_given_anew_counts_though_a_signal_was_ignored(api: Api, rootfs: Path) -> None:
    """The signal has ended the policy, not the payload; what is asked for later counts."""
    script = "trap '' TERM; echo up; read a; exit 3"
    container = await started(api, rootfs, script, stdin=True, restart="always")
    await output(api, container, 1)
    assert (await api.post(f"/v1/containers/{container}/kill?signal=TERM")).status == 204
    assert (await api.post(f"/v1/containers/{container}/update", json={"restart": "on-failure:5"})).status == 204
    await api.request("PUT", f"/v1/containers/{container}/stdin", data=b"\n")
    await until(api, container, status="running", restart_count=1)
    await remove(api, container)


async def test_a_policy_that_is_given_anew_does_not_undo_a_stop(api: Api, rootfs: Path) -> None:
    script = "trap 'echo asked' TERM; echo up; while :; do sleep 0.05; done"
    container = await started(api, rootfs, script)
    await output(api, container, 1)
    stopping = asyncio.create_task(api.post(f"/v1/containers/{container}/stop?timeout=2"))
    await output(api, container, 2)
    assert (await api.post(f"/v1/containers/{container}/update", json={"restart": "always"})).status == 204
    assert (await stopping).json["signal"] == "SIGKILL"
    found = (await api.get(f"/v1/containers/{container}")).json
    assert (found["status"], found["next_start_at"]) == ("stopped", None)
    await remove(api, container)


async def hooked(api: Api, rootfs: Path, flag: Path, moment: str, **fields: Any) -> dict[str, Any]:
    """Return a request with a hook that does not end as long as there is that file. It makes a file `.began` beside it."""
    plain = await api.create(rootfs, "/bin/false")
    document = (await api.get(f"/v1/containers/{plain}")).json["oci"]
    await remove(api, plain)
    script = f"cat >/dev/null; : >{flag}.began; while [ -e {flag} ]; do sleep 0.05; done"
    document["hooks"] = {moment: [{"path": "/bin/sh", "args": ["sh", "-c", script]}]}
    document["linux"].pop("cgroupsPath", None)
    return {"oci": document} | fields


@pytest.mark.parametrize("action", ["stop?timeout=0", "delete"])
@pytest.mark.parametrize("moment", ["createRuntime", "poststop"])
async def test_a_start_that_hangs_does_not_keep_it_from_being_stopped(
    api: Api, rootfs: Path, tmp_path: Path, moment: str, action: str
) -> None:
    flag = tmp_path / "flag"
    body = await hooked(api, rootfs, flag, moment, restart="always")
    container = (await api.post("/v1/containers", json=body)).json["id"]
    flag.touch()
    assert (await api.post(f"/v1/containers/{container}/start")).status == 204
    try:
        await until(api, container, status="stopped")
        restarting = asyncio.create_task(api.post(f"/v1/containers/{container}/start"))
        await until_asked(api, container)
        async with asyncio.timeout(30):
            if action == "delete":
                assert (await api.delete(f"/v1/containers/{container}?force=true")).status == 204
            else:
                assert (await api.post(f"/v1/containers/{container}/{action}")).json["exit_code"] == 1
                found = (await api.get(f"/v1/containers/{container}")).json
                assert (found["status"], found["next_start_at"]) == ("stopped", None)
            assert (await restarting).status in (404, 409)
    finally:
        flag.unlink()
    if action != "delete":
        assert (await api.post(f"/v1/containers/{container}/start")).status == 204
        await remove(api, container)


async def until_asked(api: Api, container: str) -> None:
    """Wait until the daemon has the request to start it."""
    async with asyncio.timeout(30):
        while not [
            one
            for one in (await api.get("/v1/operations")).json["operations"]
            if (one["container_id"], one["action"], one["status"]) == (container, "start", "running")
        ]:
            await asyncio.sleep(0.01)


async def test_a_start_that_was_being_put_on_record_is_given_up_too(
    daemon: Daemon, api: Api, rootfs: Path, tmp_path: Path
) -> None:
    """It hangs later, and whoever asked for it is told: the stop had come before its hooks began."""
    flag = tmp_path / "flag"
    body = await hooked(api, rootfs, flag, "createRuntime", restart="on-failure")
    body["oci"]["process"]["args"] = ["/bin/true"]
    container = (await api.post("/v1/containers", json=body)).json["id"]
    assert (await api.post(f"/v1/containers/{container}/start")).status == 204
    await until(api, container, status="stopped")
    flag.touch()
    threads = tuple(int(task) for task in os.listdir(f"/proc/{daemon.pid}/task"))
    with strace("trace=rename", "inject=rename:delay_enter=500000:when=1", pids=threads):
        starting = asyncio.create_task(api.post(f"/v1/containers/{container}/start"))
        await until_asked(api, container)
        assert (await api.post(f"/v1/containers/{container}/stop?timeout=0")).json["exit_code"] == 0
        (await starting).error(409, "conflict", step="start")
    flag.unlink()
    await remove(api, container)


async def test_hooks_that_hang_hold_up_nobody_else(api: Api, rootfs: Path, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    body = await hooked(api, rootfs, flag, "createRuntime")
    flag.touch()
    try:
        many = [asyncio.create_task(api.post("/v1/containers", json=body)) for _ in range(40)]
        async with asyncio.timeout(60):
            while sum(one["status"] == "creating" for one in (await api.get("/v1/containers")).json["containers"]) < 40:
                await asyncio.sleep(0.05)
            assert (await api.run(rootfs, "/bin/echo", "on"))[1] == b"on\n"
    finally:
        flag.unlink()
    for one in many:
        await remove(api, (await one).json["id"])


# ── with what is executed in it ──


async def execute(api: Api, container: str, script: str) -> str:
    body = {"args": ["/bin/sh", "-c", script]}
    made = (await api.post(f"/v1/containers/{container}/exec", json=body)).json["id"]
    assert (await api.post(f"/v1/exec/{made}/start")).status == 204
    return str(made)


async def test_what_is_executed_ends_with_its_run(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, SAY_AND_SLEEP)
    old = await execute(api, container, "exec sleep 100")
    waiting = await api.post(f"/v1/containers/{container}/exec", json={"args": ["/bin/true"]})
    await api.post(f"/v1/containers/{container}/pause")
    refused = await api.post(f"/v1/containers/{container}/exec", json={"args": ["/bin/true"]})
    refused.error(409, "conflict")
    assert (await api.post(f"/v1/containers/{container}/restart?timeout=0")).status == 204
    assert (await api.post(f"/v1/exec/{old}/wait")).json["signal"] == "SIGKILL"
    assert (await api.post(f"/v1/exec/{waiting.json['id']}/wait")).json["reason"] == "failed"
    new = await execute(api, container, "exit 6")
    assert (await api.post(f"/v1/exec/{new}/wait")).json["exit_code"] == 6
    await remove(api, container)


async def test_the_hooks_for_an_end_run_once_for_each_run(api: Api, rootfs: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"
    hook = tmp_path / "hook"
    hook.write_text(f'#!/bin/sh\ncat >/dev/null\necho "$1" >>{told}\n')
    hook.chmod(0o755)
    plain = await api.create(rootfs, "/bin/sh", "-c", "exit 3")
    document = (await api.get(f"/v1/containers/{plain}")).json["oci"]
    await remove(api, plain)
    moments = ("createRuntime", "poststop")
    document["hooks"] = {moment: [{"path": str(hook), "args": ["hook", moment]}] for moment in moments}
    document["linux"].pop("cgroupsPath", None)
    container = (await api.post("/v1/containers", json={"oci": document})).json["id"]
    await api.post(f"/v1/containers/{container}/start")
    await api.post(f"/v1/containers/{container}/wait")
    (rootfs / "bin/sh").rename(rootfs / "bin/gone")
    for _ in range(2):
        (await api.post(f"/v1/containers/{container}/start")).error(400, "invalid_argument", step="exec")
    (rootfs / "bin/gone").rename(rootfs / "bin/sh")
    await api.post(f"/v1/containers/{container}/start")
    await api.post(f"/v1/containers/{container}/wait")
    await remove(api, container)
    words = told.read_text().split()
    assert words.count("createRuntime") == words.count("poststop") >= 2
    assert words == ["createRuntime", "poststop"] * (len(words) // 2)
