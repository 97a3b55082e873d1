"""Frames of a client that has attached. They come in two parts, by their first byte."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiohttp import EofStream, WebSocketError
from aiohttp._websocket.reader_py import WebSocketDataQueue, WebSocketReader

from containerd_py.api import attach, requests
from containerd_py.errors import InvalidArgument

if TYPE_CHECKING:
    from pathlib import Path

    from aiohttp import WSMessage


class _Protocol:
    """What a WebSocket's reader asks of its connection."""

    _reading_paused = False

    def pause_reading(self) -> None:
        self._reading_paused = True

    def resume_reading(self) -> None:
        self._reading_paused = False


class _Empty(Exception):
    """Nothing is there yet."""


class _Loop:
    def create_future(self) -> None:
        raise _Empty


def check(data: bytes, _folder: Path) -> None:
    queue: Any = WebSocketDataQueue(_Protocol(), 1 << 16, loop=_Loop())  # type: ignore[arg-type]
    reader = WebSocketReader(queue, 65_536, compress=False, decode_text=True)
    half = data[0] if data else 0
    for part in (data[1 : 1 + half], data[1 + half :]):
        ended, _rest = reader.feed_data(part)
        with suppress(_Empty, EofStream, WebSocketError):
            while True:
                _take(_next(queue))
        if ended:
            return


def _next(queue: WebSocketDataQueue) -> Any:
    try:
        queue.read().send(None)
    except StopIteration as told:
        return told.value
    raise AssertionError("it waits")


def _take(message: WSMessage) -> None:
    with suppress(InvalidArgument):
        channel, data = attach._frame(message)
        if channel == attach.RESIZE:
            rows, columns = attach.window(data)
            assert 0 < rows <= 65_535
            assert 0 < columns <= 65_535
        elif channel == attach.SIGNAL:
            requests.signal_number(data.decode(errors="replace"))
