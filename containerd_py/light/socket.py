"""Unix sockets without the price of `socket` at each start of a program (ADR 26).

It makes enumerations of three hundred constants, and imports `selectors` for what is not used here: 2 % of a start, twice.
What is here does as `socket` does; what is not here is not needed. To be imported as `socket`.
"""

from __future__ import annotations

import _socket
import os
from _socket import (
    AF_INET,
    AF_UNIX,
    CMSG_LEN,
    CMSG_SPACE,
    MSG_CMSG_CLOEXEC,
    MSG_CTRUNC,
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    MSG_PEEK,
    MSG_TRUNC,
    SCM_CREDENTIALS,
    SCM_RIGHTS,
    SO_PASSCRED,
    SO_PEERCRED,
    SO_SNDTIMEO,
    SOCK_CLOEXEC,
    SOCK_DGRAM,
    SOCK_SEQPACKET,
    SOCK_STREAM,
    SOL_SOCKET,
)

TYPE_CHECKING = False

__all__ = [
    "AF_INET",
    "AF_UNIX",
    "CMSG_LEN",
    "CMSG_SPACE",
    "MSG_CMSG_CLOEXEC",
    "MSG_CTRUNC",
    "MSG_DONTWAIT",
    "MSG_NOSIGNAL",
    "MSG_PEEK",
    "MSG_TRUNC",
    "SCM_CREDENTIALS",
    "SCM_RIGHTS",
    "SOCK_CLOEXEC",
    "SOCK_DGRAM",
    "SOCK_SEQPACKET",
    "SOCK_STREAM",
    "SOL_SOCKET",
    "SO_PASSCRED",
    "SO_PEERCRED",
    "SO_SNDTIMEO",
    "socket",
    "socketpair",
]

if TYPE_CHECKING:  # whoever is given one may take it for the other
    from socket import socket, socketpair
else:

    class socket(_socket.socket):  # noqa: N801 - as it is named in `socket`
        """A socket; a context manager, which closes it."""

        def __enter__(self):
            return self

        def __exit__(self, *_problem):
            self.close()

        def dup(self):
            """Return another descriptor of the same. Raises OSError."""
            return socket(self.family, self.type, self.proto, _socket.dup(self.fileno()))

        def set_inheritable(self, inheritable):
            """Keep it open at exec, or not. Raises OSError."""
            os.set_inheritable(self.fileno(), inheritable)

        def accept(self):
            """Return a new connection and its peer's address. Raises OSError."""
            fd, address = self._accept()
            return socket(self.family, self.type, self.proto, fd), address

    def socketpair(family, kind):
        """Return two connected sockets. Raises OSError."""
        return tuple(socket(family, kind, 0, one.detach()) for one in _socket.socketpair(family, kind))
