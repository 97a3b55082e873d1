"""One worker that looks at, reads or writes a container's files, from its fork to its end. It is on no record.

Its bytes go through one pipe, so neither side is ahead of the other by more than that takes.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import signal
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from containerd_py.engine.exec import SEPARATOR
from containerd_py.engine.own_thread import in_own_thread
from containerd_py.engine.readiness import readable
from containerd_py.engine.views import Status
from containerd_py.errors import (
    Conflict,
    ContainerdError,
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    OutOfSpace,
    Unavailable,
)
from containerd_py.runtime import process
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.launcher import open_dialogue
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.pidfd import pidfd_send_signal
from containerd_py.runtime.opened import Opened

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator, Callable

    from containerd_py.engine.containers import Container
    from containerd_py.engine.parts import Parts
    from containerd_py.runtime.cgroups.manager import Placement
    from containerd_py.runtime.plan.plan import Plan

_CHUNK = 65_536
_END_S = 2.0
_DEADLINE_S = 60.0
_MANY_TRIES = "try again: somebody changes these files all the time"
_CONFLICTS = {
    errno.EROFS: "it lies in a mount, or a root file system, that is read-only",
    errno.EBUSY: "a mount stands there: start the container where it has stopped, or choose what is no mount",
    errno.ETXTBSY: "end the program that runs from it",
}
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_PASSING = (errno.EAGAIN, errno.EMFILE, errno.ENFILE)


class ArchiveWorker:
    """found: what it told of the path before it read or wrote anything. Owned by one task; `close` ends it."""

    def __init__(self, parts: Parts, container: Container, plan: Plan, *, closing: Callable[[], bool]) -> None:
        self._parts = parts
        self._container = container
        self._plan = plan
        self._closing = closing
        self._run = container.run
        self._inside = self._in_cgroup = False
        self._spawn_id = f"{container.id}{SEPARATOR}archive-{secrets.token_hex(8)}"
        self._control: socket.socket | None = None
        self._pidfd: Fd | None = None
        self._pipe: Fd | None = None
        self._broken: ContainerdError | None = None
        self._awaited: asyncio.Future[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._kills = 0
        self.found: dict[str, Any] = {}

    # ── from its fork until it has found the path ──

    async def begin(
        self, handles: dict[str, int], *, pipe: str | None, inside: tuple[str, ...], placement: Placement | None
    ) -> None:
        """Have it forked, and hear what it finds. The handles and the placement stay the caller's.

        pipe: "in" where it reads, "out" where it writes. inside: those of the container's namespaces that it is born in.
        placement: the container's cgroup. Raises NotFound for the path, and what `failure` returns.
        """
        self._kills = self._container.oom_kills()
        self._inside, self._in_cgroup = bool(inside), placement is not None
        self._watcher = self._parts.tasks.start(self._watch(), name=f"watch {self._spawn_id}", quiet=True)
        with ExitStack() as passed:
            handles = dict(handles)
            if pipe is not None:
                read, write = map(Fd, os.pipe2(os.O_CLOEXEC))
                self._pipe, theirs = (write, read) if pipe == "in" else (read, write)
                os.set_blocking(self._pipe.fileno(), False)
                handles[pipe] = passed.enter_context(theirs).fileno()
            await self._fork(handles, inside, placement, passed)
        message = await self._hear_in_time()
        if not isinstance(message, dialogue.Found):
            raise await self._failure(message, NotFound)
        self.found = message.document

    async def _fork(
        self, handles: dict[str, int], inside: tuple[str, ...], placement: Placement | None, passed: ExitStack
    ) -> None:
        joined = None
        if inside:
            if self._container.pidfd is None:
                raise Conflict(f"cannot enter {self._container.title}: it is ending", step="archive")
            # Of our own: the container's is closed, and its number another's, should it end meanwhile.
            pidfd = passed.enter_context(Fd(os.dup(self._container.pidfd.fileno())))
            joined = (pidfd.fileno(), inside)
        opened = passed.enter_context(await in_own_thread(Opened, self._plan, inside=joined))
        self._control, worker_end = open_dialogue()
        self._control.settimeout(0)
        passed.enter_context(worker_end)
        directory = None
        if placement is not None:
            handles |= {f"cgroup{index}": fd.fileno() for index, fd in enumerate(placement.tasks)}
            directory = placement.directory.fileno() if placement.directory else None
        if not self._plan.waits:
            process.send_plan(self._control, self._plan, handles | opened.handles)
        request = opened.fork_request(worker_end.fileno(), directory)
        spawned = await self._parts.link.spawn(self._spawn_id, request, {})
        self._pidfd = spawned.pidfd
        if self._plan.waits:
            await in_own_thread(opened.meet, spawned.pid, spawned.pidfd.fileno())
            process.send_plan(self._control, self._plan, handles | opened.handles)

    # ── its bytes ──

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield what it writes, to the end. Raises the error of what it could not do."""
        assert self._pipe is not None  # noqa: S101 - it was begun with one
        while data := await self._read(self._pipe.fileno()):
            yield data
        await self.result()

    async def _read(self, pipe: int) -> bytes:
        while True:
            self._check()
            try:
                return os.read(pipe, _CHUNK)
            except BlockingIOError:
                await self._ready(pipe, write=False)

    async def feed(self, data: bytes) -> None:
        """Write what it reads, as slowly as it does. Raises the error of what it could not do."""
        rest = memoryview(data)
        while rest:
            self._check()
            assert self._pipe is not None  # noqa: S101 - it was begun with one, and not finished
            try:
                rest = rest[os.write(self._pipe.fileno(), rest) :]
            except BlockingIOError:
                await self._ready(self._pipe.fileno(), write=True)
            except BrokenPipeError:
                await self.result()
                return

    async def finish(self) -> None:
        """That was all; return once it has been taken. Raises the error of what could not be done."""
        self._close_pipe()
        await self.result()

    async def result(self) -> None:
        """Raises the error of what it could not do."""
        message = await self._hear()
        if not isinstance(message, dialogue.Times):
            raise await self._failure(message, InvalidArgument)

    # ── its end ──

    async def close(self) -> None:
        """End it, whatever it does. What it is unpacking it has a moment to take away."""
        if self._watcher is not None:
            self._watcher.cancel()
        self._close_pipe()
        if self._pidfd is not None:
            if self._broken is None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_END_S):
                        await readable(self._pidfd.fileno())
            self._kill()
            self._pidfd.close()
            self._pidfd = None
        if self._control is not None:
            self._parts.link.forget(self._spawn_id)  # also where nobody has waited for it to be forked
            self._control.close()
            self._control = None

    def _close_pipe(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def _kill(self) -> None:
        if self._pidfd is not None:
            with suppress(ProcessLookupError):
                pidfd_send_signal(self._pidfd.fileno(), signal.SIGKILL)

    async def _watch(self) -> None:
        while (pointless := self._pointless()) is None:
            await self._container.changes.wait()
        self._broken = pointless
        self._kill()
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)

    def _pointless(self) -> ContainerdError | None:
        """Return why it is of no use any more: with the container end its mounts; paused, the worker stands still in it."""
        container = self._container
        if self._closing():
            return Unavailable(f"cannot go on with {container.title}: the daemon is stopping", hint="try again")
        if container.deleted:
            return NotFound(f"cannot go on with {container.title}: it has been deleted", step="archive")
        if self._inside and (not container.alive or container.run is not self._run):
            return Conflict(f"cannot go on with the files of {container.title}: it has ended", step="archive")
        if self._in_cgroup and container.status is Status.PAUSED:
            return Conflict(f"cannot go on with the files of {container.title}: it has been paused", step="archive")
        return None

    # ── what it says ──

    async def _hear_in_time(self) -> dialogue.Message | None:
        try:
            async with asyncio.timeout(_DEADLINE_S):
                return await self._hear()
        except TimeoutError as problem:
            raise DeadlineExceeded(
                f"cannot {self._task()}: its worker did not answer in {_DEADLINE_S:.0f} s",
                step="archive",
                hint="does the path lie on a server that does not answer?",
            ) from problem

    async def _hear(self) -> dialogue.Message | None:
        while True:
            self._check()
            assert self._control is not None  # noqa: S101 - it was forked, and not closed
            try:
                return dialogue.receive(self._control)[0]
            except BlockingIOError:
                await self._ready(self._control.fileno(), write=False)

    async def _ready(self, fd: int, *, write: bool) -> None:
        """Wait for a descriptor, or for what makes it pointless."""
        loop = asyncio.get_running_loop()
        self._awaited = future = loop.create_future()
        add, remove = (loop.add_writer, loop.remove_writer) if write else (loop.add_reader, loop.remove_reader)
        add(fd, _done, future)
        try:
            await future
        finally:
            remove(fd)
            self._awaited = None

    def _check(self) -> None:
        if self._broken is not None:
            raise self._broken

    async def _failure(self, message: dialogue.Message | None, missing: type[ContainerdError]) -> ContainerdError:
        """missing: what ENOENT is."""
        if not isinstance(message, dialogue.Failed):
            return await self._vanished()
        if self._plan.operations[message.index] is not self._plan.operations[-1] or not message.errno:
            return process.failure(self._plan, message)
        return failure(self._task(), message, missing)

    async def _vanished(self) -> ContainerdError:
        """A container that ends takes it along, a moment before its end is on record."""
        kills = self._container.oom_kills() - self._kills
        if not kills:
            with suppress(TimeoutError):
                async with asyncio.timeout(_END_S):
                    while self._pointless() is None:
                        await self._container.changes.wait()
        return self._pointless() or process.vanished(self._plan, None, oom_kills=kills)

    def _task(self) -> str:
        return f"{self._plan.operations[-1].describe()} in {self._container.title}"


def failure(what: str, failed: dialogue.Failed, missing: type[ContainerdError]) -> ContainerdError:
    """Return the error for what a worker could not do with files. missing: what ENOENT is."""
    kind: type[ContainerdError] = InvalidArgument
    hint = None
    if failed.errno == errno.ENOENT:
        kind = missing
    elif failed.errno in _CONFLICTS:
        kind, hint = Conflict, _CONFLICTS[failed.errno]
    elif failed.errno in _NO_ROOM:
        kind, hint = OutOfSpace, "make room in that file system, or raise its limit"
    elif failed.errno in _PASSING:
        kind, hint = Unavailable, _MANY_TRIES
    elif failed.errno == errno.EPERM:
        hint = "the container itself may not do that either, or its user namespace has no such id"
    return kind(f"cannot {what}: {failed.text}", step="archive", errno=failed.errno, hint=hint)


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
