"""`pyctr exec` without the rest of `pyctr`, and with it: the same questions, bytes, words and codes."""

from __future__ import annotations

import subprocess
import threading
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from containerd_py.cli.quick.usual import read

ID = "c0ffee00c0ffee00c0ffee00"
CREATE = "POST /v1/containers/web/exec"
START = f"POST /v1/exec/{ID}/start"
ATTACH = f"GET /v1/exec/{ID}/attach?offset=0"
MANY = 3_000_000


@pytest.fixture(params=["pyctr", "quick_pyctr"], ids=["whole", "quick"])
def pyctr(request: pytest.FixtureRequest, daemon: Any) -> Any:
    daemon.replies(CREATE, {"id": ID}, 201)
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize(
    ("words", "body"),
    [
        (("web", "/bin/sh", "-c", "echo -t"), {"args": ["/bin/sh", "-c", "echo -t"]}),
        (("web", "--", "sh"), {"args": ["--", "sh"]}),
        (("-e", "A=b=c", "--env=B=", "-e", "NONE", "web", "sh"), {"args": ["sh"], "env": {"A": "b=c", "B": ""}}),
        (
            ("--user=1:2", "-w", "/w", "--privileged", "web", "sh"),
            {"args": ["sh"], "user": "1:2", "cwd": "/w", "privileged": True},
        ),
        (
            ("--group-add", "5", "--group-add", "adm", "--cap", "CAP_KILL", "web", "sh"),
            {"args": ["sh"], "additional_groups": ["5", "adm"], "capabilities": ["CAP_KILL"]},
        ),
        (("-w", "", "web", "sh"), {"args": ["sh"]}),
    ],
)
def test_it_asks_attaches_starts_and_ends_as_that_did(daemon: Any, pyctr: Any, words: Any, body: Any) -> None:
    assert read(("exec", *words), {}) is not None
    daemon.exit["exit_code"] = 3
    daemon.prints(b"\x01\xff\x00out\n", b"\x02err\n")
    result = pyctr("exec", *words)
    assert (result.code, result.out, result.err) == (3, b"\xff\x00out\n", "err\n")
    assert (daemon.heard, daemon.bodies) == ([CREATE, ATTACH, START], [body])


@pytest.mark.parametrize("words", [("-d",), ("-td",), ("--detach", "--tty")])
def test_detached_it_prints_the_id(daemon: Any, pyctr: Any, words: tuple[str, ...]) -> None:
    assert read(("exec", *words, "web", "sh"), {}) is not None
    result = pyctr("exec", *words, "web", "sh")
    assert (result.code, result.text, result.err) == (0, f"{ID}\n", "")
    assert daemon.heard == [CREATE, START]
    assert daemon.bodies[0]["detach"] is True


@pytest.mark.parametrize("detached", [(), ("-d",)])
@pytest.mark.parametrize(("more", "code"), [({"step": "exec", "errno": "ENOENT"}, 127), ({}, 125)])
def test_what_cannot_be_started_has_a_shells_code(
    daemon: Any, pyctr: Any, detached: Any, more: dict[str, str], code: int
) -> None:
    daemon.talks.append(_until_closed)
    daemon.refuses(START, 400, "invalid_argument", "cannot execute '/x':\nno", hint="look", **more)
    result = pyctr("exec", *detached, "web", "/x")
    assert (result.code, result.out, result.err) == (code, b"", "pyctr: cannot execute '/x':\\nno (look)\n")


def test_a_container_that_is_not_there_is_told(daemon: Any, pyctr: Any) -> None:
    daemon.refuses(CREATE, 404, "not_found", "cannot execute in 'web': there is none")
    result = pyctr("exec", "web", "sh")
    assert (result.code, result.err) == (125, "pyctr: cannot execute in 'web': there is none\n")


def test_a_wrong_value_is_told_by_its_option(daemon: Any, pyctr: Any) -> None:
    daemon.refuses(CREATE, 400, "invalid_argument", "in other words")
    result = pyctr("exec", "-w", "relative", "web", "sh")
    assert result.code == 125
    assert "--workdir 'relative'" in result.err


@pytest.mark.parametrize("size", [0, 1, 125, 126, 70_000, MANY])
def test_input_is_sent_and_its_end_is_told(daemon: Any, pyctr: Any, size: int) -> None:
    typed = bytes(range(251)) * (size // 251) + bytes(size % 251)
    daemon.talks.append(_echo(daemon))
    child = pyctr.spawn("exec", "-i", "web", "cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.communicate(typed, timeout=60)[0] == typed
    assert child.returncode == 0
    assert daemon.bodies[0]["stdin"] is True


def test_input_waits_for_the_daemon_and_output_does_not(daemon: Any, pyctr: Any) -> None:
    """The daemon takes no input before all of its output was taken."""

    async def talk(websocket: web.WebSocketResponse) -> None:
        await daemon.started.wait()
        for _ in range(MANY // 50_000):
            await websocket.send_bytes(b"\x01" + bytes(50_000))
        await _echo(daemon)(websocket)

    daemon.talks.append(talk)
    child = pyctr.spawn("exec", "-i", "web", "cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.communicate(b"x" * MANY, timeout=60)[0] == bytes(MANY) + b"x" * MANY


def test_a_lost_session_goes_on_with_what_is_typed(daemon: Any, pyctr: Any) -> None:
    left = threading.Event()

    async def lost(websocket: web.WebSocketResponse) -> None:
        await daemon.started.wait()
        await websocket.send_bytes(b"\x01one")
        await websocket.close(code=1012)
        left.set()  # what is typed from now on can only go to the next one

    daemon.talks += [lost, _echo(daemon)]
    child = pyctr.spawn("exec", "-i", "web", "cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout.read(3) == b"one"
    assert left.wait(30)
    assert child.communicate(b"two", timeout=60)[0] == b"two"
    assert daemon.heard[-1] == ATTACH.replace("=0", "=3")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_become_nothing_else(daemon: Any, pyctr: Any, closed: str) -> None:
    """Else the connection to the daemon took their numbers, and a payload's output were requests."""

    async def talk(websocket: web.WebSocketResponse) -> None:
        await daemon.started.wait()
        await websocket.send_bytes(b"\x01DELETE /v1/containers/other HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await _echo(daemon)(websocket)

    daemon.talks.append(talk)
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", *pyctr.command("exec", "-i", "web", "cat")]
    assert subprocess.run(command, stdin=subprocess.DEVNULL, timeout=60, check=False).returncode == 0
    assert daemon.heard == [CREATE, ATTACH, START]


def test_an_end_of_input_that_nobody_heard_is_told_again(daemon: Any, pyctr: Any) -> None:
    async def deaf(websocket: web.WebSocketResponse) -> None:
        await daemon.started.wait()
        assert (await websocket.receive()).data == b"\xff\x00"
        await websocket.close(code=1012)

    daemon.talks += [deaf, _echo(daemon)]
    child = pyctr.spawn("exec", "-i", "web", "cat", stdin=subprocess.DEVNULL)
    assert child.wait(60) == 0


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("web",),
        ("-t", "web", "sh"),
        ("-it", "web", "sh"),
        ("-id", "web", "sh"),
        ("--env-file", "f", "web", "sh"),
        ("--idempotency-key", "k", "web", "sh"),
        ("--detach-keys", "ctrl-x", "web", "sh"),
        ("--format", "json", "-d", "web", "sh"),
        ("--", "web", "sh"),
        ("-", "sh"),
        ("-e", "=b", "web", "sh"),
        ("-u", "1", "-u", "2", "web", "sh"),
        ("--help", "web", "sh"),
        *((name, "sh") for name in ("", "a/b", "..", "a b", "\N{SNOWMAN}", "a" * 129)),
    ],
)
def test_other_forms_are_left_to_the_rest(words: tuple[str, ...]) -> None:
    assert read(("exec", *words), {}) is None


def _echo(daemon: Any) -> Any:
    async def talk(websocket: web.WebSocketResponse) -> None:
        await daemon.started.wait()
        async for message in websocket:
            assert message.type is WSMsgType.BINARY
            if message.data == b"\xff\x00":
                await daemon.end(websocket)
                return
            await websocket.send_bytes(b"\x01" + message.data[1:])

    return talk


async def _until_closed(websocket: web.WebSocketResponse) -> None:
    async for _ in websocket:
        pass
