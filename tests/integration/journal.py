"""A journal for tests: what stands in for journald's socket, and takes entries in its native protocol."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from pathlib import Path

Entry = dict[str, list[bytes]]


def parse(datagram: bytes) -> Entry:
    """Read one entry (systemd.io/JOURNAL_NATIVE_PROTOCOL)."""
    entry: Entry = {}
    while datagram:
        head, _, rest = datagram.partition(b"\n")
        name, separator, value = head.partition(b"=")
        if separator:
            datagram = rest
        else:
            (size,) = struct.unpack("<Q", rest[:8])
            value, datagram = rest[8 : 8 + size], rest[9 + size :]
            assert rest[8 + size : 9 + size] == b"\n"
        entry.setdefault(name.decode("ascii"), []).append(value)
    return entry


class FakeJournal:
    """Not there until `listen`; takes nothing until `read`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[Entry] = []
        self._socket: socket.socket | None = None

    def listen(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(self.path))

    def read(self) -> None:
        assert self._socket is not None
        asyncio.get_running_loop().add_reader(self._socket, self._readable)

    def read_rest(self) -> None:
        """Take what was sent and not read yet: of journald it would outlive a restart, in its socket."""
        self._readable()

    def vanish(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self.path.unlink()
            self._socket = None

    def _readable(self) -> None:
        assert self._socket is not None
        with contextlib.suppress(BlockingIOError):
            while True:
                self.entries.append(parse(self._socket.recv(1 << 20)))

    def messages(self, **fields: str) -> list[bytes]:
        """Return the messages of entries with these fields, in the order in which they came."""
        return [
            entry["MESSAGE"][0]
            for entry in self.entries
            if all(value.encode() in entry.get(name, []) for name, value in fields.items())
        ]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.01)
