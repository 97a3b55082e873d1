"""Throwing away what payloads have sent, with the descriptors in it.

Who closes a descriptor last waits for as long as its sender wants: for a socket that lingers (SO_LINGER, socket(7)), for a
file system of the sender's own (FUSE). So that is left to threads that nobody waits for, one for each container; and
nothing more is taken from a container while its thread is held up. A socket in which something waits is not just closed
either: with the last descriptor of the socket go those in its messages.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from containerd_py.runtime.linux.senders import discard

if TYPE_CHECKING:
    from collections.abc import Callable


class Discarding:
    """What one container has sent, in all of its runs."""

    def __init__(self) -> None:
        self._busy: asyncio.Future[None] | None = None

    @property
    def busy(self) -> bool:
        """True while something is being thrown away: nothing more is to be taken."""
        return self._busy is not None and not self._busy.done()

    def begin(self, receiver: socket.socket) -> None:
        """Throw the next message away. Not while that goes on. Raises OSError where no descriptor is left."""
        own = receiver.dup()
        loop = asyncio.get_running_loop()
        self._busy = done = loop.create_future()

        def work() -> None:
            with suppress(OSError):
                discard(own)
            own.close()
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(_finish, done)

        _in_thread(work)

    async def done(self, within_s: float | None = None) -> bool:
        """Wait until nothing is being thrown away; False where that takes longer."""
        if self._busy is not None:
            await asyncio.wait((self._busy,), timeout=within_s)
        return not self.busy


def retire(receiver: socket.socket) -> None:
    """Close a socket for good, whoever else has it, and what waits in it; returns at once."""
    with suppress(OSError):
        receiver.shutdown(socket.SHUT_RD)  # nothing more comes

    def work() -> None:
        with receiver, suppress(OSError):
            while True:
                discard(receiver)

    _in_thread(work)


def _in_thread(work: Callable[[], None]) -> None:
    """Of its own, which holds nobody up: not one of those that other work waits for, and not the end of the daemon."""
    try:
        threading.Thread(target=work, name="discard", daemon=True).start()
    except RuntimeError:  # the host has no room for a thread: better late than never
        work()


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
