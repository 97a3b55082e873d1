"""Listening to payloads, believing those of the container alone, and missing those that have gone silent."""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import TYPE_CHECKING

import structlog

from containerd_py.engine.asking import asked_by
from containerd_py.engine.notify.messages import LONGEST, fresh, read
from containerd_py.engine.readiness import readable
from containerd_py.engine.views import Status
from containerd_py.errors import ContainerdError
from containerd_py.runtime import notify
from containerd_py.runtime.cgroups.members import is_member
from containerd_py.runtime.linux.senders import Datagram, ask_for_senders, discard, peek
from containerd_py.store.containers import NOTIFY_NAME

if TYPE_CHECKING:
    from containerd_py.engine.containers import Container
    from containerd_py.engine.lifecycle import Lifecycle
    from containerd_py.engine.parts import Parts
    from containerd_py.engine.runs import Run
    from containerd_py.engine.tasks import Tasks
    from containerd_py.runtime.linux.fd import Fd
    from containerd_py.store.records import NotifyState

_log = structlog.get_logger()

_BREATH_S = 0.01
"""Between two messages of a container: one that floods us waits, and nobody else."""

_LAST = 16
"""So many messages are read at the end of a run: more than wait in the socket (net.unix.max_dgram_qlen)."""

_LAST_S = 0.2
"""So long, after each of them, until what came with it is thrown away."""

_LONG_S = 5.0
_CAUSE = "watchdog"


def open_socket(directory: str) -> socket.socket:
    """Return what the payload's messages come to. Raises OSError."""
    receiver = notify.listen(directory, NOTIFY_NAME)
    ask_for_senders(receiver)
    return receiver


def resumed(fd: Fd) -> socket.socket:
    """Return the socket that an earlier daemon has opened; what was said meanwhile waits in it."""
    return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM, fileno=fd.take())


class Listening:
    """`begin` once all containers are back; `close` before their tasks are ended."""

    def __init__(self, parts: Parts, lifecycle: Lifecycle) -> None:
        self._parts = parts
        self.lifecycle = lifecycle
        self._listeners: dict[str, Listener] = {}
        self._active = False
        lifecycle.on_start.append(self._listen)
        lifecycle.before_end.append(self._hear_last)
        lifecycle.on_end.append(self._ended)

    def begin(self) -> None:
        self._active = True
        for container in self._parts.registry:
            if container.status in (Status.RUNNING, Status.PAUSED):
                self._open_again(container)
                self._listen(container)

    def close(self) -> None:
        self._active = False
        for container_id in tuple(self._listeners):
            self._forget(container_id)

    def _open_again(self, container: Container) -> None:
        """Where the spawner has been lost too: what was said meanwhile is, and what comes is heard."""
        if not container.record.notify or container.notify is not None:
            return
        try:
            container.notify = open_socket(self._parts.store.notify_directory(container.id))
        except OSError as problem:
            _log.error("cannot listen to container", container=container.id, error=str(problem))
            return
        self._parts.link.keep(container.id, {"notify": container.notify.fileno()})

    def _listen(self, container: Container) -> None:
        self._forget(container.id)
        if container.notify is None or not self._active:
            return
        with asked_by(None):
            listener = Listener(self, container, container.notify)
            listener.start(self._parts.tasks)
        self._listeners[container.id] = listener

    async def _hear_last(self, container: Container) -> None:
        """What it said before it ended. The lock is held."""
        listener = self._listeners.get(container.id)
        if listener is not None:
            await listener.hear_last()

    def _ended(self, container: Container) -> None:
        listener = self._listeners.get(container.id)
        if listener is not None and listener.of_run.exit is not None:
            self._forget(container.id)

    def _forget(self, container_id: str) -> None:
        listener = self._listeners.pop(container_id, None)
        if listener is not None:
            listener.close()

    async def note(self, container: Container, before: NotifyState, now: NotifyState) -> None:
        """Put a state on record. The lock is held."""
        await self.lifecycle.remember_if_possible(container, container.record.with_(notify_state=now))
        if now.ready and not before.ready:
            self._parts.events.publish("container.ready", container.id, container.name)


class Listener:
    """One run: its messages, and its watchdog, which runs from READY=1 or the first WATCHDOG=1 on."""

    def __init__(self, listening: Listening, container: Container, receiver: socket.socket) -> None:
        self._listening = listening
        self._container = container
        self._receiver = receiver.dup()  # the container's own is closed whenever that is, and must not be waited for then
        self.of_run: Run = container.run
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._fed = False
        self._pauses = container.pauses

    def start(self, tasks: Tasks) -> None:
        self._task = tasks.start(self._run(), name=f"notify {self._container.id}")
        self._task.add_done_callback(lambda _task: self._receiver.close())
        self.arm()

    def close(self) -> None:
        self._disarm()
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while self.of_run.exit is None:
            await readable(self._receiver.fileno())
            async with self._container.lock:
                if self.of_run.exit is None and not self._container.deleted:
                    await self._take_one()
            if not await self._container.discarding.done(_LONG_S):
                _log.warning("not heard: descriptors that it has sent are slow to be closed", container=self._container.id)
                await self._container.discarding.done()
            await asyncio.sleep(_BREATH_S)

    async def hear_last(self) -> None:
        """Take what is there still; nothing more is waited for. The lock is held."""
        for _ in range(_LAST):
            if not await self._container.discarding.done(_LAST_S) or not await self._take_one():
                break
        self._disarm()

    async def _take_one(self) -> bool:
        """Hear one message; False where there is none. The lock is held, so that each comes after the one before."""
        if self._container.discarding.busy:
            return False
        try:
            datagram = peek(self._receiver, LONGEST)
        except OSError:
            return False
        try:
            if datagram.bears:
                self._container.discarding.begin(self._receiver)
            else:
                discard(self._receiver)
        except OSError:  # without a descriptor for that it stays where it is
            if datagram.pidfd is not None:
                datagram.pidfd.close()
            return False
        if await self._believed(datagram):
            await self._hear(datagram.data)
        return True

    async def _believed(self, datagram: Datagram) -> bool:
        """Nobody but processes of the container can say how it is, whoever gets at the socket."""
        if datagram.pidfd is None:
            member = await asyncio.to_thread(is_member, self._container.cgroup, datagram.pid, None)
        else:
            with datagram.pidfd as pidfd:
                member = await asyncio.to_thread(is_member, self._container.cgroup, datagram.pid, pidfd.fileno())
        if not member:
            _log.warning("message of a stranger passed over", container=self._container.id, pid=datagram.pid)
        return member and datagram.whole

    async def _hear(self, data: bytes) -> None:
        """The lock is held."""
        before = self._container.record.notify_state or fresh(self._container.record)
        if before is None:
            return
        heard = read(data, before)
        if heard.state != before:
            await self._listening.note(self._container, before, heard.state)
        if heard.failed:
            self._kill()
        elif heard.alive or heard.state.watchdog_s != before.watchdog_s or heard.state.ready != before.ready:
            self._fed = self._fed or heard.alive
            self.arm()

    # ── the watchdog ──

    def arm(self) -> None:
        """From now on it has its whole time again."""
        self._disarm()
        state = self._container.record.notify_state
        if state is None or state.watchdog_s is None or not (state.ready or self._fed):
            return
        self._pauses = self._container.pauses
        self._timer = asyncio.get_running_loop().call_later(state.watchdog_s, self._missed)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _missed(self) -> None:
        """One that was paused meanwhile could not say anything: it has its whole time again."""
        self._timer = None
        if self._container.run is not self.of_run or self._container.status not in (Status.RUNNING, Status.PAUSED):
            return
        if self._container.status is Status.PAUSED or self._container.pauses != self._pauses:
            self.arm()
        else:
            self._kill()

    def _kill(self) -> None:
        """Its restart policy counts then."""
        try:
            self._listening.lifecycle.kill(self._container, signal.SIGKILL, cause=_CAUSE)
        except ContainerdError as problem:
            _log.warning("cannot kill container", container=self._container.id, error=problem.message)
