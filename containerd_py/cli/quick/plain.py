"""start, kill and rm in their usual form: names of containers, each of which is printed when it is done.

    pyctr [--socket PATH] start|kill|rm [-f|-s SIGNAL] CONTAINER...

A failure is told by who tells it for all commands. Where the connection breaks, the containers after are left to the rest.
"""

from __future__ import annotations

import os

from containerd_py.cli.quick.connection import Connection, Strange
from containerd_py.cli.quick.usual import command_of, is_name
from containerd_py.light.contextlib import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FAILED_FROM = 400
_NOBODY_READS = 141
_STDOUT = 1
_FORCE = ("-f", "--force")
_SIGNAL = ("-s", "--signal")


class Plain:
    """socket: the daemon's; command: with its options; method, action, query: what is asked for each container."""

    def __init__(self, socket: str, command: list[str], request: tuple[str, str, str], containers: list[str]) -> None:
        self.socket = socket
        self.command = command
        self.method, self.action, self.query = request
        self.containers = containers


def read(arguments: Sequence[str], environment: Mapping[str, str]) -> Plain | None:
    """Return what is asked for; None where it is another form, or another command."""
    socket, rest = command_of(arguments, environment)
    name, given = rest[:1], rest[1:]
    options: list[str] = []
    if name == ["start"]:
        request = ("POST", "/start", "")
    elif name == ["kill"]:
        signal = "SIGKILL"
        if given[:1] and given[0] in _SIGNAL and is_name(given[1] if given[1:] else "") and "+" not in given[1]:
            options, given, signal = given[:2], given[2:], given[1]
        request = ("POST", "/kill", f"?signal={signal}")
    elif name == ["rm"]:
        if given[:1] and given[0] in _FORCE:
            options, given = given[:1], given[1:]
        request = ("DELETE", "", "?force=true" if options else "?force=false")
    else:
        return None
    return Plain(socket, name + options, request, given) if given and all(map(is_name, given)) else None


def perform(asked: Plain) -> int | None:
    """Return the exit code; None where nothing was asked of the daemon."""
    try:
        connection = Connection(asked.socket)
    except OSError:
        return None
    with closing(connection):
        return _each(connection, asked)


def _each(connection: Connection, asked: Plain) -> int:
    code = 0
    for index, container in enumerate(asked.containers):
        path = f"/v1/containers/{container}{asked.action}"
        try:
            status, answer = connection.exchange(asked.method, path + asked.query)
        except (OSError, Strange) as problem:
            from containerd_py.cli.quick import others

            return others.broken_off(asked, asked.containers[index + 1 :], problem)
        if status >= _FAILED_FROM:
            from containerd_py.cli.quick import others

            code = others.refused(status, answer, asked.method, path, others.code_of(asked.command[0]))
        elif (failure := tell(container, asked.command[0])) is not None:
            return failure
    return code


def tell(name: str, command: str) -> int | None:
    """Print a name; return the exit code where that cannot be done."""
    try:
        os.write(_STDOUT, f"{name}\n".encode())
    except BrokenPipeError:
        return _NOBODY_READS
    except OSError as problem:
        from containerd_py.cli.quick import others

        return others.not_written(problem, others.code_of(command))
    return None
