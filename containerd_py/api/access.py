"""Who may ask what (SECURITY R18): local peers by their credentials, no browser on behalf of a web page, and of each socket
only what its settings let through. What a route does is in the route table: nothing is decided by handlers."""

from __future__ import annotations

import array
import os
import socket
import struct
from typing import TYPE_CHECKING

from containerd_py.api.requests import IDEMPOTENCY_KEY
from containerd_py.api.routes import Effect
from containerd_py.engine.scope import EVERYTHING
from containerd_py.engine.views import Peer
from containerd_py.errors import Forbidden, InvalidArgument
from containerd_py.light.dataclasses import dataclass

if TYPE_CHECKING:
    from aiohttp import web

    from containerd_py.api.routes import Route
    from containerd_py.engine.scope import Scope

_UCRED = struct.Struct("iII")
_SO_PEERGROUPS = 59  # Linux 4.13; Python has no name for it
_MOST_GROUPS = 256  # Python asks for 1024 bytes at most: who has more of them is let in by one of the others, or as a user
_OF_BROWSERS = ("Origin", "Sec-Fetch-Site")


@dataclass(frozen=True)
class Credentials:
    """Of the process that has connected (SO_PEERCRED)."""

    uid: int
    gid: int
    pid: int

    @property
    def peer(self) -> Peer:
        return Peer(self.uid, self.pid)


class Access:
    """The rules of one socket.

    socket: its path, for the log. group_allowed: its mode lets others in, so its peers may have any uid; unless there are
    users or groups: then only these may ask, and root, and who the daemon runs as.
    """

    def __init__(
        self,
        *,
        group_allowed: bool,
        socket: str = "",
        read_only: bool = False,
        scope: Scope = EVERYTHING,
        users: frozenset[int] = frozenset(),
        groups: frozenset[int] = frozenset(),
    ) -> None:
        self.socket = socket
        self.scope = scope
        self._group_allowed = group_allowed
        self._read_only = read_only
        self._users = users
        self._groups = groups

    def check(self, request: web.Request, route: Route | None = None) -> None:
        """Raises Forbidden; InvalidArgument for a header that would be ignored. route: None where there is none."""
        for name in _OF_BROWSERS:
            if name in request.headers:
                raise _refused(f"it has a header {name!r}, so it comes from a web page")
        host = request.headers.get("Host", "")
        if host.split(":")[0] not in ("", "localhost"):
            raise _refused(f"host {host!r} is not 'localhost'")
        self._check_peer(request)
        if route is not None:
            self._check_route(route)
            if IDEMPOTENCY_KEY in request.headers and not route.keyed:
                raise InvalidArgument(
                    f"cannot read header {IDEMPOTENCY_KEY!r}: {route.operation} takes none",
                    step="parse",
                    hint="creations take one",
                )

    def _check_peer(self, request: web.Request) -> None:
        listed = self._users or self._groups
        if self._group_allowed and not listed:
            return
        found = credentials(request)
        if found is None and not listed:
            return  # the connection is gone; its mode has decided
        if found is None or not self._lets_in(request, found):
            who = "this peer" if found is None else f"user {found.uid}"
            hint = "the users and groups of the socket, in the daemon's settings, are let in" if listed else None
            raise _refused(f"{who} may not use this socket", hint)

    def _lets_in(self, request: web.Request, found: Credentials) -> bool:
        return (
            found.uid in (0, os.geteuid())
            or found.uid in self._users
            or found.gid in self._groups
            or (bool(self._groups) and not self._groups.isdisjoint(_further_groups(request)))
        )

    def _check_route(self, route: Route) -> None:
        if self._read_only and route.effect is not Effect.READS:
            raise _refused(f"this socket is read-only, and {route.operation} is not", "ask at another socket")
        if self.scope.limited and not (route.of_one or route.scoped):
            raise _refused(f"this socket is limited to labels, and {route.operation} is not", "ask at another socket")


def credentials(request: web.Request) -> Credentials | None:
    """Return whose connection it is; None where that is gone."""
    connection = request.get_extra_info("socket")
    if connection is None:
        return None
    try:
        pid, uid, gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    except OSError:
        return None
    return Credentials(uid, gid, pid)


def _further_groups(request: web.Request) -> frozenset[int]:
    """Return the supplementary groups of the peer, as they were when it connected."""
    connection = request.get_extra_info("socket")
    try:
        data = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MOST_GROUPS * array.array("I").itemsize)
    except (OSError, AttributeError):  # there are too many, or the connection is gone
        return frozenset()
    return frozenset(array.array("I", data))


def _refused(cause: str, hint: str | None = None) -> Forbidden:
    return Forbidden(f"cannot serve request: {cause}", step="access", hint=hint)
