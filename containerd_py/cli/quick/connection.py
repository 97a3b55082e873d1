"""HTTP/1.1 to a Unix socket, as far as our daemon speaks it, and the client's side of its WebSocket (RFC 6455)."""

from __future__ import annotations

import os

from containerd_py.light import socket
from containerd_py.light.contextlib import suppress

_PIECE = 65_536
_LARGEST_HEAD = 65_536
_NO_CONTENT = 204
_SWITCHING = 101
_FINAL = 0x80
BINARY, CLOSE, PING, PONG = 0x2, 0x8, 0x9, 0xA


class Strange(Exception):
    """An answer that our daemon does not give, or none: the connection is at its end."""


class Connection:
    """One connection; closed by its owner. Everything raises OSError, and Strange for what is no answer."""

    def __init__(self, path: str, *, timeout_s: float | None = None) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(timeout_s)
            self._socket.connect(path)
        except BaseException:
            self._socket.close()
            raise
        self._unread = self._unsent = b""

    def close(self) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    # ── HTTP ──

    def exchange(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Send one request; return the status and the body of its answer."""
        self.ask(method, path, body)
        return self.answer()

    def ask(self, method: str, path: str, body: bytes | None = None) -> None:
        content = "" if body is None else "Content-Type: application/json\r\n"
        self._send_head(method, path, f"{content}Content-Length: {len(body or b'')}\r\n", body or b"")

    def answer(self) -> tuple[int, bytes]:
        """Return the status and the body of the answer to what was asked."""
        status, headers = self._receive_head()
        if status == _NO_CONTENT:
            return status, b""
        if "content-length" not in headers:
            raise Strange("an answer without a length")
        return status, self._take(int(headers["content-length"]))

    def upgrade(self, path: str, protocol: str) -> bool:
        """Become a WebSocket; False where the daemon answers otherwise, and the connection is of no use any more."""
        key = f"{os.urandom(11).hex()[:21]}A=="  # base64 of 16 bytes
        headers = (
            *("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
            *(f"Sec-WebSocket-Key: {key}", f"Sec-WebSocket-Protocol: {protocol}"),
        )
        self._send_head("GET", path, "".join(f"{line}\r\n" for line in headers), b"")
        status, headers_back = self._receive_head()
        return status == _SWITCHING and headers_back.get("sec-websocket-protocol") == protocol

    def _send_head(self, method: str, path: str, headers: str, body: bytes) -> None:
        self._socket.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode() + body)

    def _receive_head(self) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self._unread:
            if len(self._unread) > _LARGEST_HEAD:
                raise Strange("a head without an end")
            self._unread += self._receive()
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        version, _, status = first.partition(" ")
        if version != "HTTP/1.1" or not status[:3].isdigit():
            raise Strange(f"no answer: {first[:80]!r}")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(status[:3]), headers

    # ── WebSocket ──

    def frame(self) -> tuple[int, bytes]:
        """Return the next frame: what it is (BINARY, CLOSE, PING …), and its content. Our daemon sends messages whole."""
        head = self._take(2)
        length = head[1] & 0x7F
        if length > 125:
            length = int.from_bytes(self._take(2 if length == 126 else 8), "big")
        if not head[0] & _FINAL or head[1] & 0x80:
            raise Strange("a part of a message, or a masked one")
        return head[0] & 0xF, self._take(length)

    @property
    def holds_more(self) -> bool:
        """Something was received that was not asked for yet: a look at the descriptor would not tell."""
        return bool(self._unread)

    def send(self, kind: int, content: bytes) -> None:
        """Send a frame of less than 64 KiB, as far as the daemon takes it; the rest is for `flush`."""
        length, mask = len(content), os.urandom(4)
        size = bytes((0x80 | length,)) if length <= 125 else b"\xfe" + length.to_bytes(2, "big")
        self._unsent += bytes((_FINAL | kind,)) + size + mask + _masked(content, mask)
        self.flush()

    def flush(self) -> None:
        """Send what is left of frames, as far as the daemon takes it."""
        with suppress(BlockingIOError):
            self._unsent = self._unsent[self._socket.send(self._unsent, socket.MSG_DONTWAIT) :]

    @property
    def holds_unsent(self) -> bool:
        """The daemon did not take all frames yet."""
        return bool(self._unsent)

    # ── bytes ──

    def _take(self, length: int) -> bytes:
        if len(self._unread) < length:
            pieces, missing = [self._unread], length - len(self._unread)
            while missing > 0:
                pieces.append(self._receive())
                missing -= len(pieces[-1])
            self._unread = b"".join(pieces)
        taken, self._unread = self._unread[:length], self._unread[length:]
        return taken

    def _receive(self) -> bytes:
        piece = self._socket.recv(_PIECE)
        if not piece:
            raise Strange("the daemon has closed the connection")
        return piece


def _masked(content: bytes, mask: bytes) -> bytes:
    length = len(content)
    key = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(content, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")
