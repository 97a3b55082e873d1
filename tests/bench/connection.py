"""The least HTTP client that does: one kept-alive connection, so that little of what is measured is the client's."""

import json
import socket
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self


class Failed(Exception):
    """What was measured did not work; its figure would mean nothing."""


class Connection:
    """Requests one after the other over one Unix socket. Answers have a Content-Length, come in chunks, or are 204."""

    def __init__(self, socket_path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(60)
        try:
            self._socket.connect(socket_path)
        except OSError:
            self._socket.close()
            raise
        self._answers = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._answers.close()
        self._socket.close()

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Return the body of the answer. Raises Failed for a status from 400 on."""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        if body:
            head += "Content-Type: application/json\r\n"
        self._socket.sendall(head.encode() + b"\r\n" + body)
        status = int(self._line()[9:12])
        fields = dict(self._fields())
        rest = b"" if status == 204 else self._body(fields)
        if status >= 400:
            raise Failed(f"cannot {method} {path}: {status} {rest.decode()}")
        return rest

    def upgrade(self, path: str) -> socket.socket:
        """Ask for a stream of bytes in place of HTTP; return the socket, for as long as this connection is open."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
        )
        self._socket.sendall(head.encode())
        status = int(self._line()[9:12])
        dict(self._fields())
        if status != 101:
            raise Failed(f"cannot upgrade {path}: {status}")
        return self._socket

    def json(self, method: str, path: str, body: bytes = b"") -> Any:
        return json.loads(self.request(method, path, body))

    def _body(self, fields: dict[bytes, bytes]) -> bytes:
        length = fields.get(b"content-length")
        if length is not None:
            return self._exactly(int(length))
        if fields.get(b"transfer-encoding") != b"chunked":
            raise Failed("cannot read answer: nothing tells where it ends")
        chunks = []
        while size := int(self._line(), 16):
            chunks.append(self._exactly(size))
            self._line()
        self._line()
        return b"".join(chunks)

    def _fields(self) -> Iterator[tuple[bytes, bytes]]:
        while line := self._line():
            name, _, value = line.partition(b":")
            yield name.lower(), value.strip()

    def _line(self) -> bytes:
        line = self._answers.readline()
        if not line.endswith(b"\n"):
            raise Failed("cannot read answer: the daemon hung up")
        return line.rstrip(b"\r\n")

    def _exactly(self, size: int) -> bytes:
        data = self._answers.read(size)
        if len(data) < size:
            raise Failed("cannot read answer: the daemon hung up")
        return data
