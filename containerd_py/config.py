"""The daemon's settings: a file, overridden by the environment, overridden by the command line."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from containerd_py import __version__, sockets
from containerd_py.errors import InvalidArgument
from containerd_py.problems import describe
from containerd_py.sockets import SocketConfig  # noqa: TC001 - pydantic reads annotations at run time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CONFIG_FILE = "/etc/pycontainerd/config.toml"
_PREFIX = "PYCONTAINERD_"
_EPILOG = f"""Each option may be set as {_PREFIX}… too. "pycontainerd config check", with the same options, reads the
settings, prints what holds, and starts nothing. Further sockets are tables [[sockets]] of the file."""
_HELP = {
    "socket": "Unix socket of the API",
    "state_dir": "what must survive the daemon but not a boot; made with mode 0700",
    "data_dir": "output of containers",
    "socket_group": "group whose members may use the API (they become root by it)",
    "cgroup_parent": "cgroup below which this daemon makes one for its containers; a slice for systemd (default: the root)",
    "cgroup_driver": "who makes cgroups: systemd, as scopes; cgroupfs, by ourselves; auto: systemd where it can be had",
    "log_max_bytes": "size of a file of output before another one is begun; 0: never",
    "log_max_files": "so many files of output are kept of each container",
    "removed_keep_s": "seconds for which output and exit of a removed container can be read by its id; 0: not at all",
    "removed_keep_bytes": "so much output of removed containers is kept at most, of all together",
    "journal_socket": "where the journal listens, for the log driver journald",
    "log_level": "debug, info, warning or error",
}


class DaemonConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    socket: str = "/run/pycontainerd/pycontainerd.sock"
    state_dir: str = "/run/pycontainerd"
    data_dir: str = "/var/lib/pycontainerd"
    socket_group: str | None = None
    cgroup_parent: str = ""
    cgroup_driver: Literal["auto", "systemd", "cgroupfs"] = "auto"
    log_max_bytes: Annotated[int, Field(ge=0)] = 0
    log_max_files: Annotated[int, Field(ge=1, le=1000)] = 4
    removed_keep_s: Annotated[int, Field(ge=0, le=86_400)] = 60
    removed_keep_bytes: Annotated[int, Field(ge=0)] = 64 << 20
    journal_socket: str = "/run/systemd/journal/socket"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    sockets: Annotated[tuple[SocketConfig, ...], Field(strict=False)] = ()
    """Further ones; in the file only."""

    def parent(self) -> str:
        """Return the cgroup of this daemon's containers: one for each state directory, below `cgroup_parent`.

        It is nobody else's, since recovery kills what is in it and on no record.
        """
        digest = hashlib.sha256(os.path.realpath(self.state_dir).encode()).hexdigest()
        return f"/{self.cgroup_parent.strip('/')}/pycontainerd-{digest[:8]}".replace("//", "/")


def load(arguments: Sequence[str], environment: Mapping[str, str]) -> DaemonConfig:
    """Read all three sources. Raises InvalidArgument naming the one that is wrong; SystemExit for --help."""
    given = vars(_parser().parse_args(arguments))
    path = given.pop("config") or environment.get(f"{_PREFIX}CONFIG")
    settings = _from_file(path or CONFIG_FILE, required=path is not None)
    settings |= _numbers({name: environment[_variable(name)] for name in _HELP if _variable(name) in environment})
    settings |= _numbers({name: value for name, value in given.items() if value is not None})
    try:
        config = DaemonConfig.model_validate(settings)
    except ValidationError as problem:
        raise InvalidArgument(f"cannot use settings: {describe(problem)}", step="config") from problem
    for name in ("socket", "state_dir", "data_dir", "journal_socket"):
        if not getattr(config, name).startswith("/"):
            raise InvalidArgument(f"cannot use settings: {name} must be an absolute path", step="config")
    _check_parent(config.cgroup_parent)
    _check_group(config)
    sockets.check(config.sockets, first=config.socket, private=config.state_dir)
    return config


def _numbers(given: dict[str, str]) -> dict[str, Any]:
    """Read the digits of what is a number; anything else is refused with the other settings."""
    numeric = {name for name, field in DaemonConfig.model_fields.items() if field.annotation is int}
    return {
        name: int(value) if name in numeric and value.isascii() and value.isdigit() else value
        for name, value in given.items()
    }


def _check_parent(path: str) -> None:
    if any(part in ("", ".", "..") for part in path.strip("/").split("/")) and path.strip("/"):
        raise InvalidArgument(f"cannot use settings: cgroup_parent {path!r} is no path of a cgroup", step="config")


def _check_group(config: DaemonConfig) -> None:
    folder = os.path.dirname(os.path.normpath(config.socket))
    if config.socket_group and (folder + "/").startswith(os.path.normpath(config.state_dir) + "/"):
        raise InvalidArgument(
            f"cannot use settings: group {config.socket_group!r} could not reach {config.socket!r}, "
            f"since {config.state_dir!r} is root's alone",
            step="config",
            hint="give a --socket in another directory",
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pycontainerd", description="A container daemon.", epilog=_EPILOG)
    parser.add_argument("--version", action="version", version=f"pycontainerd {__version__}")
    parser.add_argument("--config", metavar="FILE", help=f"settings in TOML (default: {CONFIG_FILE}, if there)")
    for name, text in _HELP.items():
        default = DaemonConfig.model_fields[name].default
        suffix = f" (default: {default})" if default else ""
        parser.add_argument("--" + name.replace("_", "-"), metavar=name.rpartition("_")[2].upper(), help=text + suffix)
    return parser


def meanings() -> Mapping[str, str]:
    """Return what each setting means, for people."""
    return dict(_HELP)


def usage() -> str:
    """Return the help of the command line."""
    return _parser().format_help()


def as_toml(config: DaemonConfig) -> str:
    """Return every setting as it would stand in a file; one that is not set is a comment."""
    values = config.model_dump(exclude={"sockets"})
    lines = [*_settings(values)]
    for one in config.sockets:
        lines += ["", "[[sockets]]", *_settings(one.model_dump())]
    return "".join(f"{line}\n" for line in lines)


def _settings(values: dict[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        yield f"# {name} is not set" if value is None else f"{name} = {toml(value)}"


def toml(value: object) -> str:
    """A basic string of TOML takes what one of JSON does, but for the DEL that JSON leaves as it is."""
    return json.dumps(value).replace("\x7f", "\\u007f")


def _variable(name: str) -> str:
    return _PREFIX + name.upper()


def _from_file(path: str, *, required: bool) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        if not required:
            return {}
        raise InvalidArgument(f"cannot read settings {path!r}: no such file", step="config", errno="ENOENT") from None
    except (OSError, ValueError) as problem:
        raise InvalidArgument(f"cannot read settings {path!r}: {problem}", step="config") from problem
