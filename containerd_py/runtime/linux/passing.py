"""Descriptors over Unix sockets (SCM_RIGHTS, unix(7)). The standard library's own functions ignore their flags."""

from __future__ import annotations

import array
import socket


def send_fds(connection: socket.socket, data: bytes, fds: list[int] | tuple[int, ...]) -> int:
    """Send one message; the descriptors stay the caller's. Raises BrokenPipeError, BlockingIOError.

    Returns how many bytes were taken: of a stream socket's it may be fewer, and the descriptors have gone with them.
    """
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    return connection.sendmsg([data], rights, socket.MSG_NOSIGNAL)


def receive_fds(connection: socket.socket, size: int, most: int) -> tuple[bytes, list[int]]:
    """Return one message and its descriptors, close-on-exec, which are the caller's now; b"" at the end.

    The kernel drops descriptors that there is no room for, in `most` or in the process. Raises BlockingIOError.
    """
    room = socket.CMSG_LEN(most * array.array("i").itemsize)
    data, messages, _flags, _address = connection.recvmsg(size, room, socket.MSG_CMSG_CLOEXEC)
    fds = array.array("i")
    for level, kind, content in messages:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    return data, list(fds)
