"""What happens to a container after it was made: start, signals, its end, deletion."""

from __future__ import annotations

import asyncio
import functools
import signal
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from containerd_py.engine import worker
from containerd_py.engine.changing import Changing
from containerd_py.engine.clock import now
from containerd_py.engine.containers import EXITED, STARTED, Container, exit_of
from containerd_py.engine.health.verdict import starting
from containerd_py.engine.notify.messages import fresh
from containerd_py.engine.pausing import Pausing
from containerd_py.engine.restart_policy import after_exit
from containerd_py.engine.stdio import Stdio
from containerd_py.engine.tasks import to_its_end
from containerd_py.engine.views import Exit, Status
from containerd_py.errors import Conflict, ContainerdError, DeadlineExceeded, Internal
from containerd_py.runtime.cgroups import freezer
from containerd_py.runtime.cgroups.destroying import destroy
from containerd_py.runtime.cgroups.killing import kill
from containerd_py.runtime.linux.pidfd import WaitStatus, pidfd_send_signal, witness_exit
from containerd_py.runtime.provision import take_back
from containerd_py.runtime.spec.models import parse
from containerd_py.signal_names import signal_name
from containerd_py.store.records import ExitRecord

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from containerd_py.engine.attendant import Attendant
    from containerd_py.engine.attended import Attended
    from containerd_py.engine.exec_lifecycle import ExecLifecycle
    from containerd_py.engine.parts import Parts
    from containerd_py.engine.removed import RemovedContainer
    from containerd_py.runtime.linux.fd import Fd
    from containerd_py.store.records import ContainerRecord

_log = structlog.get_logger()

_END_S = 10.0
_WITNESS_S = 5.0
_WITNESS_PAUSE_S = 0.01


class Lifecycle:
    def __init__(self, parts: Parts, execs: ExecLifecycle) -> None:
        self._parts = parts
        self._execs = execs
        self.pausing = Pausing(parts, self)
        self.changing = Changing(parts, self)
        self.on_start: list[Callable[[Container], None]] = []
        """Called once a start is on record and told."""
        self.before_end: list[Callable[[Container], Awaitable[None]]] = []
        """Called, with the lock held, before an end is put on record."""
        self.on_end: list[Callable[[Container], None]] = []
        """Called once an end is on record and told; there may be a further run by then."""

    # ── start ──

    async def start(self, container: Container) -> Attendant:
        """Become the payload. The lock is held; hooks for it are owed once it is released: by what is returned.

        Raises Conflict unless created; InvalidArgument where it cannot be executed.
        """
        start_ns = time.monotonic_ns()
        attendant = self._parts.attendant(container, container.record.pid or 0)
        container.check("start", Status.CREATED)
        if container.plan is None:
            raise Conflict(f"cannot start container {container.name!r}: its init worker was lost", step="start")
        times = await worker.start(container, container.plan, attendant)
        await self.note_start(container, start_ns, times.ended_ns)
        return attendant

    async def note_start(self, container: Container, start_ns: int | None, ended_ns: tuple[int, ...]) -> None:
        """Record a start that has happened; start_ns: when it began, None where nobody knows. The lock is held."""
        timing = container.record.timing
        if timing is not None:
            timing = timing.model_copy(update={"start_ns": start_ns, "started_ns": ended_ns})
        planned = container.record.next_start
        restarts = container.record.restart_count + 1 if planned is not None and planned.cause == "policy" else 0
        moment = now()
        record = container.next_record(
            STARTED,
            started_at=moment.wall,
            started_boottime_ns=moment.boottime_ns,
            timing=timing,
            next_start=None,
            restart_count=restarts,
            failures=container.record.failures if restarts else 0,
            stopped_on_request=container.stop_asked,
            ever_started=True,
            health_state=starting(container.record.health),
            notify_state=fresh(container.record),
        )
        await self.remember_if_possible(container, record)  # it runs: an error would be taken for the opposite
        # Only now: until the start is on record, the control socket is what tells recovery that it has happened.
        # Where it is not, recovery tells it from a created container that has no control socket any more.
        container.plan = None
        container.release_control()
        self._parts.link.drop(container.id, "control")
        self._parts.events.publish("container.started", container.id, container.name)
        for told in self.on_start:
            told(container)

    async def remember(self, container: Container, record: ContainerRecord) -> None:
        """Store a record, then let everybody see it. Raises OutOfSpace: then nobody sees it."""
        await self._define(container, record)
        try:
            await self._save(record)
        except ContainerdError:
            with suppress(ContainerdError):  # the next start writes it in any case
                await self._define(container, container.record)
            raise
        container.publish(record)

    async def remember_if_possible(self, container: Container, record: ContainerRecord) -> bool:
        """Store what has happened whether there is room for it or not; everybody sees it. False where it is not stored."""
        try:
            await self._define(container, record)
        except ContainerdError as problem:
            _log.error("cannot record definition", container=container.id, error=problem.message)
        try:
            await self._save(record)
            container.publish(record)
        except ContainerdError as problem:
            _log.error("cannot record state", container=container.id, status=record.status, error=problem.message)
            container.publish(record)
            return False
        return True

    async def _define(self, container: Container, record: ContainerRecord) -> None:
        """While it is being made it has no definition: nobody knows of it before the answer."""
        if container.status is not Status.CREATING:
            await self._parts.definitions.keep(container, record)

    async def _save(self, record: ContainerRecord) -> None:
        if self._parts.store.in_memory:
            self._parts.store.save(record)
        else:
            await to_its_end(asyncio.to_thread(self._parts.store.save, record))

    # ── streams ──

    def streams_of(self, container: Container, fds: dict[str, Fd]) -> Stdio:
        return Stdio(container.log, fds, on_end=functools.partial(self._streams_ended, container))

    def _streams_ended(self, container: Container) -> None:
        if container.status is Status.STOPPED:
            self._let_go(container)

    def _let_go(self, container: Container) -> None:
        """The end is on record and all output in the log: nothing needs to be open for it any more."""
        self._parts.link.forget_ended(container.id, container.fds(), on_record=container.exit_recorded)
        container.close()

    # ── the end ──

    def exited(self, container_id: str, status: WaitStatus) -> None:
        """Called for each end that the spawner tells."""
        container = self._parts.registry.get(container_id)
        if container is not None:
            container.note_end(status)
            container.changes.announce()
            ending = self.note_exit(container, status, of=container.pidfd)
            self._parts.tasks.start(ending, name=f"exit {container_id}")

    async def note_exit(self, container: Container, status: WaitStatus, *, of: Fd | None = None) -> None:
        """Record how a container ended, then let everybody see it. of: its process; another one may have come meanwhile."""
        async with container.lock:
            if container.deleted or not container.alive or (of is not None and of is not container.pidfd):
                return
            if container.stdio is not None:
                container.stdio.drain()
            for last in self.before_end:
                await last(container)
            status = await witness(container, status)
            kills = container.oom_kills()
            before, moment = container.record, now()
            ran_s = moment.since_s(before.started_boottime_ns, before.boot_id)
            ended = exit_record(status, oom_kills=kills, asked=container.stop_asked, ran_s=ran_s)
            if container.stopped_by is not None:
                ended = ended.model_copy(update={"stopped_by": container.stopped_by})
            if container.stop_asked:
                before = before.with_(stopped_on_request=True)
            record = container.next_record(
                EXITED,
                exit=ended,
                lost_output_bytes=container.log.lost,
                stopped_on_request=before.stopped_on_request,
                **after_exit(before, ended, moment),
            )
            # A full disk must not keep a stop from ending (SECURITY R14).
            container.exit_recorded = await self.remember_if_possible(container, record)
            container.run.end(exit_of(ended), container.log.size)  # whoever waited for it finds it in the record too
            container.release_control()
            container.log.changes.announce()
            if container.stdio is None or container.stdio.ended:
                self._let_go(container)
        if kills:
            self._parts.events.publish("container.oom", container.id, container.name, kills=str(kills))
        self._publish_exit(container)
        await self._execs.end_all(container)
        self.tell_end(container)

    def tell_end(self, container: Container) -> None:
        """Let those know who see to what follows an end; again where what was to follow it has failed."""
        for told in self.on_end:
            told(container)

    def _publish_exit(self, container: Container) -> None:
        ended = container.exit()
        if ended is None:
            return
        code = "" if ended.exit_code is None else str(ended.exit_code)
        extra = {"signal": ended.signal} if ended.signal else {}
        self._parts.events.publish(
            "container.exited", container.id, container.name, exit_code=code, reason=ended.reason, **extra
        )

    async def wait(self, container: Container) -> Exit:
        """Return how this run of it ended, once it has; what comes after is another run."""
        run = container.run
        while run.exit is None:
            container.check("wait for", *Status)
            await container.changes.wait()
        return run.exit

    # ── signals ──

    def kill(self, container: Container, number: int, *, cause: str | None = None) -> None:
        """Send a signal to the payload. Raises Conflict where it has ended. Needs no disk, no fork, no descriptor.

        A paused one takes notice once it is resumed; only SIGKILL ends it at once. cause: where nobody has asked for it.
        """
        container.check("kill", Status.CREATED, Status.RUNNING, Status.PAUSED)
        try:
            if container.pidfd is not None:
                pidfd_send_signal(container.pidfd.fileno(), number)
        except ProcessLookupError:
            raise Conflict(f"cannot kill container {container.name!r}: it has ended", step="kill") from None
        if container.status is Status.PAUSED and number == signal.SIGKILL:
            freezer.thaw(container.cgroup)  # what the freezer of cgroup v1 holds does not even die
        told = {"signal": signal_name(number)} | ({} if cause is None else {"cause": cause})
        self._parts.events.publish("container.killed", container.id, container.name, **told)

    async def stop(self, container: Container, number: int, timeout_s: float) -> Exit:
        """Ask the payload to end by a signal, and end it after `timeout_s` seconds. One that has ended is left alone."""
        container.check("stop", Status.CREATED, Status.RUNNING, Status.PAUSED, Status.STOPPED)
        if container.status in (Status.RUNNING, Status.PAUSED):
            self._try_kill(container, number)
            await self.pausing.let_go_on(container)
            try:
                async with asyncio.timeout(timeout_s):
                    return await self.wait(container)
            except TimeoutError:
                pass
        return await self._end(container)

    async def _end(self, container: Container) -> Exit:
        """Kill everything in the container and wait for its end. Raises DeadlineExceeded."""
        if container.alive:
            self._try_kill(container, signal.SIGKILL)
            await asyncio.to_thread(self._parts.reserve.retry, functools.partial(kill, container.cgroup))
        try:
            async with asyncio.timeout(_END_S):
                return await self.wait(container)
        except TimeoutError:
            raise DeadlineExceeded(
                f"cannot stop container {container.name!r}: it was killed, but has not ended in {_END_S:.0f} s",
                step="kill",
                hint="a process of it may be stuck in the kernel (state D): look at its stack, then delete again",
            ) from None

    def _try_kill(self, container: Container, number: int) -> None:
        try:
            self.kill(container, number)
        except Conflict:
            return  # it has ended by itself; its end is about to be told

    # ── deletion ──

    async def delete(self, container: Container, *, force: bool, keep: bool = True) -> None:
        """Remove a container and all that was made for it. Raises Conflict for a running one without `force`.

        keep: its output and exit can be read for a while yet.
        """
        container.check("delete", Status.CREATED, Status.STOPPED, *([Status.RUNNING, Status.PAUSED] if force else []))
        if container.alive:
            await self._end(container)
        async with container.lock:
            container.check("delete", Status.STOPPED)
            await self._execs.remove_all(container)
            container.close()
            await self._parts.journal.let_go(container)
            kept = await asyncio.to_thread(self._remove, container, keep=keep)
            if kept is not None:
                self._parts.removed.add(kept)
            container.deleted = True
            self._parts.link.forget(container.id)
            self._parts.registry.remove(container)
        container.changes.announce()
        if not container.poststop_told:
            await self._parts.attendant(container, 0).tell("poststop", "stopped")
        labels = container.record.labels  # the registry has none of it any more
        self._parts.events.publish("container.deleted", container.id, container.name, labels)

    def _remove(self, container: Container, *, keep: bool) -> RemovedContainer | None:
        """Blocking. The record goes last: a deletion that is cut off can be done again. Raises Internal, Unavailable."""
        try:
            return self._parts.reserve.retry(functools.partial(self._try_to_remove, container, keep=keep))
        except OSError as problem:
            raise Internal(
                f"cannot delete container {container.name!r}: {problem.strerror}",
                step="delete",
                errno=problem.errno,
                hint="can the state and the data directory be written to? then delete it again",
            ) from problem

    def _try_to_remove(self, container: Container, *, keep: bool) -> RemovedContainer | None:
        destroy(container.cgroup)
        if container.config.get("linux", {}).get("intelRdt") is not None:
            take_back(parse(container.config).linux, container.id)
        kept = self._parts.removed.take(container) if keep else None
        if not keep:
            container.log.remove()
        self._parts.definitions.remove(container.id)
        self._parts.store.remove(container.id)
        return kept


async def witness(attended: Attended, status: WaitStatus) -> WaitStatus:
    """Ask the other witnesses where the spawner could not learn how it ended: our own wait, the kernel's record.

    The record is there only once the process's parent has reaped it (Linux 6.15), which may be a moment later.
    """
    deadline = time.monotonic() + _WITNESS_S
    while status == WaitStatus(None, None) and attended.pidfd is not None:
        found = witness_exit(attended.pidfd.fileno())
        if found is not None:
            return found
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(_WITNESS_PAUSE_S)
    return status


def exit_record(status: WaitStatus, *, oom_kills: int = 0, asked: bool = False, ran_s: float | None = None) -> ExitRecord:
    """asked: somebody has asked for the end, so that a SIGKILL may well be theirs."""
    finished_at, oom = datetime.now(UTC), oom_kills > 0
    if status.signal is not None:
        by_kernel = oom and status.signal == signal.SIGKILL and not asked
        return ExitRecord(
            exit_code=128 + status.signal,
            reason="oom" if by_kernel else "signaled",
            signal=signal_name(status.signal),
            finished_at=finished_at,
            oom_killed=oom,
            ran_s=ran_s,
        )
    if status.code is not None:
        return ExitRecord(
            exit_code=status.code, reason="exited", signal=None, finished_at=finished_at, oom_killed=oom, ran_s=ran_s
        )
    return ExitRecord(exit_code=None, reason="lost", signal=None, finished_at=finished_at, oom_killed=oom)
