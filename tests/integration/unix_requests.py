"""`requests` over the daemon's Unix socket, for tests whose tools know no other client.

An answer without an end, such as `events`, is cut off after a moment: `Cut` in its headers tells so.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import time
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPHeaderDict, HTTPResponse

if TYPE_CHECKING:
    from pathlib import Path

CUT = "X-Test-Cut"
_ANSWER_S = 30.0  # to the head of an answer, and between the parts of one whose length is known
_SILENCE_S = 0.15  # within one whose length is not
_STREAM_S = 0.5  # for all of that


class UnixAdapter(BaseAdapter):
    """Mount it for "http://localhost"; each request has a connection of its own."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = str(path)

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.sock.settimeout(_ANSWER_S)
            connection.sock.connect(self._path)
            assert request.method is not None
            body: Any = request.body
            connection.request(request.method, request.path_url, body, dict(request.headers))
            return _response(request, connection.sock, connection.getresponse())
        finally:
            connection.close()

    def close(self) -> None:
        """Nothing is kept between two requests."""


def _response(
    request: requests.PreparedRequest, connection: socket.socket, answer: http.client.HTTPResponse
) -> requests.Response:
    body, whole = (b"", True) if answer.status == http.HTTPStatus.SWITCHING_PROTOCOLS else _body(connection, answer)
    answer.close()
    headers = HTTPHeaderDict(answer.getheaders())
    if not whole:
        headers[CUT] = "true"
    response = requests.Response()
    response.status_code, response.reason = answer.status, answer.reason
    response.headers = CaseInsensitiveDict(headers)
    response.request, response.url = request, request.url or ""
    response.raw = HTTPResponse(io.BytesIO(body), headers, answer.status, version=11, preload_content=False)
    return response


def _body(connection: socket.socket, answer: http.client.HTTPResponse) -> tuple[bytes, bool]:
    """Return what came, and whether that is all."""
    if answer.getheader("Transfer-Encoding") is None:
        return answer.read(), True
    connection.settimeout(_SILENCE_S)
    parts = []
    deadline = time.monotonic() + _STREAM_S
    with contextlib.suppress(TimeoutError):
        while time.monotonic() < deadline:
            parts.append(answer.read1(1 << 16))
            if not parts[-1]:
                return b"".join(parts), True
    return b"".join(parts), False
