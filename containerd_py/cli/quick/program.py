"""`pyctr` as a program that runs a container in the usual form, or executes in one; `plain` does the rest.

    create ──► attach ──► start ──► output; input, signals there ──► the status ──► remove

Errors are told by who tells them for all commands; so is a connection that is lost: the session is handed over (`others`).
"""

from __future__ import annotations

import gc
import os
import sys

from containerd_py.cli import missing_streams
from containerd_py.cli.quick.connection import Connection, Strange
from containerd_py.cli.quick.session import Lost, Session
from containerd_py.cli.quick.usual import read
from containerd_py.light import json
from containerd_py.light.contextlib import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from containerd_py.bytecode_cache import BytecodeCache
    from containerd_py.cli.quick.usual import Usual

_CREATED = 201
_FAILED_FROM = 400
_NOT_FOUND = 404
_INTERRUPTED = 130


def run(cache: BytecodeCache) -> None:
    """Do what this process's command line says, and end as that did; return where it is not in the usual form."""
    gc.disable()  # what is made here is little, and needed to the end
    code = attempt(sys.argv[1:], os.environ)
    if code is None:
        gc.enable()
        return
    cache.complete()
    os._exit(code)


def attempt(arguments: Sequence[str], environment: Mapping[str, str]) -> int | None:
    """Return the exit code; None where nothing was made, and who knows all forms is to be asked."""
    missing_streams.complete()  # or a payload's output went to the daemon, by the connection that took the number
    try:
        asked = read(arguments, environment)
        return _plainly(arguments, environment) if asked is None else _run(asked)
    except KeyboardInterrupt:
        return _INTERRUPTED


def _plainly(arguments: Sequence[str], environment: Mapping[str, str]) -> int | None:
    from containerd_py.cli.quick import plain

    asked = plain.read(arguments, environment)
    return None if asked is None else plain.perform(asked)


def _run(asked: Usual) -> int | None:
    try:
        connection = Connection(asked.socket)
    except (OSError, ValueError):
        return None  # which is told there
    with closing(connection):
        return _run_over(connection, asked)


def _run_over(connection: Connection, asked: Usual) -> int | None:
    try:
        status, answer = connection.exchange("POST", asked.maker, json.dumps(asked.request).encode())
    except (OSError, Strange) as problem:
        from containerd_py.cli.quick import others

        return others.lost(asked.socket, problem)
    if status != _CREATED:
        from containerd_py.cli.quick import others

        return others.wrong(asked) or others.refused(status, answer, "POST", asked.maker)
    session = Session(asked, json.loads(answer)["id"], connection)
    if asked.detached:
        return _begin(session)
    try:
        return _attend(session)
    finally:
        if asked.removes:
            _remove(session)


def _attend(session: Session) -> int:
    try:
        return session.attend()
    except Lost as lost:
        from containerd_py.cli.quick import others

        return others.go_on(session, lost)


def _begin(session: Session) -> int:
    """Start it, print its id, and leave it."""
    try:
        status, answer = session.start()
    except (OSError, Strange) as problem:
        from containerd_py.cli.quick import others

        return others.lost(session.socket, problem)
    if status >= _FAILED_FROM:
        from containerd_py.cli.quick import others

        return others.refused(status, answer, "POST", f"{session.asked.place}/{session.name}/start")
    from containerd_py.cli.quick.plain import tell

    return tell(session.name, "exec") or 0


def _remove(session: Session) -> None:
    """Before this process ends, whether it runs or not; a failure is told and changes nothing else."""
    try:
        status, answer = session.remove()
    except (OSError, Strange) as problem:
        from containerd_py.cli.quick import others

        others.lost(session.socket, problem)
        return
    if status >= _FAILED_FROM and status != _NOT_FOUND:
        from containerd_py.cli.quick import others

        others.refused(status, answer, "DELETE", "/v1/containers")
