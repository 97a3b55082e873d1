"""What a caller of the engine can do with processes that are executed in containers. Knows no HTTP."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from containerd_py.engine.following import ALL, Reading, chunks, start_of
from containerd_py.engine.once import Once, key_for
from containerd_py.engine.scope import check_exec, scope
from containerd_py.engine.streaming import check_kept
from containerd_py.engine.views import ExecStatus
from containerd_py.errors import Conflict, InvalidArgument, NotFound, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine

    from containerd_py.engine.containers import Container
    from containerd_py.engine.exec import Exec
    from containerd_py.engine.exec_lifecycle import ExecLifecycle
    from containerd_py.engine.parts import Parts
    from containerd_py.engine.runs import Run
    from containerd_py.engine.stdio import Stdio
    from containerd_py.engine.views import ExecView, Exit, OutputChunk, OutputGap, Stream, Window
    from containerd_py.runtime.linux.pidfd import WaitStatus
    from containerd_py.wire import ExecSpec

Result = TypeVar("Result")


class Counting(Protocol):
    """Does some work, and counts its failure under the name of the operation."""

    def __call__(self, work: Coroutine[Any, Any, Result], operation: str) -> Coroutine[Any, Any, Result]: ...


_WAITING = (ExecStatus.CREATED, ExecStatus.STARTING)


class Execs:
    """find: a container by reference and action, as `Engine` does; closing: the engine ends its streams.

    counted: notes the failures of what it is given.
    """

    def __init__(
        self,
        parts: Parts,
        lifecycle: ExecLifecycle,
        find: Callable[[str, str], Container],
        *,
        closing: Callable[[], bool],
        counted: Counting,
    ) -> None:
        self._parts = parts
        self._lifecycle = lifecycle
        self._find_container = find
        self._closing = closing
        self._counted = counted
        self._once: Once[Exec] = Once("exec")

    # ── life ──

    async def create(self, container: str, request: ExecSpec, *, key: str | None = None) -> ExecView:
        """Record what is to be executed; with a key once, whoever asks again.

        Raises NotFound, Conflict, InvalidArgument, NotSupported, OutOfSpace.
        """
        check_exec(request)
        found = self._find_container(container, "execute in")
        chosen = key_for(key, request)

        def make() -> asyncio.Task[Exec]:
            return self._begin(self._lifecycle.create(found, request, chosen), "exec_create")

        if chosen is None:
            return (await asyncio.shield(make())).view()
        there = ((one.record.key, one) for one in found.execs.values())
        return (await self._once.made(chosen, there, make, place=found.id)).view()

    def of(self, container: str) -> tuple[ExecView, ...]:
        """Return those of a container, the oldest first. Raises NotFound."""
        found = self._find_container(container, "list execs of").execs.values()
        return tuple(one.view() for one in found if not one.internal)

    def get(self, reference: str) -> ExecView:
        """Raises NotFound."""
        return self._find(reference, "inspect")[1].view()

    async def start(self, reference: str) -> None:
        """Return once it is executed. Raises NotFound, Conflict, InvalidArgument, Unavailable, OutOfSpace."""
        container, one = self._find(reference, "start")
        await self._finish(self._lifecycle.start(container, one), "exec_start")

    async def kill(self, reference: str, number: int) -> None:
        """Raises NotFound, Conflict."""
        container, one = self._find(reference, "kill")

        async def killing() -> None:
            self._lifecycle.kill(container, one, number)

        await self._finish(killing(), "exec_kill")

    async def wait(self, reference: str) -> Exit:
        """Raises NotFound."""
        return await self._lifecycle.wait(self._find(reference, "wait for")[1])

    async def delete(self, reference: str, *, force: bool) -> None:
        """Raises NotFound, Conflict, DeadlineExceeded."""
        container, one = self._find(reference, "delete")
        await self._finish(self._lifecycle.delete(container, one, force=force), "exec_delete")

    def id_of(self, reference: str, action: str) -> str:
        """action: what is to be done with it, for the error. Raises NotFound."""
        return self._find(reference, action)[1].id

    def container_of(self, reference: str) -> str | None:
        """Return the id of the container that it is executed in; None where there is no such exec."""
        with suppress(NotFound, InvalidArgument):
            return self._look_up(reference, "find")[0].id
        return None

    def run_of(self, reference: str) -> Run:
        """Return what tells its end to whoever follows it. Raises NotFound."""
        return self._find(reference, "follow")[1].run

    # ── streams: as `Engine` has them for containers ──

    async def output(
        self, reference: str, *, offset: int | None, stream: Stream | None, follow: bool, window: Window = ALL
    ) -> AsyncGenerator[OutputChunk | OutputGap, None]:
        """Yield output from `offset` on (None: from now on), with `follow` until it ends. Raises NotFound, Conflict."""
        one = self.joinable(reference, "read output of")
        reading = Reading(offset, stream, follow=follow, window=window)
        async for chunk in chunks(one.log, one.run, reading, closing=self._closing):
            yield chunk

    def logged(self, reference: str, offset: int | None) -> str:
        """Return the id of one whose output is kept from that offset on. Raises NotFound, Conflict."""
        one = self.joinable(reference, "read output of")
        check_kept(one.title, one.log, offset)
        return one.id

    async def start_of(self, reference: str, reading: Reading) -> int:
        """Return the offset at which a reading begins. Raises NotFound, Conflict."""
        return await start_of(self.joinable(reference, "read output of").log, reading)

    def joinable(self, reference: str, action: str) -> Exec:
        """Raises NotFound, Conflict for one that is detached."""
        one = self._find(reference, action)[1]
        if one.record.detach:
            raise Conflict(f"cannot {action} {one.title}: it is detached", step="exec", hint="create it without detach")
        return one

    async def write_stdin(self, reference: str, data: bytes) -> None:
        """Return once its pipe or terminal has taken everything, which waits for its start. Raises NotFound, Conflict."""
        stdio = await self._input(self._find(reference, "write to")[1])
        await stdio.write_stdin(data)

    async def close_stdin(self, reference: str) -> None:
        """Let it see the end of its input, once it is started. Raises NotFound, Conflict where it has none."""
        one = self._find(reference, "close input of")[1]
        stdio = await self._input(one)
        if await stdio.close_stdin():
            self._parts.link.drop(one.spawn_id, "stdin")

    async def _input(self, one: Exec) -> Stdio:
        if not (one.terminal or one.record.stdin):
            raise Conflict(f"cannot write to {one.title}: it has no input", step="stdin", hint="create it with stdin")
        while one.status in _WAITING and not one.deleted and not self._closing():
            await one.changes.wait()
        if one.stdio is None or one.status in _WAITING:
            raise Conflict(f"cannot write to {one.title}: it has ended", step="stdin")
        return one.stdio

    async def signal(self, reference: str, number: int) -> None:
        """Raises NotFound, Conflict."""
        await self.kill(reference, number)

    def resize(self, reference: str, *, rows: int, columns: int) -> None:
        """Before the start too. Raises NotFound, Conflict where there is no terminal."""
        one = self._find(reference, "resize")[1]
        if one.terminal and one.status in _WAITING:
            one.size = (rows, columns)
        elif one.terminal and one.stdio is None:
            raise Conflict(f"cannot resize {one.title}: it has ended", step="resize")
        if one.stdio is not None:
            one.stdio.resize(rows, columns)
        elif not one.terminal:
            raise Conflict(f"cannot resize {one.title}: it has no terminal", step="resize")

    # ── for the engine ──

    def exited(self, spawn_id: str, status: WaitStatus) -> None:
        self._lifecycle.exited(spawn_id, status)

    def alive(self) -> bool:
        """True where the spawner must stay for one of them."""
        alive = (ExecStatus.STARTING, ExecStatus.RUNNING)
        return any(one.status in alive or not one.exit_recorded for _container, one in self._parts.execs)

    def waits_for(self, pid: int) -> bool:
        return any(one.pid == pid and one.status is not ExecStatus.STOPPED for _container, one in self._parts.execs)

    def stop_streams(self) -> None:
        for _container, one in self._parts.execs:
            one.changes.announce()
            one.log.changes.announce()

    def close(self) -> None:
        """Close every descriptor; the processes are not touched."""
        for _container, one in self._parts.execs:
            one.close()

    def _find(self, reference: str, action: str) -> tuple[Container, Exec]:
        if self._closing():
            raise Unavailable(f"cannot {action} exec {reference!r}: the daemon is stopping", hint="try again")
        return self._look_up(reference, action)

    def _look_up(self, reference: str, action: str) -> tuple[Container, Exec]:
        """By its id, or the beginning of one that no other begins with."""
        named = self._parts.execs.get(reference)
        found = [named] if named is not None and _shown(*named) else self._beginning(reference)
        if len(found) > 1:
            raise InvalidArgument(
                f"cannot {action} exec {reference!r}: {len(found)} ids begin so", step="find", hint="give more of the id"
            )
        if not found or found[0][1].deleted:
            raise NotFound(f"cannot {action} exec {reference!r}: no such exec", step="find")
        return found[0]

    def _beginning(self, reference: str) -> list[tuple[Container, Exec]]:
        return [pair for pair in self._parts.execs if reference and pair[1].id.startswith(reference) and _shown(*pair)]

    async def _finish(self, work: Coroutine[Any, Any, Result], name: str) -> Result:
        """Do it to its end, whether the one who asked is still there or not."""
        return await asyncio.shield(self._begin(work, name))

    def _begin(self, work: Coroutine[Any, Any, Result], name: str) -> asyncio.Task[Result]:
        return self._parts.tasks.start(self._counted(work, name), name=name, quiet=True)


def _shown(container: Container, one: Exec) -> bool:
    """Tell whether it is there for the one who asks (`engine.scope`)."""
    return not one.internal and scope().shows(container.record.labels)
