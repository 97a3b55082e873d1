"""The daemon's settings: a file, overridden by the environment, overridden by the command line."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import stat
import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from containerd_py import __version__, sockets
from containerd_py.errors import InvalidArgument
from containerd_py.problems import describe
from containerd_py.sockets import SocketConfig  # noqa: TC001 - pydantic reads annotations at run time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CONFIG_FILE = "/etc/pycontainerd/config.toml"
_PREFIX = "PYCONTAINERD_"
_EPILOG = f"""Each option may be set as {_PREFIX}… too. "pycontainerd config check", with the same options, reads the
settings, prints what holds, and starts nothing. "pycontainerd shutdown", with the same options, stops all containers, as at
a shutdown of the host: by the daemon that runs, else by itself. Further sockets are tables [[sockets]] of the file."""
_HELP = {
    "socket": "Unix socket of the API",
    "state_dir": "what must survive the daemon but not a boot; made with mode 0700",
    "data_dir": "output of containers",
    "declared_dir": "directory of declared containers, a file NAME.toml for each, which are kept running",
    "socket_group": "group whose members may use the API (they become root by it)",
    "cgroup_parent": "cgroup below which this daemon makes one for its containers; a slice for systemd (default: the root)",
    "cgroup_driver": "who makes cgroups: systemd, as scopes; cgroupfs, by ourselves; auto: systemd where it can be had",
    "machined": "true: containers that are scopes are registered with systemd-machined (machinectl list); false",
    "log_max_bytes": "size of a file of output before another one is begun; 0: never",
    "log_max_files": "so many files of output are kept of each container",
    "removed_keep_s": "seconds for which output and exit of a removed container can be read by its id; 0: not at all",
    "removed_keep_bytes": "so much output of removed containers is kept at most, of all together",
    "journal_socket": "where the journal listens, for the log driver journald",
    "log_level": "debug, info, warning or error",
}
_PATHS = ("socket", "state_dir", "data_dir", "declared_dir", "journal_socket")
_LARGEST = 2**63 - 1  # of a file's size
_LARGEST_FILE = 1 << 20
_LEAST_LOG_BYTES = 4096
_LONGEST_PATH, _LONGEST_NAME = 4000, 255  # limits.h has 4096; names of ours come below
_DIGITS = re.compile(r"[0-9]{1,20}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f]")


def _no_tiny_files(value: int) -> int:
    if 0 < value < _LEAST_LOG_BYTES:
        raise ValueError(f"0, or {_LEAST_LOG_BYTES} at least")
    return value


class DaemonConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    socket: str = "/run/pycontainerd/pycontainerd.sock"
    state_dir: str = "/run/pycontainerd"
    data_dir: str = "/var/lib/pycontainerd"
    declared_dir: str = "/etc/pycontainerd/containers.d"
    socket_group: str | None = None
    cgroup_parent: str = ""
    cgroup_driver: Literal["auto", "systemd", "cgroupfs"] = "auto"
    machined: bool = False
    log_max_bytes: Annotated[int, Field(ge=0, le=_LARGEST), AfterValidator(_no_tiny_files)] = 0
    log_max_files: Annotated[int, Field(ge=1, le=1000)] = 4
    removed_keep_s: Annotated[int, Field(ge=0, le=86_400)] = 60
    removed_keep_bytes: Annotated[int, Field(ge=0, le=_LARGEST)] = 64 << 20
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
    settings |= _typed({name: environment[_variable(name)] for name in _HELP if _variable(name) in environment})
    settings |= _typed({name: value for name, value in given.items() if value is not None})
    try:
        config = DaemonConfig.model_validate(settings)
    except ValidationError as problem:
        raise InvalidArgument(f"cannot use settings: {describe(problem)}", step="config") from problem
    for name in _PATHS:
        _check_path(name, getattr(config, name))
    _check_parent(config.cgroup_parent)
    _check_machined(config)
    _check_group(config)
    sockets.check(config.sockets, first=config.socket, private=config.state_dir)
    return config


def _typed(given: dict[str, str]) -> dict[str, Any]:
    """Read what is a number, or true or false, as in TOML; anything else is refused with the other settings."""
    return {name: _value(DaemonConfig.model_fields[name].annotation, text) for name, text in given.items()}


def _value(kind: object, text: str) -> str | int | bool:
    if kind is int and _DIGITS.fullmatch(text):
        return int(text)
    return text == "true" if kind is bool and text in ("true", "false") else text


def _check_path(name: str, path: str) -> None:
    """For what is told here already, rather than at the first use."""
    longest = sockets.LONGEST_PATH if name.endswith("socket") else _LONGEST_PATH
    cause = None
    if not path.startswith("/"):
        cause = "must be an absolute path"
    elif not path.strip("/."):
        cause = "must not be the root directory"
    elif _CONTROL.search(path):
        cause = "has a control character in it"
    elif len(os.fsencode(path)) > longest or any(len(os.fsencode(part)) > _LONGEST_NAME for part in path.split("/")):
        cause = f"must not be longer than {longest} bytes, a name in it not longer than {_LONGEST_NAME}"
    if cause is not None:
        raise InvalidArgument(f"cannot use settings: {name} {cause}", step="config")


def _check_parent(path: str) -> None:
    parts = path.strip("/").split("/") if path.strip("/") else []
    too_long = len(os.fsencode(path)) > _LONGEST_PATH or any(len(os.fsencode(part)) > _LONGEST_NAME for part in parts)
    if any(part in ("", ".", "..") for part in parts) or too_long or _CONTROL.search(path):
        raise InvalidArgument(f"cannot use settings: cgroup_parent {path!r} is no path of a cgroup", step="config")


def _check_machined(config: DaemonConfig) -> None:
    if config.machined and config.cgroup_driver == "cgroupfs":
        raise InvalidArgument(
            "cannot use settings: machined is for containers that are scopes, and cgroup_driver 'cgroupfs' makes none",
            step="config",
            hint="cgroup_driver = 'systemd', or 'auto'",
        )


def _check_group(config: DaemonConfig) -> None:
    if config.socket_group:
        sockets.check_group("socket_group", config.socket_group)
    folder = os.path.dirname(os.path.normpath(config.socket))
    if config.socket_group and (folder + "/").startswith(os.path.normpath(config.state_dir) + "/"):
        raise InvalidArgument(
            f"cannot use settings: group {config.socket_group!r} could not reach {config.socket!r}, "
            f"since {config.state_dir!r} is root's alone",
            step="config",
            hint="give a --socket in another directory",
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pycontainerd", description="A container daemon.", epilog=_EPILOG, allow_abbrev=False
    )
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
        return tomllib.loads(_text(path))
    except FileNotFoundError:
        if not required:
            return {}
        raise InvalidArgument(f"cannot read settings {path!r}: no such file", step="config", errno="ENOENT") from None
    except RecursionError as problem:
        raise InvalidArgument(f"cannot read settings {path!r}: it is nested too deep", step="config") from problem
    except (OSError, ValueError) as problem:
        raise InvalidArgument(f"cannot read settings {path!r}: {problem}", step="config") from problem


def _text(path: str) -> str:
    """Raises OSError, ValueError. At SIGHUP too, so neither a pipe nor a file without an end may hold up the daemon."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is no regular file")
        data = file.read(_LARGEST_FILE + 1)
    if len(data) > _LARGEST_FILE:
        raise ValueError(f"it is larger than {_LARGEST_FILE} bytes")
    return data.decode()
