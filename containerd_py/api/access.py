"""Who may ask (SECURITY R18): local peers by their credentials, and no browser on behalf of a web page."""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING

from containerd_py.engine.views import Peer
from containerd_py.errors import Forbidden

if TYPE_CHECKING:
    from aiohttp import web

_UCRED = struct.Struct("iII")
_OF_BROWSERS = ("Origin", "Sec-Fetch-Site")


class Access:
    """group_allowed: the socket's mode lets a group in, so its peers may have any uid."""

    def __init__(self, *, group_allowed: bool) -> None:
        self._group_allowed = group_allowed

    def check(self, request: web.Request) -> None:
        """Raises Forbidden."""
        for name in _OF_BROWSERS:
            if name in request.headers:
                raise Forbidden(
                    f"cannot serve request: it has a header {name!r}, so it comes from a web page", step="access"
                )
        host = request.headers.get("Host", "")
        if host.split(":")[0] not in ("", "localhost"):
            raise Forbidden(f"cannot serve request: host {host!r} is not 'localhost'", step="access")
        self._check_peer(request)

    def _check_peer(self, request: web.Request) -> None:
        connection = peer(request)
        if connection is None or self._group_allowed:
            return
        uid = connection.uid
        if uid not in (0, os.geteuid()):
            raise Forbidden(f"cannot serve request: user {uid} may not use this socket", step="access")


def peer(request: web.Request) -> Peer | None:
    """Return the process that has connected; None where the connection is gone."""
    connection = request.get_extra_info("socket")
    if connection is None:
        return None
    pid, uid, _gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return Peer(uid, pid)
