"""Speaking with an init worker without waiting for it in a blocking way."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING

from containerd_py.engine.readiness import readable
from containerd_py.errors import DeadlineExceeded, Internal
from containerd_py.runtime import process
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.sources import map_inside

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from containerd_py.engine.attendant import Attendant
    from containerd_py.engine.attended import Attended
    from containerd_py.errors import ContainerdError
    from containerd_py.runtime.plan.plan import Plan

_DEADLINE_S = 60.0
_END_S = 5.0
_ENDING_S = 1.0


async def ready(attended: Attended, plan: Plan, attendant: Attendant) -> tuple[dialogue.Ready, Fd | None]:
    """Wait until the worker has done everything up to AwaitStart; return the terminal's master where there is one.

    Raises the error of the step that failed, DeadlineExceeded.
    """
    while True:
        message, fds = await _hear_in_time(attended)
        match message:
            case dialogue.Joining():
                await attendant.join()
                await _tell(dialogue.send_member, attended, plan)
            case dialogue.Asked():
                state = await attendant.bring_up()
                await _tell(partial(dialogue.send_go, state=state), attended, plan)
            case dialogue.Unmapped():
                map_inside(plan, message.key, fds)
                await _tell(dialogue.send_mapped, attended, plan)
            case dialogue.Listener():
                await attendant.hand_over(Fd(fds[0]))
            case dialogue.Ready():
                return message, Fd(fds[0]) if fds else None
            case dialogue.Failed():
                raise process.failure(plan, message)
            case _:
                raise await _vanished(attended, plan)


async def _tell(send: Callable[[socket.socket], None], attended: Attended, plan: Plan) -> None:
    if attended.control is None:
        raise await _vanished(attended, plan)
    try:
        send(attended.control)
    except (BrokenPipeError, ConnectionResetError):
        raise await _vanished(attended, plan) from None


async def start(attended: Attended, plan: Plan, attendant: Attendant) -> dialogue.Times:
    """Have the worker become the payload; return when its last steps ended. Raises the error of the step that failed."""
    control = attended.control
    if control is None:
        raise Internal(f"cannot start {attended.title}: its init worker cannot be reached", step="start")
    try:
        dialogue.send_start(control)
    except (BrokenPipeError, ConnectionResetError):
        raise await _vanished(attended, plan) from None
    return await outcome(attended, plan, attendant)


async def outcome(attended: Attended, plan: Plan, attendant: Attendant, *, heard_before: bool = False) -> dialogue.Times:
    """Hear how a start went that has been asked for.

    heard_before: an earlier daemon may have taken what was said; then the socket's end tells, where the process goes on.
    """
    times: dialogue.Times | None = None
    while True:
        message, fds = await _hear_in_time(attended)
        match message:
            case dialogue.Listener():
                await attendant.hand_over(Fd(fds[0]))
            case dialogue.Times():
                times = message
            case dialogue.Failed():
                raise process.failure(plan, message)
            case None if times is not None:
                return times
            case None if heard_before and await _goes_on(attended):
                return dialogue.Times(())
            case _:
                raise await _vanished(attended, plan)


async def resume(attended: Attended, plan: Plan, attendant: Attendant) -> None:
    """Go on with a worker that had done everything up to AwaitStart, and that an earlier daemon may have told to start.

    Return once it has become the payload, or has ended without a word. Raises the error of the step that failed.
    """
    assert attended.control is not None  # noqa: S101 - it was kept
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        dialogue.send_start(attended.control)
    ends = 0
    while ends < 2:  # a reset, for a START too many that was not read, comes before what was said
        message, fds = await _hear_in_time(attended)
        match message:
            case dialogue.Listener():
                await attendant.hand_over(Fd(fds[0]))
            case dialogue.Failed():
                raise process.failure(plan, message)
            case None:
                ends += 1


async def _goes_on(attended: Attended) -> bool:
    """A worker that ends has closed its socket a moment before."""
    assert attended.pidfd is not None  # noqa: S101 - it came with the socket
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_ENDING_S):
            await readable(attended.pidfd.fileno())
            return False
    return True


async def _vanished(attended: Attended, plan: Plan) -> ContainerdError:
    """The end of its socket is seen here before the spawner has told how it ended."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_END_S):
            while attended.ended is None:
                await attended.changes.wait()
    return process.vanished(plan, attended.ended, oom_kills=attended.oom_kills())


async def _hear_in_time(attended: Attended) -> tuple[dialogue.Message | None, list[int]]:
    assert attended.control is not None  # noqa: S101 - only asked of a worker that can be reached
    try:
        async with asyncio.timeout(_DEADLINE_S):
            return await _hear(attended.control)
    except TimeoutError as problem:
        raise DeadlineExceeded(
            f"cannot go on with {attended.title}: its init worker did not answer in {_DEADLINE_S:.0f} s",
            step="init",
            hint="is the root file system or a mount's source on a server that does not answer?",
        ) from problem


async def _hear(control: socket.socket) -> tuple[dialogue.Message | None, list[int]]:
    while True:
        try:
            return dialogue.receive(control)
        except BlockingIOError:
            await readable(control.fileno())
