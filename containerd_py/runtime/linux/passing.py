"""Descriptors over Unix sockets (SCM_RIGHTS, unix(7)). The standard library's own functions ignore their flags."""

from __future__ import annotations

import errno
import struct
import sys

from containerd_py.light import socket

_FD = 4
"""Bytes of a descriptor, which is an int."""


def connect(path: str, *, timeout_s: float) -> socket.socket:
    """Connect to the stream socket at `path`; neither that nor a send over it waits longer than `timeout_s`.

    By SO_SNDTIMEO: a socket that does not block is refused at once where the listener's queue is full (unix(7)).
    Raises TimeoutError, or what connect(2) does.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        whole, part = divmod(int(timeout_s * 1_000_000), 1_000_000)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", whole, part))
        connection.connect(path)
    except BlockingIOError:
        connection.close()
        cause = f"its queue is full, and nobody has accepted a connection for {timeout_s:g} s"
        raise TimeoutError(errno.ETIMEDOUT, cause) from None
    except BaseException:
        connection.close()
        raise
    return connection


def send_fds(connection: socket.socket, data: bytes, fds: list[int] | tuple[int, ...]) -> int:
    """Send one message; the descriptors stay the caller's. Raises BrokenPipeError, BlockingIOError.

    Returns how many bytes were taken: of a stream socket's it may be fewer, and the descriptors have gone with them.
    """
    rights = (
        [(socket.SOL_SOCKET, socket.SCM_RIGHTS, b"".join([fd.to_bytes(_FD, sys.byteorder) for fd in fds]))] if fds else []
    )
    return connection.sendmsg([data], rights, socket.MSG_NOSIGNAL)


def receive_fds(connection: socket.socket, size: int, most: int) -> tuple[bytes, list[int]]:
    """Return one message and its descriptors, close-on-exec, which are the caller's now; b"" at the end.

    The kernel drops descriptors that there is no room for, in `most` or in the process. Raises BlockingIOError.
    """
    room = socket.CMSG_LEN(most * _FD)
    data, messages, _flags, _address = connection.recvmsg(size, room, socket.MSG_CMSG_CLOEXEC)
    fds: list[int] = []
    for level, kind, content in messages:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            whole = len(content) - len(content) % _FD
            fds += [int.from_bytes(content[at : at + _FD], sys.byteorder) for at in range(0, whole, _FD)]
    return data, fds
