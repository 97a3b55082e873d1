"""The usual form of `pyctr run` and of `exec`: which command lines it is, and the request that is made of them.

    pyctr [--socket PATH] run [OPTIONS below] --rootfs DIR PROGRAM [ARGS...]
    pyctr [--socket PATH] exec [OPTIONS below] CONTAINER PROGRAM [ARGS...]

What is here reads them as typer does, and asks what `requests.build_request` and `commands.execute` would; a wrong value is
the daemon's to find. A terminal of ours is left to the rest: who types there does not notice what its start takes.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

DEFAULT_SOCKET = "/run/pycontainerd/pycontainerd.sock"
"""That of `client.address`, whose package takes longer to import than all this."""

_SOCKET_VARIABLE = "PYCONTAINERD_SOCKET"

_CONTAINERS = "/v1/containers"
_EXECS = "/v1/exec"
_PLAIN = frozenset("_.+-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LONGEST_NAME = 128


class _Form:
    """The options of a command, each with the field of the request that it gives. lists: of repeatable ones."""

    def __init__(self, flags: dict[str, str], values: dict[str, str], lists: dict[str, str]) -> None:
        self.flags = flags
        self.values = values
        self.lists = lists


_BOTH = {"--user": "user", "-u": "user", "--workdir": "cwd", "-w": "cwd"}
_VARIABLES = {"--env": "env", "-e": "env"}
_RUN = _Form(
    flags={"--rm": "auto_remove", "--init": "init", "--read-only": "read_only"},
    values=_BOTH | {"--rootfs": "rootfs", "--name": "name", "--hostname": "hostname", "-h": "hostname"},
    lists=_VARIABLES | {"--label": "labels", "-l": "labels"},
)
_EXEC = _Form(
    flags={
        "--interactive": "stdin",
        "-i": "stdin",
        "--tty": "terminal",
        "-t": "terminal",
        "--detach": "detach",
        "-d": "detach",
        "--privileged": "privileged",
    },
    values=_BOTH,
    lists=_VARIABLES | {"--group-add": "additional_groups", "--cap": "capabilities"},
)


class Usual:
    """socket: the daemon's; request: the body of the creation; container: where it is executed, "" for one of its own."""

    def __init__(self, socket: str, request: dict[str, Any], container: str = "") -> None:
        self.socket = socket
        self.request = request
        self.container = container

    @property
    def maker(self) -> str:
        """The path that makes it."""
        return f"{_CONTAINERS}/{self.container}/exec" if self.container else _CONTAINERS

    @property
    def place(self) -> str:
        """The path below which it is found."""
        return _EXECS if self.container else _CONTAINERS

    @property
    def interactive(self) -> bool:
        return bool(self.request.get("stdin"))

    @property
    def detached(self) -> bool:
        return bool(self.request.get("detach"))

    @property
    def removes(self) -> bool:
        """It is to be gone when this process ends."""
        return bool(self.request.get("auto_remove"))


def read(arguments: Sequence[str], environment: Mapping[str, str]) -> Usual | None:
    """Return what is asked for; None where it is another form, or another command."""
    socket, rest = command_of(arguments, environment)
    if rest[:1] == ["run"]:
        return _run(socket, rest[1:], environment)
    return _exec(socket, rest[1:], environment) if rest[:1] == ["exec"] else None


def command_of(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return the daemon's socket, and the command with what follows it: nothing where it is another form."""
    rest = list(arguments)
    socket = environment.get(_SOCKET_VARIABLE) or DEFAULT_SOCKET
    if rest[:1] == ["--socket"]:
        socket, rest = rest[1] if len(rest) > 1 else "", rest[2:]
    if not socket or socket.startswith("-") or not _are_texts(arguments):
        return "", []
    return socket, rest


def _run(socket: str, rest: list[str], environment: Mapping[str, str]) -> Usual | None:
    given = _options(rest, _RUN)
    if given is None or not given["args"] or "rootfs" not in given:
        return None
    request = given | {"rootfs": os.path.abspath(given["rootfs"])}
    for name, parsed in (("env", _environment(given["env"], environment)), ("labels", _labels(given["labels"]))):
        if "" in parsed:
            return None
        request[name] = parsed
    return Usual(socket, {name: value for name, value in request.items() if value != {}})


def _exec(socket: str, rest: list[str], environment: Mapping[str, str]) -> Usual | None:
    given = _options(rest, _EXEC)
    if given is None or len(given["args"]) < 2 or ("detach" in given and "stdin" in given):
        return None
    container, *args = given["args"]
    variables = _environment(given["env"], environment)
    at_a_terminal = "terminal" in given and "detach" not in given
    if "" in variables or at_a_terminal or not is_name(container):
        return None
    request = given | {"args": args, "env": variables}
    return Usual(socket, {name: value for name, value in request.items() if value}, container)


def is_name(text: str) -> bool:
    """It can stand in a path; what else may not be one is the daemon's to find."""
    return _PLAIN.issuperset(text) and text[:1] not in ("", "_", ".", "+", "-") and len(text) <= _LONGEST_NAME


def _options(rest: list[str], form: _Form) -> dict[str, Any] | None:
    """Return what is given, by its name in the request; None where there is anything else. The program ends the options."""
    found: dict[str, Any] = {name: [] for name in form.lists.values()}
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        flags = [word] if word.startswith("--") else [f"-{letter}" for letter in word[1:]]
        if flags and form.flags.keys() >= set(flags):
            found |= {form.flags[flag]: True for flag in flags}
            continue
        option, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if not equals:
            if not rest or rest[0].startswith("-"):
                return None
            value = rest.pop(0)
        if option in form.lists:
            found[form.lists[option]].append(value)
        elif option in form.values and form.values[option] not in found:
            found[form.values[option]] = value
        else:
            return None
    return found | {"args": rest}


def _are_texts(arguments: Sequence[str]) -> bool:
    try:
        "".join(arguments).encode()
    except UnicodeEncodeError:
        return False
    return True


def _environment(variables: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """As `requests.parse_environment`; one without a name has the name ""."""
    parsed: dict[str, str] = {}
    for variable in variables:
        name, separator, value = variable.partition("=")
        if separator or not name:
            parsed[name] = value
        elif name in environment:
            parsed[name] = environment[name]
    return parsed


def _labels(labels: Sequence[str]) -> dict[str, str]:
    return {label.partition("=")[0]: label.partition("=")[2] for label in labels}
