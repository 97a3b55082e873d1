"""The least HTTP client that does: one kept-alive connection, so that little of what is measured is the client's."""

import json
import socket
from types import TracebackType
from typing import Any, Self


class Failed(Exception):
    """What was measured did not work; its figure would mean nothing."""


class Connection:
    """Requests one after the other over one Unix socket. Answers must have a Content-Length, or 204."""

    def __init__(self, socket_path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(60)
        try:
            self._socket.connect(socket_path)
        except OSError:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Return the body of the answer. Raises Failed for a status from 400 on."""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        self._socket.sendall(head.encode() + body)
        received = self._receive_head()
        head_bytes, _, rest = received.partition(b"\r\n\r\n")
        status = int(head_bytes[9:12])
        rest = self._receive_body(rest, _length_of(status, head_bytes))
        if status >= 400:
            raise Failed(f"cannot {method} {path}: {status} {rest.decode()}")
        return rest

    def json(self, method: str, path: str, body: bytes = b"") -> Any:
        return json.loads(self.request(method, path, body))

    def _receive_head(self) -> bytes:
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._receive()
        return received

    def _receive_body(self, received: bytes, length: int) -> bytes:
        while len(received) < length:
            received += self._receive()
        return received

    def _receive(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise Failed("cannot read answer: the daemon hung up")
        return data


def _length_of(status: int, head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    if status == 204:
        return 0
    raise Failed("cannot read answer: it has no Content-Length")
