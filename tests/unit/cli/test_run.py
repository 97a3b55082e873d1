"""`pyctr run`, `start -a` and `attach`: the dialogue with the daemon, the bytes, and the exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import select
import signal
import subprocess
import termios
import time
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import WSMsgType, web

if TYPE_CHECKING:
    from pathlib import Path

ID = "c0ffee00c0ffee00c0ffee00"
RUN = ("run", "--rootfs", "/r", "/bin/true")
CREATE = "POST /v1/containers"
START = f"POST /v1/containers/{ID}/start"
ATTACH = f"GET /v1/containers/{ID}/attach?offset=0"
REMOVE = f"DELETE /v1/containers/{ID}?force=true"


@pytest.fixture(params=["pyctr", "quick_pyctr"], ids=["whole", "quick"])
def pyctr(request: pytest.FixtureRequest) -> Any:
    """Both ways to run a container: nobody is to see which one it was."""
    return request.getfixturevalue(request.param)


def exited(code: int | None) -> dict[str, Any]:
    return {"exit_code": code, "reason": "lost" if code is None else "exited", "signal": None, "finished_at": "t"}


def test_run_attaches_before_it_starts_and_copies_bytes(daemon: Any, pyctr: Any) -> None:
    daemon.exit = exited(3)
    daemon.prints(b"\x01\xff\x00out\n", b"\x02err\n", b"\x01" + b"x" * 60_000, b"\xff\x01")
    result = pyctr(*RUN)
    assert (result.code, result.out, result.err) == (3, b"\xff\x00out\n" + b"x" * 60_000, "err\n")
    assert daemon.heard == [CREATE, ATTACH, START]
    assert daemon.bodies == [{"rootfs": "/r", "args": ["/bin/true"]}]


def test_the_payloads_options_are_its_own(daemon: Any, pyctr: Any) -> None:
    daemon.prints()
    assert pyctr("run", "--rootfs", "/r", "/bin/sh", "-c", "echo hi", "--rm", "--", "-t").code == 0
    assert daemon.bodies[0]["args"] == ["/bin/sh", "-c", "echo hi", "--rm", "--", "-t"]
    assert daemon.heard[-1] == START


def test_rm_removes_after_the_end(daemon: Any, pyctr: Any) -> None:
    daemon.exit = exited(137)
    daemon.prints()
    assert pyctr("run", "--rm", *RUN[1:]).code == 137
    assert daemon.heard == [CREATE, ATTACH, START, REMOVE]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"step": "exec", "errno": "ENOENT"}, 127),
        ({"step": "exec", "errno": "EACCES"}, 126),
        ({"step": "mount", "errno": "ENOENT"}, 125),
        ({}, 125),
    ],
)
def test_a_failed_start_has_a_shells_code_and_is_removed(daemon: Any, pyctr: Any, more: dict[str, str], code: int) -> None:
    daemon.talks.append(_until_closed)
    daemon.refuses(START, 400, "invalid_argument", "cannot execute '/x':\nno", hint="look", **more)
    result = pyctr("run", "--rm", *RUN[1:])
    assert (result.code, result.out, result.err) == (code, b"", "pyctr: cannot execute '/x':\\nno (look)\n")
    assert daemon.heard == [CREATE, ATTACH, START, REMOVE]


def test_a_failed_create_leaves_nothing_to_do(daemon: Any, pyctr: Any) -> None:
    daemon.refuses(CREATE, 400, "invalid_argument", "cannot execute '/x': no", step="exec", errno="ENOENT")
    assert pyctr("run", "--rm", *RUN[1:]).code == 127
    assert pyctr("create", *RUN[1:]).code == 127
    assert daemon.heard == [CREATE, CREATE]


def test_a_failed_removal_is_told_and_keeps_the_code(daemon: Any, pyctr: Any) -> None:
    daemon.exit = exited(4)
    daemon.prints()
    daemon.refuses(REMOVE.partition("?")[0], 500, "internal", "cannot remove it")
    result = pyctr("run", "--rm", *RUN[1:])
    assert (result.code, result.err) == (4, "pyctr: cannot remove it\n")


def test_an_end_that_nobody_saw_is_never_zero(daemon: Any, pyctr: Any) -> None:
    daemon.exit = exited(None)
    daemon.prints()
    result = pyctr(*RUN)
    assert result.code == 125
    assert "nobody saw the end" in result.err


def test_start_attached_follows_the_new_run_of_a_stopped_container(daemon: Any, pyctr: Any) -> None:
    """Its output is in the log from where that of the last run ended: attached before, the client would follow that one."""
    daemon.replies("GET /v1/containers/web", _detail(output_bytes=7) | {"status": "stopped", "exit": exited(1)})
    daemon.prints(b"\x01again")
    assert pyctr("start", "-a", "web").out == b"again"
    assert daemon.heard == ["GET /v1/containers/web", START, ATTACH.replace("=0", "=7")]


def test_detached_it_prints_the_id(daemon: Any, pyctr: Any) -> None:
    assert pyctr("run", "-d", *RUN[1:]).text == f"{ID}\n"
    assert pyctr("--format", "json", "run", "-d", *RUN[1:]).json == {"id": ID, "name": "web"}
    assert pyctr("run", "-d", "--format", "json", *RUN[1:]).json == {"id": ID, "name": "web"}
    assert daemon.heard == [CREATE, START] * 3


def test_without_a_daemon_it_says_how_to_start_one(pyctr: Any) -> None:
    result = pyctr(*RUN)
    assert result.code == 125
    assert result.err.startswith("pyctr: cannot connect to ")
    assert "`pycontainerd`" in result.err
    assert result.err.count("\n") == 1


def test_a_terminal_needs_one(daemon: Any, pyctr: Any) -> None:
    child = pyctr.spawn("run", "-t", *RUN[1:], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, err = child.communicate(timeout=30)
    assert child.returncode == 125
    assert b"standard input is not one" in err
    assert daemon.heard == []


def test_a_client_that_fell_behind_goes_on_where_it_was(daemon: Any, pyctr: Any) -> None:
    async def too_slow(websocket: web.WebSocketResponse) -> None:
        await daemon.started.wait()
        await websocket.send_bytes(b"\x01abc")
        await websocket.close(code=1013, message=b"too slow; resume from offset 3")

    daemon.talks.append(too_slow)
    daemon.prints(b"\x01def")
    assert pyctr(*RUN).out == b"abcdef"
    assert daemon.heard == [CREATE, ATTACH, START, ATTACH.replace("=0", "=3")]


def test_a_daemon_that_restarts_loses_no_byte(daemon: Any, pyctr: Any) -> None:
    async def dies(websocket: web.WebSocketResponse) -> None:
        await daemon.started.wait()
        await websocket.send_bytes(b"\x01abcde")

    daemon.talks.append(dies)
    daemon.prints(b"\x01f")
    assert pyctr(*RUN).out == b"abcdef"
    assert ATTACH.replace("=0", "=5") in daemon.heard


@pytest.mark.parametrize("kind", ["pipe", "file", "null"])
def test_input_is_sent_and_its_end_is_told(daemon: Any, pyctr: Any, tmp_path: Path, kind: str) -> None:
    data = b"" if kind == "null" else os.urandom(200_000)
    (tmp_path / "input").write_bytes(data)
    daemon.talks.append(_echo(daemon))
    if kind == "pipe":
        child = pyctr.spawn("run", "-i", *RUN[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        out, _ = child.communicate(data, timeout=30)
    else:
        with open(os.devnull if kind == "null" else tmp_path / "input", "rb") as source:
            child = pyctr.spawn("run", "-i", *RUN[1:], stdin=source, stdout=subprocess.PIPE)
            out, _ = child.communicate(timeout=30)
    assert (child.returncode, out) == (0, data)
    assert daemon.bodies[0]["stdin"] is True


def test_a_shared_stdin_stays_blocking(daemon: Any, pyctr: Any) -> None:
    daemon.prints()
    readable, writable = os.pipe()
    try:
        child = pyctr.spawn("run", "-i", *RUN[1:], stdin=readable)
        assert child.wait(30) == 0
        assert os.get_blocking(readable)
    finally:
        os.close(readable)
        os.close(writable)


def test_signals_are_kept_where_that_is_asked_for(daemon: Any, pyctr: Any) -> None:
    daemon.talks.append(_until_closed)
    child = pyctr.spawn("run", "--no-sig-proxy", *RUN[1:], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while START not in daemon.heard:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert (child.returncode, out, err) == (130, b"", b"")
    assert daemon.heard == [CREATE, ATTACH, START]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_signals_go_to_the_payload(daemon: Any, pyctr: Any, number: signal.Signals) -> None:
    daemon.exit = exited(128 + number)
    daemon.talks.append(_until_signalled(daemon))
    child = pyctr.spawn(*RUN, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.read(6) == b"ready\n"
    child.send_signal(number)
    child.communicate(timeout=30)
    assert child.returncode == 128 + number
    assert daemon.heard[3:] == [f"POST /v1/containers/{ID}/kill?signal={number.name}"]


def test_an_interrupt_while_the_start_hangs_is_this_processes_own(daemon: Any, pyctr: Any) -> None:
    daemon.talks.append(_until_closed)
    daemon.hangs(START)
    daemon.refuses(f"POST /v1/containers/{ID}/kill", 503, "unavailable", "cannot kill it now")
    child = pyctr.spawn("run", "--rm", *RUN[1:], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert daemon.hanging.wait(30)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert (child.returncode, err) == (130, b"")
    assert daemon.heard[-1] == REMOVE


def test_a_reader_that_went_away_ends_it_quietly(daemon: Any, pyctr: Any) -> None:
    async def endless(websocket: web.WebSocketResponse) -> None:
        await daemon.started.wait()
        while not websocket.closed:
            await websocket.send_bytes(b"\x01y\n")
            await asyncio.sleep(0)

    daemon.talks.append(endless)
    child = pyctr.spawn("run", "--rm", *RUN[1:], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.read(2) == b"y\n"
    child.stdout.close()
    assert child.stderr is not None
    err = child.stderr.read()
    child.stderr.close()
    assert (child.wait(30), err) == (128 + signal.SIGPIPE, b"")
    assert daemon.heard[-1] == REMOVE


def test_a_full_disk_is_told(daemon: Any, pyctr: Any) -> None:
    daemon.prints(b"\x01out")
    with open("/dev/full", "wb") as full:
        child = pyctr.spawn(*RUN, stdout=full, stderr=subprocess.PIPE)
        _, err = child.communicate(timeout=30)
    assert (child.returncode, err) == (125, b"pyctr: cannot copy the streams: no space left on device\n")


def test_a_terminal_is_raw_sized_and_restored(daemon: Any, pyctr: Any) -> None:
    resizes: list[Any] = []
    daemon.talks.append(_terminal(daemon, resizes))
    master, slave = pty.openpty()
    try:
        termios.tcsetwinsize(slave, (33, 111))
        before = termios.tcgetattr(slave)
        child = pyctr.spawn("run", "-it", *RUN[1:], stdin=slave, stdout=slave, stderr=slave)
        assert _read_until(master, b"ready\r\n") == b"ready\r\n"
        assert not termios.tcgetattr(slave)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
        termios.tcsetwinsize(slave, (44, 122))
        child.send_signal(signal.SIGWINCH)
        assert _read_until(master, b"resized") == b"resized"
        os.write(master, b"\x03q")
        assert _read_until(master, b"\x03q") == b"\x03q"
        assert child.wait(30) == 0
        assert termios.tcgetattr(slave) == before
    finally:
        os.close(master)
        os.close(slave)
    assert resizes[0] == {"Width": 111, "Height": 33}
    assert resizes[-1] == {"Width": 122, "Height": 44}
    assert daemon.bodies[0]["terminal"] is True
    assert not any("kill" in heard for heard in daemon.heard)


def test_a_terminal_is_restored_by_a_signal_too(daemon: Any, pyctr: Any) -> None:
    daemon.talks.append(_terminal(daemon, []))
    master, slave = pty.openpty()
    try:
        before = termios.tcgetattr(slave)
        child = pyctr.spawn("run", "--rm", "-it", *RUN[1:], stdin=slave, stdout=slave, stderr=slave)
        _read_until(master, b"ready\r\n")
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 128 + signal.SIGTERM
        assert termios.tcgetattr(slave) == before
    finally:
        os.close(master)
        os.close(slave)
    assert daemon.heard[-1] == REMOVE


def test_start_attached_is_as_run(daemon: Any, pyctr: Any) -> None:
    daemon.exit = exited(5)
    daemon.replies("GET /v1/containers/web", _detail())
    daemon.prints(b"\x01out")
    result = pyctr("start", "-a", "web")
    assert (result.code, result.out) == (5, b"out")
    assert daemon.heard == ["GET /v1/containers/web", ATTACH, START]


def test_start_attached_takes_one_container(daemon: Any, pyctr: Any) -> None:
    assert pyctr("start", "-a", "a", "b").code == 125
    assert daemon.heard == []


def test_attach_follows_from_now_on(daemon: Any, pyctr: Any) -> None:
    daemon.exit = exited(6)
    daemon.replies("GET /v1/containers/web", _detail(output_bytes=9))
    daemon.started.set()
    daemon.prints(b"\x02err")
    result = pyctr("attach", "web")
    assert (result.code, result.err) == (6, "err")
    assert daemon.heard == ["GET /v1/containers/web", ATTACH.replace("=0", "=9")]


def test_attach_to_nothing_is_one_line(daemon: Any, pyctr: Any) -> None:
    daemon.refuses("GET /v1/containers/none", 404, "not_found", "cannot find 'none'")
    result = pyctr("attach", "none")
    assert (result.code, result.err) == (1, "pyctr: cannot find 'none'\n")


def _detail(output_bytes: int = 0) -> dict[str, Any]:
    return {
        "id": ID,
        "name": "web",
        "status": "created",
        "args": ["/bin/true"],
        "rootfs": "/r",
        "labels": {},
        "terminal": False,
        "pid": None,
        "created_at": "2026-01-02T03:04:05.000006Z",
        "started_at": None,
        "exit": None,
        "stdin": False,
        "spec": {},
        "oci": {},
        "cgroup_paths": [],
        "output_bytes": output_bytes,
        "lost_output_bytes": 0,
    }


async def _until_closed(websocket: web.WebSocketResponse) -> None:
    while (await websocket.receive()).type is WSMsgType.BINARY:
        pass


def _echo(daemon: Any) -> Any:
    async def talk(websocket: web.WebSocketResponse) -> None:
        await daemon.started.wait()
        while (frame := (await websocket.receive()).data) != b"\xff\x00":
            assert frame[0] == 0
            await websocket.send_bytes(b"\x01" + frame[1:])
        await daemon.end(websocket)

    return talk


def _until_signalled(daemon: Any) -> Any:
    async def talk(websocket: web.WebSocketResponse) -> None:
        await daemon.started.wait()
        await websocket.send_bytes(b"\x01ready\n")
        await daemon.signalled.wait()
        await daemon.end(websocket)

    return talk


def _terminal(daemon: Any, resizes: list[Any]) -> Any:
    async def talk(websocket: web.WebSocketResponse) -> None:
        await daemon.started.wait()
        await websocket.send_bytes(b"\x01ready\r\n")
        while True:
            message = await websocket.receive()
            if message.type is not WSMsgType.BINARY:
                return
            if message.data[0] == 4:
                resizes.append(json.loads(message.data[1:]))
                if [size["Width"] for size in resizes].count(122) == 1 and resizes[-1]["Width"] == 122:
                    await websocket.send_bytes(b"\x01resized")
                continue
            await websocket.send_bytes(b"\x01" + message.data[1:])
            if message.data.endswith(b"q"):
                break
        await daemon.end(websocket)

    return talk


def _read_until(fd: int, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        assert select.select([fd], [], [], 30)[0], data
        data += os.read(fd, 4096)
    return data


def test_what_is_removed_at_its_end_does_not_outlive_a_boot(daemon: Any, pyctr: Any) -> None:
    result = pyctr("run", "--rm", "--durable", "--rootfs", "/r", "/bin/true")
    assert result.code == 125
    assert "auto_remove and durable ask for the opposite" in result.err
    assert daemon.heard == []
