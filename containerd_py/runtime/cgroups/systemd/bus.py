"""Opening a connection to a service manager.

Root talks to the manager's own socket, which needs no message bus; so does a user to the own manager. Where that cannot be
had, over the bus.
"""

from __future__ import annotations

import errno
import os
import time

from jeepney.auth import BEGIN, NEGOTIATE_UNIX_FD, make_auth_external
from jeepney.bus import get_connectable_addresses

from containerd_py.errors import NotSupported, Unavailable
from containerd_py.light import socket
from containerd_py.light.dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LINE_BYTES = 8192
_PAUSE_S = 0.01
_ANSWERS = (b"OK ", b"AGREE_UNIX_FD")
_NONE_HINT = "does systemd run here? an ordinary user's is user@UID.service, and XDG_RUNTIME_DIR tells where it listens"
_GONE_HINT = "is systemd being executed anew? try again; systemctl is-system-running tells"


@dataclass(frozen=True)
class Address:
    """path: of a Unix socket, with a NUL first where it is abstract; bus: a message bus listens there."""

    path: str
    bus: bool


def system_addresses(environ: Mapping[str, str]) -> tuple[Address, ...]:
    given = environ.get("DBUS_SYSTEM_BUS_ADDRESS")
    buses = _addresses(given) if given else (Address("/run/dbus/system_bus_socket", bus=True),)
    return (Address("/run/systemd/private", bus=False), *buses)


def user_addresses(environ: Mapping[str, str]) -> tuple[Address, ...]:
    """Raises NotSupported where nothing tells of a session."""
    directory, given = environ.get("XDG_RUNTIME_DIR"), environ.get("DBUS_SESSION_BUS_ADDRESS")
    found = [Address(f"{directory}/systemd/private", bus=False)] if directory else []
    found += _addresses(given) if given else [Address(f"{directory}/bus", bus=True)] if directory else []
    if not found:
        raise NotSupported(
            "cannot reach the service manager of this user: neither XDG_RUNTIME_DIR nor DBUS_SESSION_BUS_ADDRESS is set",
            step="systemd",
            hint="log in, or let the user linger (loginctl enable-linger), and set XDG_RUNTIME_DIR=/run/user/$UID",
        )
    return tuple(found)


def _addresses(text: str) -> tuple[Address, ...]:
    try:
        return tuple(Address(path, bus=True) for path in get_connectable_addresses(text))
    except (RuntimeError, ValueError):
        return ()


def connect(addresses: tuple[Address, ...], deadline: float) -> tuple[socket.socket, Address]:
    """Return a connection that is authenticated, blocking, and takes descriptors.

    deadline: on the monotonic clock. While systemd is executed anew nobody takes a connection at its socket: then it is
    tried again. Raises Unavailable.
    """
    while True:
        problems = []
        for address, opened in _tried(addresses, deadline):
            if isinstance(opened, socket.socket):
                return opened, address
            problems.append(f"{address.path.replace(chr(0), '@')}: {opened}")
        there = any(os.path.exists(one.path) for one in addresses)
        if time.monotonic() + _PAUSE_S >= deadline or not there:
            told = "; ".join(problems) or "there is no address that could be used"
            hint = _GONE_HINT if there else _NONE_HINT
            raise Unavailable(f"cannot reach systemd: {told}", step="systemd", hint=hint)
        time.sleep(_PAUSE_S)


def _tried(addresses: tuple[Address, ...], deadline: float) -> Iterator[tuple[Address, socket.socket | str]]:
    for address in addresses:
        try:
            yield address, _open(address.path, deadline)
        except OSError as problem:
            yield address, getattr(problem, "strerror", None) or str(problem)


def _open(path: str, deadline: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(max(deadline - time.monotonic(), _PAUSE_S))
        connection.connect(path)
        connection.sendall(b"\0" + make_auth_external() + NEGOTIATE_UNIX_FD + BEGIN)
        _agreed(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _agreed(connection: socket.socket) -> None:
    """Wait for the two answers to what was sent as a whole (D-Bus Specification, "Authentication Protocol").

    As a whole, since systemd reads no message that it gets with the last line of it, until another one comes.
    """
    answer = b""
    while answer.count(b"\r\n") < len(_ANSWERS):
        data = connection.recv(_LINE_BYTES)
        if not data or len(answer) > _LINE_BYTES:
            raise ConnectionResetError(errno.ECONNRESET, f"it closed the connection after {answer!r}")
        answer += data
    for line, expected in zip(answer.split(b"\r\n"), _ANSWERS, strict=False):
        if not line.startswith(expected):
            raise PermissionError(errno.EACCES, f"it answered {line.decode(errors='replace')!r}")
