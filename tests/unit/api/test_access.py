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
from containerd_py.api.routes import ROUTES, Effect, Route
from containerd_py.engine.scope import Scope
from containerd_py.errors import Forbidden, InvalidArgument


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


# ── the rules of one socket ──


class PeerIn(PeerOf):
    """A peer with further groups."""

    def __init__(self, uid: int, *groups: int) -> None:
        super().__init__(uid)
        self._groups = groups

    def getsockopt(self, level: int, option: int, size: int = 0) -> Any:
        if option == 59:
            return struct.pack(f"{len(self._groups)}I", *self._groups)
        return super().getsockopt(level, option, size)


@pytest.mark.parametrize(
    ("uid", "further", "served"),
    [(0, (), True), (7, (), True), (8, (), False), (9, (), True), (8, (1, 9), True), (8, (1, 2), False)],
)
def test_only_those_on_the_list_may_ask(uid: int, further: tuple[int, ...], served: bool) -> None:  # noqa: FBT001 - a case
    access = Access(group_allowed=True, users=frozenset({7}), groups=frozenset({9}))
    with contextlib.closing(PeerIn(uid, *further)) as connection:
        if served:
            access.check(request(connection))
        else:
            with pytest.raises(Forbidden, match=f"user {uid} may not use this socket") as refused:
                access.check(request(connection))
            assert refused.value.hint


def test_one_whose_connection_is_gone_is_not_on_the_list() -> None:
    gone = socket.socket(socket.AF_UNIX)
    gone.close()
    for connection in (None, gone):
        with pytest.raises(Forbidden, match="this peer may not use"):
            Access(group_allowed=True, users=frozenset({7})).check(request(connection))


def test_the_kernel_tells_the_further_groups() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        data = ours.getsockopt(socket.SOL_SOCKET, 59, 1024)
        assert list(struct.unpack(f"{len(data) // 4}I", data)) == os.getgroups()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_a_read_only_socket_refuses_what_does_not_only_read(route: Route) -> None:
    access = Access(group_allowed=False, read_only=True)
    if route.effect is Effect.READS:
        access.check(request(), route)
    else:
        with pytest.raises(Forbidden, match=f"this socket is read-only, and {route.operation} is not"):
            access.check(request(), route)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_a_limited_socket_refuses_what_is_not_limited(route: Route) -> None:
    access = Access(group_allowed=False, scope=Scope(("a",)))
    if route.scoped or "{id}" in route.path:
        access.check(request(), route)
    else:
        with pytest.raises(Forbidden, match=f"limited to labels, and {route.operation} is not"):
            access.check(request(), route)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_a_key_that_would_be_ignored_is_refused(route: Route) -> None:
    asked = request(headers={"idempotency-key": "a"})
    if route.operation in ("create_container", "create_exec"):
        Access(group_allowed=False).check(asked, route)
    else:
        with pytest.raises(InvalidArgument, match=f"{route.operation} takes none"):
            Access(group_allowed=False).check(asked, route)
