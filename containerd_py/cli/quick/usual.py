"""The usual form of `pyctr run`: which command lines it is, and the request that is made of them.

    pyctr [--socket PATH] run [OPTIONS below] --rootfs DIR PROGRAM [ARGS...]

What is here reads them as typer does, and asks what `requests.build_request` would; a wrong value is the daemon's to find.
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

_FLAGS = {"--rm": "auto_remove", "--init": "init", "--read-only": "read_only"}
_VALUES = {
    "--rootfs": "rootfs",
    "--name": "name",
    "--hostname": "hostname",
    "-h": "hostname",
    "--user": "user",
    "-u": "user",
    "--workdir": "cwd",
    "-w": "cwd",
}
_LISTS = {"--env": "env", "-e": "env", "--label": "labels", "-l": "labels"}


class Usual:
    """socket: the daemon's; request: the body of the creation."""

    def __init__(self, socket: str, request: dict[str, Any]) -> None:
        self.socket = socket
        self.request = request

    @property
    def removes(self) -> bool:
        """It is to be gone when this process ends."""
        return bool(self.request.get("auto_remove"))


def read(arguments: Sequence[str], environment: Mapping[str, str]) -> Usual | None:
    """Return what is asked for; None where it is another form, or another command."""
    rest = list(arguments)
    socket = environment.get(_SOCKET_VARIABLE) or DEFAULT_SOCKET
    if rest[:1] == ["--socket"]:
        socket, rest = rest[1] if len(rest) > 1 else "", rest[2:]
    if rest[:1] != ["run"] or not socket or socket.startswith("-"):
        return None
    given = _options(rest[1:])
    if given is None or not given["args"] or "rootfs" not in given or not _are_texts(arguments):
        return None
    request = given | {"rootfs": os.path.abspath(given["rootfs"])}
    for name, parsed in (("env", _environment(given["env"], environment)), ("labels", _labels(given["labels"]))):
        if "" in parsed:
            return None
        request[name] = parsed
    return Usual(socket, {name: value for name, value in request.items() if value != {}})


def _options(rest: list[str]) -> dict[str, Any] | None:
    """Return what is given, by its name in the request; None where there is anything else. The program ends the options."""
    found: dict[str, Any] = {"env": [], "labels": []}
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word in _FLAGS:
            found[_FLAGS[word]] = True
            continue
        option, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if not equals:
            if not rest or rest[0].startswith("-"):
                return None
            value = rest.pop(0)
        if option in _LISTS:
            found[_LISTS[option]].append(value)
        elif option in _VALUES and _VALUES[option] not in found:
            found[_VALUES[option]] = value
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
