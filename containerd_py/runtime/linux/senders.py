"""Datagrams and who has sent them (unix(7), SCM_CREDENTIALS; SCM_PIDFD, Linux 6.5)."""

from __future__ import annotations

import array
import os
import struct
from contextlib import suppress

from containerd_py.light import socket
from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.linux.fd import Fd

_SO_PASSPIDFD = 76  # asm-generic/socket.h, equal on x86 and ARM
_SCM_PIDFD = 4
_UCRED = struct.Struct("iII")
_MOST_FDS = 253  # of one message (SCM_MAX_FD)
_ROOM = socket.CMSG_SPACE(_MOST_FDS * 4) + socket.CMSG_SPACE(_UCRED.size) + socket.CMSG_SPACE(4)


@dataclass(frozen=True)
class Datagram:
    """pid: of the sender, in this process's pid namespace, 0 for one outside of it. whole: False where it was longer.

    pidfd: None where the kernel does not tell. Whoever has the datagram closes it. bears: descriptors came with it.
    """

    data: bytes
    pid: int
    pidfd: Fd | None
    whole: bool
    bears: bool


def ask_for_senders(receiver: socket.socket) -> None:
    """Have the kernel tell the senders of what is sent from now on."""
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    with suppress(OSError):  # before Linux 6.5
        receiver.setsockopt(socket.SOL_SOCKET, _SO_PASSPIDFD, 1)


def peek(receiver: socket.socket, size: int) -> Datagram:
    """Return the next datagram, which stays there until `discard`. Raises BlockingIOError.

    Descriptors that came with it are closed; never for good here, since the datagram still has them.
    """
    flags = socket.MSG_CMSG_CLOEXEC | socket.MSG_DONTWAIT | socket.MSG_PEEK
    data, messages, told, _address = receiver.recvmsg(size, _ROOM, flags)
    pid, pidfd, bears = 0, None, bool(told & socket.MSG_CTRUNC)  # where we have no descriptor left, it may bear some
    for level, kind, content in messages:
        if level != socket.SOL_SOCKET:
            continue
        if kind == socket.SCM_CREDENTIALS:
            pid, _uid, _gid = _UCRED.unpack_from(content)
        elif kind == _SCM_PIDFD:
            number = _numbers(content)[0]
            pidfd = Fd(number) if number >= 0 else None
        elif kind == socket.SCM_RIGHTS:
            bears = True
            for number in _numbers(content):
                os.close(number)
    return Datagram(data, pid, pidfd, not told & socket.MSG_TRUNC, bears)


def discard(receiver: socket.socket) -> None:
    """Take the next datagram away, and close the descriptors in it. Raises BlockingIOError.

    Blocking, for as long as its sender wants: a socket may linger (SO_LINGER, socket(7)), a file be one of FUSE.
    """
    receiver.recvmsg(1, 0, socket.MSG_DONTWAIT)


def _numbers(content: bytes) -> array.array[int]:
    numbers = array.array("i")
    numbers.frombytes(content[: len(content) - len(content) % numbers.itemsize])
    return numbers
