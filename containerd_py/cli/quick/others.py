"""What the usual form leaves to the rest of `pyctr`: telling errors, and a session whose connection was lost."""

from __future__ import annotations

import gc
import sys
from functools import partial
from typing import TYPE_CHECKING

if sys.flags.no_site:  # the usual form needs none of the packages that are found by it
    import site

    site.main()
    gc.enable()  # from here on a session may last for long, and asyncio makes garbage

from containerd_py.cli.complaints import complain, plain_code, start_code
from containerd_py.errors import Internal, InvalidArgument, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from containerd_py.cli.foreground import Attendance, Attended
    from containerd_py.cli.quick.plain import Plain
    from containerd_py.cli.quick.session import Lost, Session
    from containerd_py.cli.quick.usual import Usual
    from containerd_py.client import Client
    from containerd_py.errors import ContainerdError

    CodeOf = Callable[[ContainerdError], int]

_TRY_AGAIN_LATER = 1013
_PLAIN = frozenset(("kill", "rm"))
"""Commands that start nothing: a failure of theirs has one exit code."""


def code_of(command: str) -> CodeOf:
    """Return what gives the exit code for an error of a command."""
    return plain_code if command in _PLAIN else start_code


def broken_off(asked: Plain, left: list[str], problem: Exception) -> int:
    """Tell that the daemon has gone in the middle of a request, go on with those that are left; return the exit code."""
    code = lost(asked.socket, problem, code_of(asked.command[0]))
    if not left:
        return code
    from containerd_py.cli.main import main

    return main(["--socket", asked.socket, *asked.command, *left]) or code


def lost(socket_path: str, problem: Exception, code_of: CodeOf = start_code) -> int:
    """Tell that the daemon has gone in the middle of a request; return the exit code."""
    error = Unavailable(
        f"cannot talk to the daemon at {socket_path!r}: {problem}",
        step="connect",
        hint="look at the daemon's log, and try again",
    )
    complain(error)
    return code_of(error)


def refused(status: int, body: bytes, method: str, path: str, code_of: CodeOf = start_code) -> int:
    """Tell what the daemon has answered; return the exit code."""
    from containerd_py.client.failures import answered_error

    error = answered_error(status, body, method, path)
    complain(error)
    return code_of(error)


def not_written(problem: OSError, code_of: CodeOf = start_code) -> int:
    """Tell that output could not be written: a full disk, a terminal that hung up; return the exit code."""
    error = Internal(f"cannot copy the streams: {(problem.strerror or str(problem)).lower()}", errno=problem.errno)
    complain(error)
    return code_of(error)


def wrong(asked: Usual) -> int | None:
    """Tell what is wrong with a request by itself, by the option; return the exit code, None where nothing is."""
    from containerd_py.cli.requests import reading
    from containerd_py.wire import ContainerSpec, ExecSpec

    model: type[BaseModel] = ExecSpec if asked.container else ContainerSpec
    try:
        with reading():
            model(**asked.request)
    except InvalidArgument as error:
        complain(error)
        return start_code(error)
    return None


def ended(session: Session, told: bytes) -> int:
    """Return the exit code of a payload whose status tells none; told: the status."""
    from containerd_py.cli.settings import outcome

    async def action(client: Client) -> int:
        from containerd_py.cli.foreground import exit_code_of
        from containerd_py.client.status import parse_status

        status = parse_status(told)
        if status.failure is not None:
            raise Internal(f"cannot follow {session.name!r}: {status.failure}", step="attach")
        return await exit_code_of(_attended(client, session))

    return outcome(session.socket, action, start_code)


def go_on(session: Session, lost: Lost) -> int:
    """Attend it from where the usual form was left; return the exit code."""
    from containerd_py.cli.settings import outcome

    async def action(client: Client) -> int:
        from containerd_py.cli.foreground import Attendance, attend

        offset = _offset(lost)
        attendance = Attendance(
            _attended(client, session),
            session.asked.interactive,  # where its end was told already, it is told again: nobody may have heard it
            terminal=False,
            offset=offset,
            typed=b"" if session.input is None else session.input.unsent,
        )
        if lost.started:
            return await _attend_again(attendance)
        start = client.exec_start if session.asked.container else client.start
        return await attend(attendance, partial(start, session.name))

    return outcome(session.socket, action, start_code)


def _attended(client: Client, session: Session) -> Attended:
    from containerd_py.cli.foreground import AttendedContainer, AttendedExec

    return (AttendedExec if session.asked.container else AttendedContainer)(client, session.name)


async def _attend_again(attendance: Attendance) -> int:
    from containerd_py.cli.foreground import Foreground, insist

    try:
        attachment = await insist(partial(attendance.attended.attach, attendance.offset))
    except Unavailable:
        name = attendance.attended.name
        hint = "the container itself is not touched; attach again when the daemon is back"
        raise Unavailable(f"cannot follow {name!r}: connection lost", step="attach", hint=hint) from None
    return await Foreground(attendance, attachment).run(None)


def _offset(lost: Lost) -> int:
    """The daemon tells where it gave up, which may be before what did arrive, or ahead: of what is kept no more."""
    import re

    told = re.search(r"offset\D{0,3}(\d+)", lost.reason)
    offset = max(lost.offset, int(told[1])) if told else lost.offset
    if lost.code == _TRY_AGAIN_LATER and offset > lost.offset:
        complain(f"{offset - lost.offset} bytes of output are left out: they were kept no more")
    return offset
