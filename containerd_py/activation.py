"""Sockets that systemd listens at for us (sd_listen_fds(3)); by its name each is one of the settings'."""

from __future__ import annotations

import os
import socket
import stat
from typing import TYPE_CHECKING

from containerd_py.errors import InvalidArgument
from containerd_py.light.dataclasses import dataclass, field
from containerd_py.sockets import FIRST_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from containerd_py.sockets import SocketConfig

_SERVED = "ListenStream=/run/… is served, and nothing else"


@dataclass(frozen=True)
class Passed:
    """first: those at which everything may be asked. further: those of `[[sockets]]`, by name. A unit may have several."""

    first: tuple[socket.socket, ...] = ()
    further: Mapping[str, tuple[socket.socket, ...]] = field(default_factory=dict)


def sorted_out(found: Mapping[int, str], settings: Sequence[SocketConfig]) -> Passed:
    """Own the descriptors, by the names that came with them. Raises InvalidArgument; then all of them are closed."""
    known = {one.name: one for one in settings if one.name is not None}
    taken: list[tuple[str, socket.socket]] = []
    left = dict(found)
    try:
        for number, name in sorted(found.items()):
            connection = _connection(number, name)
            taken.append((name, connection))
            del left[number]
            _check_kind(name, connection)
            _check_name(name, known, connection)
    except BaseException:
        for number in left:
            os.close(number)
        for _name, connection in taken:
            connection.close()
        raise
    return Passed(
        tuple(connection for name, connection in taken if name not in known),
        {wanted: tuple(connection for name, connection in taken if name == wanted) for wanted in known},
    )


def _connection(number: int, name: str) -> socket.socket:
    try:
        return socket.socket(fileno=number)
    except OSError as problem:  # a FIFO, or a file
        raise _refused(name, f"descriptor {number} is no socket", _SERVED) from problem


def _check_name(name: str, known: Mapping[str, SocketConfig], connection: socket.socket) -> None:
    if name in known:
        _check_place(known[name], connection)
    elif name not in FIRST_NAMES:
        hint = f"FileDescriptorName= of its unit names one of [[sockets]]; the first socket is {FIRST_NAMES[0]!r}"
        raise _refused(name, "no socket of the settings has this name", hint)


def _check_kind(name: str, connection: socket.socket) -> None:
    """To be ignored it would have to be harmless: whoever connects would wait for ever, or, by TCP, be root."""
    path = os.fsdecode(connection.getsockname()) if connection.family == socket.AF_UNIX else ""
    listens = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if connection.type != socket.SOCK_STREAM or not listens or not path.startswith("/"):
        raise _refused(name, "it is no Unix socket at a path that listens for streams", _SERVED)


def _check_place(one: SocketConfig, connection: socket.socket) -> None:
    """The unit decides where it is and who may connect; settings that say something else would not be true."""
    path = os.fsdecode(connection.getsockname())
    if os.path.normpath(path) != os.path.normpath(one.path):
        raise _refused(one.name or "", f"it is {path!r}, and that of the settings {one.path!r}", "write the same into both")
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
    except OSError as problem:
        raise _refused(one.name or "", f"{path!r}: {problem.strerror}") from problem
    if mode != one.octal_mode:
        hint = "SocketMode= and SocketGroup= of its unit are the mode and the group of the settings"
        raise _refused(one.name or "", f"its mode is {mode:04o}, and that of the settings {one.octal_mode:04o}", hint)


def _refused(name: str, cause: str, hint: str | None = None) -> InvalidArgument:
    return InvalidArgument(f"cannot serve passed socket {name!r}: {cause}", step="listen", hint=hint)
