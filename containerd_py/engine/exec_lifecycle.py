"""The life of what is executed in a container: creation, start in named steps, signals, its end, deletion.

    created ──► starting ──► running ──► stopped
       ▲            │ │                     ▲
       └────────────┘ └─────────────────────┘
        try it again    it cannot be executed

"starting" is on record before a worker is forked, the process before the worker is told to become the program.
"""

from __future__ import annotations

import asyncio
import functools
import secrets
import signal
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from containerd_py.engine.clock import now
from containerd_py.engine.exec import ENDED, EXECUTED, REVERTED, SEPARATOR, Exec
from containerd_py.engine.exec_launching import ExecLaunching
from containerd_py.engine.exec_lowering import lower
from containerd_py.engine.exec_records import ExecRecords
from containerd_py.engine.lifecycle import exit_record, witness
from containerd_py.engine.parsed import ParsedDocuments
from containerd_py.engine.processes import is_exiting
from containerd_py.engine.readiness import is_readable
from containerd_py.engine.stdio import Stdio
from containerd_py.engine.views import ExecStatus, Exit, Status
from containerd_py.errors import Conflict, ContainerdError, DeadlineExceeded, OutOfSpace, Unavailable
from containerd_py.runtime.linux.pidfd import pidfd_send_signal, pidfd_send_signal_to_group
from containerd_py.signal_names import signal_name
from containerd_py.store.records import ExecRecord, ExitRecord

if TYPE_CHECKING:
    from containerd_py.engine.containers import Container
    from containerd_py.engine.output import OutputLog
    from containerd_py.engine.parts import Parts
    from containerd_py.runtime.linux.fd import Fd
    from containerd_py.runtime.linux.pidfd import WaitStatus
    from containerd_py.store.records import IdempotencyKey
    from containerd_py.wire import ExecSpec

_log = structlog.get_logger()

KEPT = 128
"""So many that have ended are kept of each container, the newest."""

_END_S = 10.0
_NO_SUCH_PROGRAM, _CANNOT_EXECUTE = 127, 126
_RETRIED = (Unavailable, OutOfSpace, OSError, asyncio.CancelledError)


class ExecLifecycle:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.records = ExecRecords(parts)
        self._launching = ExecLaunching(parts, self.records, self.streams_of)
        self._documents = ParsedDocuments()

    async def create(self, container: Container, request: ExecSpec, key: IdempotencyKey | None = None) -> Exec:
        """Put on record what is to be executed. Raises Conflict unless the container runs; InvalidArgument, OutOfSpace."""
        record = await self._recorded(container, request, key)
        made = Exec(record, self.records.log_of(record), container.oom_kills)
        async with container.lock:
            container.check("execute in", Status.RUNNING)
            await self.records.save(record)
            self._parts.execs.add(container, made)
        self.records.tell("exec.created", container, made)
        return made

    async def create_internal(self, container: Container, request: ExecSpec, log: OutputLog) -> Exec:
        """As `create`, for the daemon's own use: nobody else sees it, and a daemon that comes back ends it."""
        made = Exec(await self._recorded(container, request), log, container.oom_kills, internal=True)
        container.check("execute in", Status.RUNNING)
        self._parts.execs.add(container, made)
        return made

    async def _recorded(self, container: Container, request: ExecSpec, key: IdempotencyKey | None = None) -> ExecRecord:
        container.check("execute in", Status.RUNNING)
        if not container.config:
            raise Conflict(f"cannot execute in {container.title}: its document was lost", step="exec")
        document = await lower(request, self._documents.of(container))
        return ExecRecord(
            id=secrets.token_hex(16),
            container_id=container.id,
            status="created",
            created_at=datetime.now(UTC),
            process=document.document(),
            stdin=request.stdin,
            detach=request.detach,
            key=key,
        )

    # ── start ──

    async def start(self, container: Container, started: Exec) -> None:
        """Return once it is executed. Raises Conflict unless created in a container that runs, the error of a step."""
        async with started.lock:
            started.check("start", ExecStatus.CREATED)
            container.check("execute in", Status.RUNNING)
            await self.records.remember(started, started.begun_record())
            started.ended, started.kill_asked = None, False
            try:
                await self._launching.run(container, started, self._documents.of(container))
                await self.note_start(started)
            except BaseException as problem:
                await asyncio.shield(self.undo(container, started, problem))
                if isinstance(problem, OSError):
                    raise _refusal(started, problem) from problem
                raise
        self.records.tell("exec.started", container, started)

    async def note_start(self, started: Exec) -> None:
        """Record a start that has happened. The lock is held."""
        moment = now()
        record = started.next_record(EXECUTED, started_at=moment.wall, started_boottime_ns=moment.boottime_ns)
        try:
            await self.records.remember(started, record)
        except ContainerdError as problem:  # it runs: an error would be taken for the opposite
            _log.error("cannot record start", exec=started.id, error=problem.message)
            started.publish(record)
        started.plan = None
        started.release_control()
        self._parts.link.drop(started.spawn_id, "control")

    async def undo(self, container: Container, started: Exec, problem: BaseException) -> None:
        """End what there is of it. Where the cause may pass, it can be started again; else it has failed."""
        self.discard(started)
        if isinstance(problem, _RETRIED) and container.alive:
            await self.records.note(started, started.next_record(REVERTED, pid=None, identity="", boot_id=""))
            return
        await self._fail(started, _code(problem))
        self.records.tell_exit(container, started)

    def discard(self, started: Exec) -> None:
        """Kill its process, if there is one, and close what is open for it; the log stays."""
        if started.pidfd is not None:
            with suppress(ProcessLookupError):
                pidfd_send_signal(started.pidfd.fileno(), signal.SIGKILL)
            started.pidfd.close()
            started.pidfd = None
        started.release_control()
        if started.stdio is not None:
            started.stdio.close()
            started.stdio = None
        started.plan = None
        self._parts.link.forget(started.spawn_id)

    async def _fail(self, started: Exec, code: int) -> None:
        ended = ExitRecord(exit_code=code, reason="failed", signal=None, finished_at=datetime.now(UTC))
        await self.records.note(started, started.next_record(ENDED, exit=ended))
        started.finish()

    # ── the end ──

    def exited(self, spawn_id: str, status: WaitStatus) -> None:
        """Called for each end that the spawner tells of a process with such a name."""
        container_id, _separator, exec_id = spawn_id.partition(SEPARATOR)
        container = self._parts.registry.get(container_id)
        ended = None if container is None else container.execs.get(exec_id)
        if container is not None and ended is not None:
            ended.note_end(status)
            ended.changes.announce()
            self._parts.tasks.start(self.note_exit(container, ended, status), name=f"exit {spawn_id}")

    def _exiting(self, container: Container) -> bool:
        """Without descriptors too: else the end of an exec would be lost."""
        return self._parts.reserve.retry(functools.partial(is_exiting, container.record.pid))

    async def note_exit(self, container: Container, ended: Exec, status: WaitStatus) -> None:
        """Record how it ended, then let everybody see it."""
        async with ended.lock:
            if ended.deleted or ended.status is not ExecStatus.RUNNING:
                return
            if ended.pidfd is not None and not is_readable(ended.pidfd.fileno()):
                return  # that was told of an earlier start, which was taken back
            if ended.stdio is not None:
                ended.stdio.drain()
            status = await witness(ended, status)
            ending = not container.alive or self._exiting(container)  # which kills all in its pid namespace
            asked = ended.kill_asked or ending
            kills = ended.oom_kills() if status.signal == signal.SIGKILL and not asked else 0
            ran_s = now().since_s(ended.record.started_boottime_ns, ended.record.boot_id)
            exit_ = exit_record(status, oom_kills=kills, ran_s=ran_s)
            if not await self.records.note(ended, ended.next_record(ENDED, exit=exit_, lost_output_bytes=ended.log.lost)):
                ended.exit_recorded = False
            ended.release_control()
            ended.finish()
            if ended.stdio is None or ended.stdio.ended:
                self.let_go(ended)
        self.records.tell_exit(container, ended)
        await self._forget_oldest(container)

    async def wait(self, awaited: Exec) -> Exit:
        """Return how it ended, once it has."""
        while True:
            ended = awaited.exit()
            if ended is not None:
                return ended
            awaited.check("wait for", *ExecStatus)
            await awaited.changes.wait()

    async def end_all(self, container: Container) -> None:
        """The container has ended: what runs in it ends with it, whether it had a pid namespace of its own or not."""
        for one in tuple(container.execs.values()):
            if one.status is ExecStatus.CREATED:
                async with one.lock:
                    if one.status is ExecStatus.CREATED and not one.deleted:
                        await self._fail(one, _CANNOT_EXECUTE)
            else:
                self._try_kill(one)

    def _try_kill(self, one: Exec) -> None:
        """What a check of our own has started ends with it: nobody else would ever look for it."""
        one.kill_asked = True
        if one.pidfd is not None and one.status is not ExecStatus.STOPPED:
            with suppress(ProcessLookupError):
                send = pidfd_send_signal_to_group if one.internal else pidfd_send_signal
                send(one.pidfd.fileno(), signal.SIGKILL)

    async def _forget_oldest(self, container: Container) -> None:
        """Keep the newest of those that have ended; one whose output is still written to is not at its end."""
        ended = [one for one in container.execs.values() if one.status is ExecStatus.STOPPED and not one.internal]
        over = [one for one in ended if one.stdio is None]
        over.sort(key=lambda one: one.record.exit.finished_at.timestamp() if one.record.exit else 0)
        for one in over[: max(0, len(over) - KEPT)]:
            async with one.lock:
                if not one.deleted:
                    await self._remove(container, one)

    # ── signals, streams ──

    def kill(self, container: Container, killed: Exec, number: int) -> None:
        """Send a signal to it. Raises Conflict unless it runs. Needs no disk, no fork, no descriptor."""
        killed.check("kill", ExecStatus.RUNNING)
        killed.kill_asked = killed.kill_asked or number == signal.SIGKILL
        try:
            if killed.pidfd is not None:
                pidfd_send_signal(killed.pidfd.fileno(), number)
        except ProcessLookupError:
            raise Conflict(f"cannot kill {killed.title}: it has ended", step="kill") from None
        self.records.tell("exec.killed", container, killed, signal=signal_name(number))

    def streams_of(self, one: Exec, fds: dict[str, Fd]) -> Stdio:
        return Stdio(one.log, fds, on_end=functools.partial(self._streams_ended, one))

    def _streams_ended(self, one: Exec) -> None:
        if one.status is ExecStatus.STOPPED:
            self.let_go(one)

    def let_go(self, ended: Exec) -> None:
        """The end is on record and all output in the log: nothing needs to be open for it any more."""
        self._parts.link.forget_ended(ended.spawn_id, ended.fds(), on_record=ended.exit_recorded)
        ended.close()
        ended.stdio = None

    # ── deletion ──

    async def delete(self, container: Container, deleted: Exec, *, force: bool) -> None:
        """Raises Conflict for one that runs without `force`, DeadlineExceeded."""
        allowed = [ExecStatus.CREATED, ExecStatus.STOPPED, *([ExecStatus.RUNNING] if force else [])]
        deleted.check("delete", *allowed)
        await self._end(deleted)
        async with deleted.lock:
            deleted.check("delete", ExecStatus.CREATED, ExecStatus.STOPPED)
            await self._remove(container, deleted)

    async def remove_all(self, container: Container) -> None:
        """Remove what was executed in a container that has ended. Raises DeadlineExceeded."""
        for one in tuple(container.execs.values()):
            await self._end(one)
            async with one.lock:
                if not one.deleted:
                    await self._remove(container, one)

    async def _end(self, one: Exec) -> None:
        try:
            async with asyncio.timeout(_END_S):
                while one.status in (ExecStatus.STARTING, ExecStatus.RUNNING):
                    self._try_kill(one)
                    await one.changes.wait()
        except TimeoutError:
            raise DeadlineExceeded(
                f"cannot delete {one.title}: it was killed, but has not ended in {_END_S:.0f} s",
                step="kill",
                hint="it may be stuck in the kernel (state D): look at its stack, then delete again",
            ) from None

    async def _remove(self, container: Container, removed: Exec) -> None:
        """The record goes last: a deletion that is cut off can be done again. The lock is held."""
        removed.finish()
        removed.close()
        await asyncio.to_thread(removed.log.remove)
        if not removed.internal:
            await asyncio.to_thread(self._parts.store.execs(container.id).remove, removed.id)
        removed.deleted = True
        self._parts.execs.remove(container, removed)
        self._parts.link.forget(removed.spawn_id)
        removed.changes.announce()


def _code(problem: BaseException) -> int:
    """Return what a shell tells of a program that it cannot execute."""
    missing = isinstance(problem, ContainerdError) and (problem.step, problem.errno) == ("exec", "ENOENT")
    return _NO_SUCH_PROGRAM if missing else _CANNOT_EXECUTE


def _refusal(one: Exec, problem: OSError) -> ContainerdError:
    return Unavailable(
        f"cannot start {one.title}: {problem.strerror}",
        step="exec",
        errno=problem.errno,
        hint="try again later: the host may be out of descriptors, memory or terminals",
    )
