"""The attach dialogue: channels, the end of a container, and every way in which a stream can end too early."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import WSMsgType, web

from containerd_py import errors
from containerd_py.client import Channel, FellBehind
from containerd_py.client.status import parse_status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from containerd_py.client import Client

    Talk = Callable[[web.WebSocketResponse], Awaitable[None]]

ATTACH = "GET /v1/containers/c1/attach"
SUCCESS = {"metadata": {}, "status": "Success"}


def failed(code: int) -> dict[str, Any]:
    return {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": f"command terminated with exit code {code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def talks(daemon: Any, talk: Talk) -> None:
    """Script the attach route: shake hands, talk, hang up."""

    async def answer(request: web.Request) -> web.StreamResponse:
        websocket = web.WebSocketResponse(protocols=("v5.channel.k8s.io",))
        await websocket.prepare(request)
        assert websocket.ws_protocol == "v5.channel.k8s.io"
        await talk(websocket)
        await websocket.close()
        return websocket

    daemon.on(ATTACH, answer)


async def test_output_arrives_by_channel_and_the_status_ends_it(daemon: Any, client: Client) -> None:
    async def talk(websocket: web.WebSocketResponse) -> None:
        for frame in (b"\x01out", b"\x02err", b"\x01", b"\xff\x01", b"\x01more"):
            await websocket.send_bytes(frame)
        await websocket.send_bytes(b"\x03" + json.dumps(failed(3)).encode())

    talks(daemon, talk)
    async with await client.attach("c1", offset=5) as attachment:
        heard = [one async for one in attachment]
        assert attachment.exit_code == 3
        assert attachment.offset == 5 + 10
    assert heard == [(Channel.STDOUT, b"out"), (Channel.STDERR, b"err"), (Channel.STDOUT, b"more")]
    assert daemon.heard == ["GET /v1/containers/c1/attach?offset=5"]


async def test_input_is_cut_into_frames_and_its_end_is_told(daemon: Any, client: Client) -> None:
    heard: list[bytes] = []

    async def talk(websocket: web.WebSocketResponse) -> None:
        while not heard or heard[-1] != b"\xff\x00":
            message = await websocket.receive()
            assert message.type is WSMsgType.BINARY
            heard.append(message.data)
        await websocket.send_bytes(b"\x03" + json.dumps(SUCCESS).encode())

    talks(daemon, talk)
    async with await client.attach("c1") as attachment:
        await attachment.resize(rows=24, columns=80)
        await attachment.send_stdin(b"x" * 100_000)
        await attachment.send_signal("TERM")
        await attachment.close_stdin()
        assert [one async for one in attachment] == []
        assert attachment.exit_code == 0
    assert heard[0] == b'\x04{"Width": 80, "Height": 24}'
    assert b"".join(frame[1:] for frame in heard[1:-2]) == b"x" * 100_000
    assert all(frame[0] == 0 and len(frame) <= 65_536 for frame in heard[1:-2])
    assert heard[-2] == b"\x05TERM"


async def test_a_reader_that_is_too_slow_learns_where_to_go_on(daemon: Any, client: Client) -> None:
    async def talk(websocket: web.WebSocketResponse) -> None:
        await websocket.send_bytes(b"\x01abc")
        await websocket.close(code=1013, message=b"too slow, attach again with offset=1234")

    talks(daemon, talk)
    async with await client.attach("c1") as attachment:
        with pytest.raises(FellBehind, match="too slow") as caught:
            [one async for one in attachment]
    assert caught.value.offset == 1234


@pytest.mark.parametrize("reason", [b"", b"too slow: go on with offset=2"])
async def test_the_own_count_is_better_than_what_the_daemon_tells(daemon: Any, client: Client, reason: bytes) -> None:
    async def talk(websocket: web.WebSocketResponse) -> None:
        await websocket.send_bytes(b"\x01abc")
        await websocket.close(code=1013, message=reason)

    talks(daemon, talk)
    async with await client.attach("c1", offset=0) as attachment:
        with pytest.raises(FellBehind) as caught:
            [one async for one in attachment]
    assert caught.value.offset == 3


async def test_an_end_without_a_status_is_a_lost_connection(daemon: Any, client: Client) -> None:
    async def talk(websocket: web.WebSocketResponse) -> None:
        await websocket.send_bytes(b"\x01abc")

    talks(daemon, talk)
    async with await client.attach("c1") as attachment:
        with pytest.raises(errors.Unavailable, match="connection lost"):
            [one async for one in attachment]
        with pytest.raises(errors.Unavailable, match="connection lost"):
            await attachment.send_stdin(b"late")


async def test_a_daemon_that_stops_tells_where_to_go_on(daemon: Any, client: Client) -> None:
    async def talk(websocket: web.WebSocketResponse) -> None:
        await websocket.close(code=1001, message=b"the daemon stops: go on with offset=77")

    talks(daemon, talk)
    async with await client.attach("c1") as attachment:
        with pytest.raises(errors.Unavailable, match="connection lost"):
            [one async for one in attachment]
        assert attachment.offset == 77


async def test_a_frame_that_is_refused_is_told_and_not_tried_again(daemon: Any, client: Client) -> None:
    async def talk(websocket: web.WebSocketResponse) -> None:
        await websocket.close(code=1003, message=b"cannot write stdin: no")

    talks(daemon, talk)
    async with await client.attach("c1") as attachment:
        with pytest.raises(errors.Internal, match="cannot write stdin: no"):
            [one async for one in attachment]


async def test_a_failure_of_the_daemon_is_told_in_its_words(daemon: Any, client: Client) -> None:
    async def talk(websocket: web.WebSocketResponse) -> None:
        status = {"metadata": {}, "status": "Failure", "reason": "InternalError", "message": "disk is gone"}
        await websocket.send_bytes(b"\x03" + json.dumps(status).encode())

    talks(daemon, talk)
    async with await client.attach("c1") as attachment:
        with pytest.raises(errors.Internal, match="disk is gone"):
            [one async for one in attachment]


async def test_a_refused_handshake_carries_the_daemons_error(daemon: Any, client: Client) -> None:
    daemon.replies(ATTACH, {"kind": "not_found", "message": "cannot find 'c1'", "hint": "pyctr ps -a"}, status=404)
    with pytest.raises(errors.NotFound, match="cannot find 'c1'") as caught:
        await client.attach("c1")
    assert caught.value.hint == "pyctr ps -a"


@pytest.mark.parametrize(
    ("data", "code", "failure"),
    [
        (json.dumps(SUCCESS), 0, None),
        (json.dumps(failed(137)), 137, None),
        ('{"status": "Failure", "reason": "NonZeroExitCode"}', None, "the daemon told no exit code"),
        ('{"status": "Failure", "reason": "InternalError", "message": "m"}', None, "m"),
        ('{"status": "Failure"}', None, "no reason given"),
        ("not json", None, "the daemon sent an unreadable status"),
    ],
)
def test_a_status_that_is_not_understood_is_never_a_success(data: str, code: int | None, failure: str | None) -> None:
    status = parse_status(data.encode())
    assert (status.exit_code, status.failure) == (code, failure)
