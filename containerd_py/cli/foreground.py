"""A container, or an exec, at the caller's terminal: its output here, the input there, signals and size passed on.

    attach ──► start ──► output, input, signals, size … ──► the stream ends ──► wait for the exact exit code

The attachment stands before the container is started, so that no byte is missed. Where the daemon drops a client
that was too slow, or is restarted, the client attaches again at the byte where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from containerd_py.cli.complaints import complain
from containerd_py.cli.detach_keys import DetachKeys
from containerd_py.cli.settings import Detached, LeftBySignal
from containerd_py.cli.signals import ENDING, FORWARDED, RESIZED, SignalQueue
from containerd_py.cli.streams import read_chunks, write_all
from containerd_py.cli.terminal import raw_mode, size_of
from containerd_py.client import Attachment, Channel, FellBehind
from containerd_py.errors import ContainerdError, Internal, Unavailable

if TYPE_CHECKING:
    import signal
    from collections.abc import Awaitable, Callable

    from containerd_py.client import Client
    from containerd_py.wire import Exit

Answer = TypeVar("Answer")

_STDIN = 0
_FDS = {Channel.STDOUT: 1, Channel.STDERR: 2}
_RECONNECT_S = 30.0
_RETRY_S = 0.1
_FORWARD_S = 5.0


class Attended(Protocol):
    """What can be attended: a container, or what is executed in one."""

    @property
    def name(self) -> str: ...

    async def attach(self, offset: int | None) -> Attachment: ...

    async def kill(self, signal_name: str) -> None: ...

    async def wait(self) -> Exit: ...


@dataclass(frozen=True, slots=True)
class AttendedContainer:
    client: Client
    name: str

    async def attach(self, offset: int | None) -> Attachment:
        return await self.client.attach(self.name, offset)

    async def kill(self, signal_name: str) -> None:
        await self.client.kill(self.name, signal_name)

    async def wait(self) -> Exit:
        return await self.client.wait(self.name)


@dataclass(frozen=True, slots=True)
class AttendedExec:
    """name: its id."""

    client: Client
    name: str

    async def attach(self, offset: int | None) -> Attachment:
        return await self.client.exec_attach(self.name, offset)

    async def kill(self, signal_name: str) -> None:
        await self.client.exec_kill(self.name, signal_name)

    async def wait(self) -> Exit:
        return await self.client.exec_wait(self.name)


@dataclass(frozen=True, slots=True)
class Attendance:
    """How it is attended. terminal: it has one; interactive: it gets this process's stdin."""

    attended: Attended
    interactive: bool
    terminal: bool
    offset: int | None = None
    detach_keys: bytes = b""
    """Typed at a terminal of ours they leave it."""
    sig_proxy: bool = True
    """Signals to this process are passed on; else they end this process alone."""
    typed: bytes = b""
    """What was read from stdin before, and is to be sent first."""

    @property
    def sized(self) -> bool:
        return self.terminal and os.isatty(_STDIN)

    @property
    def raw(self) -> bool:
        """Keys are the payload's. Without stdin there, Ctrl-C must stay a signal: raw mode would lock the user in."""
        return self.interactive and self.sized

    @property
    def forwards(self) -> bool:
        return self.sig_proxy and not self.raw


async def attend(attendance: Attendance, begin: Callable[[], Awaitable[None]] | None = None) -> int:
    """Attach, `begin` (start it), stay until its end, and return its exit code.

    Raises Detached where the keys for that were typed, LeftBySignal where a signal ended a session that does not pass it
    on, BrokenPipeError where nobody reads the output any more.
    """
    attachment = await attendance.attended.attach(attendance.offset)
    return await Foreground(attendance, attachment).run(begin)


class Foreground:
    """One session; owns the current attachment and every task that uses it."""

    def __init__(self, attendance: Attendance, attachment: Attachment) -> None:
        self._attended = attendance.attended
        self._attendance = attendance
        self._attachment = attachment
        self._renewed = asyncio.Condition()
        self._signals = SignalQueue(FORWARDED if attendance.forwards else ENDING)
        self._resized = SignalQueue(RESIZED if attendance.sized else ())

    async def run(self, begin: Callable[[], Awaitable[None]] | None) -> int:
        try:
            with self._signals, self._resized, raw_mode(_STDIN) if self._attendance.raw else contextlib.nullcontext():
                await self._stay(begin)
        finally:
            await self._attachment.close()
        return await self._exit_code()

    async def _stay(self, begin: Callable[[], Awaitable[None]] | None) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._forward_signals() if self._attendance.forwards else self._leave_by_signal())
                ]
                if self._attendance.sized:
                    await self._send_size()  # before the payload can ask for it
                    tasks.append(group.create_task(self._follow_size()))
                if begin is not None:
                    await begin()
                if self._attendance.interactive:
                    tasks.append(group.create_task(self._copy_input()))
                await self._copy_output()
                for task in tasks:
                    task.cancel()
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _exit_code(self) -> int:
        """Of the run that was attended: its stream has told it, but where the connection was lost at the last moment."""
        if self._attachment.exit_code is not None:
            return self._attachment.exit_code
        return await exit_code_of(self._attended)

    # ── output ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _copy_output(self) -> None:
        while True:
            try:
                async for channel, data in self._attachment:
                    await write_all(_FDS[channel], data)
            except FellBehind as behind:
                if behind.skipped:
                    complain(f"{behind.skipped} bytes of output are left out: they were kept no more")
                await self._attach_again(behind.offset, behind)
            except Unavailable as lost:
                await self._attach_again(self._attachment.offset, lost)
            else:
                return

    async def _attach_again(self, offset: int | None, cause: Unavailable) -> None:
        """Go on at `offset`, where it is known and the daemon is back in time; else raise `cause`."""
        if offset is None:
            raise cause
        await self._attachment.close()
        await asyncio.sleep(_RETRY_S)
        try:
            attachment = await insist(lambda: self._attended.attach(offset))
        except Unavailable:
            raise cause from None
        async with self._renewed:
            self._attachment = attachment
            self._renewed.notify_all()

    # ── input, size, signals ──────────────────────────────────────────────────────────────────────────────────

    async def _copy_input(self) -> None:
        if typed := self._attendance.typed:
            await self._send(partial(_send_stdin, typed))
        keys = DetachKeys(self._attendance.detach_keys if self._attendance.raw else b"")
        async for typed in read_chunks(_STDIN):
            data, detached = keys.feed(typed)
            if data:
                await self._send(partial(_send_stdin, data))
            if detached:
                raise Detached(self._attended.name)
        if held := keys.end():
            await self._send(partial(_send_stdin, held))
        told = await self._send(Attachment.close_stdin)
        while not self._attendance.terminal:  # nobody may have heard it; but a terminal would see one more Ctrl-D
            await self._renewed_after(told)
            told = await self._send(Attachment.close_stdin)

    async def _send(self, message: Callable[[Attachment], Awaitable[None]]) -> Attachment:
        """Send on the current attachment, or on the next one where it is gone (`_copy_output` sees to that); return it."""
        while True:
            attachment = self._attachment
            try:
                await message(attachment)
            except Unavailable:
                await self._renewed_after(attachment)
            else:
                return attachment

    async def _renewed_after(self, gone: Attachment) -> None:
        async with self._renewed:
            await self._renewed.wait_for(lambda: self._attachment is not gone)

    async def _follow_size(self) -> None:
        while True:
            await self._resized.next()
            await self._send_size()

    async def _send_size(self) -> None:
        size = size_of(_STDIN)
        if size is not None:
            await self._send(partial(_send_resize, size))

    async def _forward_signals(self) -> None:
        while True:
            await self._forward(await self._signals.next())

    async def _forward(self, number: signal.Signals) -> None:
        """Pass a signal on; where the daemon is away or hangs, it is meant for this process."""
        try:
            async with asyncio.timeout(_FORWARD_S):
                await self._attended.kill(number.name)
        except (Unavailable, TimeoutError):
            raise LeftBySignal(number) from None
        except ContainerdError:
            pass  # the payload has just ended, which the stream tells

    async def _leave_by_signal(self) -> None:
        raise LeftBySignal(await self._signals.next())


async def _send_stdin(data: bytes, attachment: Attachment) -> None:
    await attachment.send_stdin(data)


async def _send_resize(size: tuple[int, int], attachment: Attachment) -> None:
    rows, columns = size
    await attachment.resize(rows, columns)


async def exit_code_of(attended: Attended) -> int:
    """Return it once the payload has ended, though the daemon be away meanwhile. Raises Internal where nobody knows it."""
    ended = await insist(attended.wait)
    if ended.exit_code is None:
        raise Internal(f"cannot tell the exit code of {attended.name!r}: nobody saw it end", step="wait")
    return ended.exit_code


async def insist(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """Call again while the daemon is away, for the time that a restart of it may take; then raise Unavailable."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + _RECONNECT_S
    while True:
        try:
            return await call()
        except Unavailable:
            if loop.time() > deadline_s:
                raise
        await asyncio.sleep(_RETRY_S)
