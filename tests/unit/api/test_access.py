"""Who may ask: peers by their credentials, and no web page."""

import contextlib
import os
import socket
import struct
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from containerd_py.api.access import Access
from containerd_py.errors import Forbidden


class PeerOf(socket.socket):
    """A connection whose peer has the uid that a test says."""

    def __init__(self, uid: int) -> None:
        super().__init__(socket.AF_UNIX)
        self._uid = uid

    def getsockopt(self, level: int, option: int, size: int = 0) -> Any:
        assert (level, option, size) == (socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return struct.pack("iII", 1, self._uid, self._uid)


def request(connection: socket.socket | None = None, headers: dict[str, str] | None = None) -> web.Request:
    transport = Mock()
    transport.get_extra_info.side_effect = lambda name, default=None: connection if name == "socket" else default
    return make_mocked_request("GET", "/v1/_ping", headers={"Host": "localhost"} | (headers or {}), transport=transport)


@pytest.mark.parametrize("host", ["localhost", "localhost:80", "localhost:", ""])
def test_our_own_host_is_served(host: str) -> None:
    Access(group_allowed=False).check(request(headers={"Host": host}))


@pytest.mark.parametrize(
    "host",
    ["example.com", "localhost.example.com", "127.0.0.1", "[::1]", "localhost@example.com", "LOCALHOST.", "x:localhost"],
)
def test_a_foreign_host_is_refused(host: str) -> None:
    """DNS rebinding: the browser believes that it speaks to example.com."""
    for group_allowed in (False, True):
        with pytest.raises(Forbidden, match="is not 'localhost'") as refused:
            Access(group_allowed=group_allowed).check(request(headers={"Host": host}))
        assert refused.value.step == "access"


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://localhost"}, {"origin": "null"}, {"Origin": ""}, {"Sec-Fetch-Site": "same-origin"}],
)
def test_a_web_page_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Forbidden, match="web page"):
        Access(group_allowed=True).check(request(headers=headers))


@pytest.mark.parametrize(("uid", "served"), [(0, True), (os.geteuid(), True), (12_345, False), (2**32 - 2, False)])
def test_peers_are_root_and_ourselves(uid: int, served: bool) -> None:  # noqa: FBT001
    with contextlib.closing(PeerOf(uid)) as connection:
        if served:
            Access(group_allowed=False).check(request(connection))
        else:
            with pytest.raises(Forbidden, match=f"user {uid} may not use this socket"):
                Access(group_allowed=False).check(request(connection))
        Access(group_allowed=True).check(request(connection))  # its mode decided


def test_the_kernels_word_is_taken_for_a_real_connection() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        Access(group_allowed=False).check(request(ours))
