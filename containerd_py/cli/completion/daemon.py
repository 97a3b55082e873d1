"""Asking the daemon while the user types: a GET, with nothing but the standard library, and no longer than a second."""

import json
import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import typer

from containerd_py.client.address import DEFAULT_SOCKET

SOCKET_VARIABLE = "PYCONTAINERD_SOCKET"
_PATIENCE_S = 1.0
_LARGEST = 64 << 20
_PIECE = 1 << 16
_EXECS_OF = 32
"""So many containers are asked for their execs, each with a request of its own."""


class Asked:
    """One completion's questions; together they get one second. An answer that does not come is None."""

    def __init__(self, ctx: typer.Context) -> None:
        chosen = ctx.find_root().params.get("socket")
        self._path = chosen or os.environ.get(SOCKET_VARIABLE) or DEFAULT_SOCKET
        self._deadline_s = time.monotonic() + _PATIENCE_S

    def containers(self) -> list[dict[str, Any]]:
        return self._list("/v1/containers", "containers")

    def operations(self) -> list[dict[str, Any]]:
        return self._list("/v1/operations", "operations")

    def execs(self) -> Iterator[dict[str, Any]]:
        running = [one for one in self.containers() if one.get("status") in ("running", "paused")]
        for one in running[-_EXECS_OF:]:
            yield from self._list(f"/v1/containers/{one['id']}/exec", "execs")

    def _list(self, path: str, key: str) -> list[dict[str, Any]]:
        try:
            return list(json.loads(self._get(path))[key])
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def _get(self, path: str) -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            self._wait_no_longer(connection)
            connection.connect(self._path)
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = bytearray()
            while len(answer) < _LARGEST:
                self._wait_no_longer(connection)
                piece = connection.recv(_PIECE)
                if not piece:
                    break
                answer += piece
        head, _, body = bytes(answer).partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise ValueError("no list")
        return body

    def _wait_no_longer(self, connection: socket.socket) -> None:
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        connection.settimeout(left_s)
