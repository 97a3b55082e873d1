"""The daemon's link to the spawner: asked by futures, replaced when it dies."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from containerd_py.engine.fd_store import PIDFD, SPAWNER
from containerd_py.engine.latencies import Latencies
from containerd_py.engine.spawner_meeting import Meeting, gone
from containerd_py.errors import ContainerdError, Unavailable
from containerd_py.runtime import launcher
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.pidfd import pidfd_send_signal
from containerd_py.runtime.spawner import client
from containerd_py.runtime.spawner.client import Exited, Inherited, Parting, Pong, Refused, Spawned, SpawnerClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from containerd_py.engine.fd_store import FdStore
    from containerd_py.runtime.linux.pidfd import WaitStatus
    from containerd_py.runtime.spawner.request import ForkRequest

_log = structlog.get_logger()


class SpawnerLink:
    """One spawner at a time. `on_exit` is called for each end of a container, `on_lost` when the spawner has died.

    What the spawner keeps, `store` keeps too.
    """

    def __init__(
        self,
        state_dir: str,
        store: FdStore,
        *,
        on_exit: Callable[[str, WaitStatus], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._state_dir = state_dir
        self.store = store
        self._on_exit = on_exit
        self._on_lost = on_lost
        self._client: SpawnerClient | None = None
        self._asked: dict[int, asyncio.Future[Spawned]] = {}
        self._pinged: dict[int, asyncio.Future[None]] = {}
        self._pid: int | None = None
        self._meeting = Meeting(state_dir)
        self._process: Fd | None = None
        self._listening = False
        self.round_trips = Latencies()

    @property
    def pid(self) -> int | None:
        return self._pid if self._client else None

    def reaps(self, pid: int) -> bool:
        """True for a spawner, be it one that is about to serve, or has ended a moment ago."""
        return pid == self.pid or self._meeting.reaps(pid)

    async def start(self) -> list[Inherited]:
        """Find the spawner of an earlier daemon, or start one; return what it has. Raises Unavailable.

        One that does not answer is ended, where the service manager has kept the means, and replaced.
        What it tells after that is heard once `listen` is called.
        """
        self._listening = False
        former = self.store.recall(SPAWNER).get(PIDFD)
        try:
            met = await self._meeting.run(former)
        finally:
            if former is not None:
                former.close()
        try:
            self._hold(met.pid)
        except OSError as problem:
            met.close()
            raise Unavailable(
                f"cannot hold spawner: {problem.strerror}",
                step="spawner",
                errno=problem.errno,
                hint="it is tried again: the host or the daemon may be out of descriptors",
            ) from problem
        self._client, self._pid = met.link, met.pid
        return met.inventory

    def abandon(self) -> None:
        """Give up a connection on which not all could be said: `start` makes another one."""
        self._hang_up()

    def listen(self) -> None:
        """Hear what the spawner tells from now on, and what it has told since `start`.

        To be called when all that it had is known again: an end is told once, and nobody would note that of a stranger.
        """
        self._listening = True
        if self._client is None:
            self._on_lost()  # while nobody listened
        else:
            asyncio.get_running_loop().add_reader(self._client.fileno(), self._readable, self._client)

    def _hold(self, pid: int) -> None:
        """It answered a moment ago: so that is its pid."""
        self._let_go()
        with suppress(ProcessLookupError):
            self._process = Fd(os.pidfd_open(pid))
            self.store.keep(SPAWNER, {PIDFD: self._process.fileno()})
            self.store.flush()  # at once: nobody waits yet, and without it the next daemon cannot end one that hangs

    def _let_go(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None

    def settle_store(self, wanted: dict[str, dict[str, int]]) -> list[Fd]:
        """See `FdStore.settle`; the spawner itself is wanted too."""
        own = {} if self._process is None else {SPAWNER: {PIDFD: self._process.fileno()}}
        return self.store.settle(wanted | own)

    async def answers(self, *, within_s: float) -> bool:
        """Tell whether the spawner is able to answer. One that is not is ended: so it is replaced, as one that has died.

        True where it is being replaced already: that has deadlines of its own.
        """
        link = self._client
        if link is None:
            return True
        seq = link.ping()
        self._send_rest(link)
        pinged = self._pinged
        pinged[seq] = answer = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(within_s):
                await answer
        except TimeoutError:
            if link is self._client and self._process is not None:
                _log.error("spawner does not answer; it is ended", pid=self.pid, waited_s=within_s)
                with suppress(ProcessLookupError):
                    pidfd_send_signal(self._process.fileno(), signal.SIGKILL)
            return False
        else:
            return True
        finally:
            pinged.pop(seq, None)

    def spawn(self, container_id: str, worker: ForkRequest, keep: dict[str, int]) -> asyncio.Future[Spawned]:
        """Have a worker forked; it is asked for when this returns. Raises Unavailable, as awaiting does: nothing made."""
        link, asked_ns = self._link(), time.monotonic_ns()
        seq = link.spawn(container_id, worker, keep)
        self._send_rest(link)
        if keep:
            self.store.keep(container_id, keep)
        asked = self._asked
        asked[seq] = answer = asyncio.get_running_loop().create_future()

        def answered(answer: asyncio.Future[Spawned]) -> None:
            asked.pop(seq, None)
            if answer.cancelled() or answer.exception() is not None:
                return
            if keep:
                self.store.keep(container_id, {PIDFD: answer.result().pidfd.fileno()})
            self.round_trips.note((time.monotonic_ns() - asked_ns) / 1e9)

        answer.add_done_callback(answered)
        return answer

    def keep(self, container_id: str, fds: dict[str, int]) -> None:
        self.store.keep(container_id, fds)
        if self._client:
            self._client.keep(container_id, fds)
            self._send_rest(self._client)

    def drop(self, container_id: str, *names: str) -> None:
        self.store.drop(container_id, *names)
        if self._client:
            self._client.drop(container_id, *names)
            self._send_rest(self._client)

    def adopt(self, container_id: str, pid: int, pidfd: Fd, keep: dict[str, int]) -> None:
        """The service manager has these already, or is told by `FdStore.settle`."""
        if self._client:
            self._client.adopt(container_id, pid, pidfd.fileno(), keep)
            self._send_rest(self._client)

    def forget(self, container_id: str) -> None:
        self.store.forget(container_id)
        if self._client:
            self._client.forget(container_id)
            self._send_rest(self._client)

    def forget_ended(self, container_id: str, names: Iterable[str], *, on_record: bool) -> None:
        """Nothing needs to be open any more for one that has ended. names: of the descriptors that it had.

        on_record: how it ended is; else the spawner alone knows it, and tells the next daemon.
        """
        if on_record:
            self.forget(container_id)
        else:
            self.drop(container_id, *names)

    async def close(self, *, end: bool) -> None:
        """Leave the spawner alone with the containers; with `end` it ends itself, if it has none."""
        self._let_go()
        self.store.close()
        if self._client is None:
            return
        link, self._client = self._client, None
        asyncio.get_running_loop().remove_reader(link.fileno())
        if end:
            link.quit()
            self.store.forget(SPAWNER)
            await gone(link)
            await self._meeting.reap_all()
            await asyncio.to_thread(client.remove_socket, self._state_dir)
        link.close()

    def _link(self) -> SpawnerClient:
        if self._client is None:
            raise _lost()
        return self._client

    def _send_rest(self, link: SpawnerClient) -> None:
        """Send what the socket had no room for once it has."""
        if link.unsent:
            asyncio.get_running_loop().add_writer(link.fileno(), self._writable, link)

    def _writable(self, link: SpawnerClient) -> None:
        try:
            link.flush()
        except OSError:
            self._end_of(link)
            return
        if not link.unsent:
            asyncio.get_running_loop().remove_writer(link.fileno())

    def _readable(self, link: SpawnerClient) -> None:
        try:
            told = link.receive()
        except BlockingIOError:
            return
        except (OSError, ValueError) as problem:
            _log.error("spawner speaks nonsense", error=str(problem))
            told = None
        match told:
            case None:
                self._end_of(link)
            case Spawned():
                self._answer(told)
            case Refused():
                self._refuse(told)
            case Pong():
                pinged = self._pinged.get(told.seq)
                if pinged is not None and not pinged.done():
                    pinged.set_result(None)
            case Exited():
                self._on_exit(told.id, told.status)
            case Parting():
                _log.error("spawner hangs up", error=told.text)
                self._end_of(link)

    def _answer(self, told: Spawned) -> None:
        future = self._asked.get(told.seq)
        if future is not None and not future.done():
            future.set_result(told)
        else:  # nobody waits any more: the worker ends when its control socket does
            told.pidfd.close()

    def _refuse(self, told: Refused) -> None:
        future = self._asked.get(told.seq)
        if future is not None and not future.done():
            future.set_exception(launcher.refusal(told.errno, told.text))

    def _end_of(self, link: SpawnerClient) -> None:
        if link is not self._client:
            return
        self._hang_up()
        self._meeting.reap()
        if self._listening:
            self._on_lost()

    def _hang_up(self) -> None:
        """Nobody answers any more what was asked on this connection, be it while the spawner still told what it has.

        The next one counts from the beginning again.
        """
        asked, self._asked = self._asked, {}
        for future in asked.values():
            if not future.done():
                future.set_exception(_lost())
        pinged, self._pinged = self._pinged, {}
        for answer in pinged.values():
            if not answer.done():
                answer.set_result(None)
        link, self._client = self._client, None
        if link is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(link.fileno())
            loop.remove_writer(link.fileno())
            link.close()


def give_up(spawning: asyncio.Future[Spawned]) -> None:
    """Nobody wants that worker any more: it ends when its control socket does, and its pidfd is closed."""
    if not spawning.cancel() and not spawning.cancelled():  # it is there; what is noted of it then comes first
        spawning.add_done_callback(_close)


def _close(spawning: asyncio.Future[Spawned]) -> None:
    if spawning.exception() is None:
        spawning.result().pidfd.close()


def _lost() -> ContainerdError:
    return Unavailable("cannot fork worker: the spawner has ended", step="spawner", hint="try again: it is being replaced")
