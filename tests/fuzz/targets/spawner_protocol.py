"""A packet at either end. The first byte: how many descriptors come with it."""

from __future__ import annotations

import os
import socket
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.spawner import client
from containerd_py.runtime.spawner.keeper import Keeper
from containerd_py.runtime.spawner.request import ForkRequest

if TYPE_CHECKING:
    from pathlib import Path

    from containerd_py.runtime.spawner.protocol import Message

_LONGEST_PACKET = 65_536


class _Keeper(Keeper):
    """A spawner that forks nothing, and ends nothing."""

    def _spawn(self, message: Message, fds: list[Fd]) -> None:
        if len(fds) == 1 + message["cgroup"] + len(message["joins"]) + len(message["keep"]):
            ForkRequest.read(message, [fd.fileno() for fd in fds])

    def _upgrade(self, _message: Message, _fds: list[Fd]) -> None:
        return

    def _quit(self, _message: Message, _fds: list[Fd]) -> None:
        return

    def take(self, connection: socket.socket) -> None:
        self._daemon = connection
        self._poll.register(connection)
        self._serve(connection)

    def end(self) -> None:
        self._hang_up()
        for child in {id(child): child for child in (*self._children.values(), *self._by_pidfd.values())}.values():
            child.close()
        self._poll.close()


def check(data: bytes, _folder: Path) -> None:
    packet = data[1:_LONGEST_PACKET]
    if not packet:
        return
    with Fd(os.pidfd_open(os.getpid())) as own:
        for receive in (_receive_as_spawner, _receive_as_daemon):
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with ours, theirs:
                before = len(os.listdir("/proc/self/fd"))
                socket.send_fds(ours, [packet], [own.fileno()] * (data[0] % 4))
                receive(theirs)
                assert len(os.listdir("/proc/self/fd")) <= before, "descriptors are left open"


def _receive_as_spawner(connection: socket.socket) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        keeper = _Keeper(listener, nullcontext())
        try:
            keeper.take(connection)
        finally:
            keeper.end()


def _receive_as_daemon(connection: socket.socket) -> None:
    link = client.SpawnerClient(connection)
    with suppress(ValueError, OSError):
        told = link.receive()
        if isinstance(told, client.Inherited):
            for fd in told.kept.values():
                fd.close()
        if isinstance(told, client.Inherited | client.Spawned):
            told.pidfd.close()
