"""Options → the creation request. Errors are InvalidArgument and name the option; nothing is asked of the daemon."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from containerd_py.cli.health import HEALTH_OPTIONS, parse_health, parse_time
from containerd_py.cli.isolation import parse_isolation
from containerd_py.cli.mounts import parse_mount, parse_tmpfs, parse_volume
from containerd_py.cli.sizes import parse_size
from containerd_py.cli.variables import read_files
from containerd_py.errors import InvalidArgument
from containerd_py.wire import BundleSpec, ContainerSpec, CreateRequest, LogSpec, MountSpec, ResourcesSpec, UpdateRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from containerd_py.cli.limit_options import LimitOptions
    from containerd_py.cli.spec_options import SpecOptions

_NOT_GIVEN: tuple[object, ...] = (None, False, (), {})
_WITH_A_BUNDLE = (
    "bundle",
    "name",
    "interactive",
    "label",
    "label_file",
    "log_driver",
    "log_opt",
    "restart",
    "durable",
    "rm",
    "stop_signal",
    "stop_timeout",
    "init",
    "notify",
    "watchdog",
    *HEALTH_OPTIONS,
)
_FLAGS = {"args": "ARGS"}
_OPTION_OF = {
    "rootfs": "--rootfs",
    "bundle": "--bundle",
    "args": "ARGS",
    "name": "--name",
    "hostname": "--hostname",
    "user": "--user",
    "cwd": "--workdir",
    "env": "--env",
    "labels": "--label",
    "restart": "--restart",
    "stop_signal": "--stop-signal",
    "stop_timeout_s": "--stop-timeout",
    "pids": "--pids-limit",
    "memory_bytes": "--memory",
    "cpus": "--cpus",
    "memory_swap_bytes": "--memory-swap",
    "memory_reservation_bytes": "--memory-reservation",
    "cpu_shares": "--cpu-shares",
    "cpuset_cpus": "--cpuset-cpus",
    "cpuset_mems": "--cpuset-mems",
    "blkio_weight": "--blkio-weight",
    "cap_add": "--cap-add",
    "cap_drop": "--cap-drop",
    "devices": "--device",
    "ulimits": "--ulimit",
    "sysctls": "--sysctl",
    "oom_score_adj": "--oom-score-adj",
    "shm_size_bytes": "--shm-size",
    "interval_s": "--health-interval",
    "timeout_s": "--health-timeout",
    "start_period_s": "--health-start-period",
    "retries": "--health-retries",
    "watchdog_s": "--watchdog",
    "max_bytes": "--log-opt max-size",
    "max_files": "--log-opt max-file",
    "tag": "--log-opt tag",
    "additional_groups": "--group-add",
    "capabilities": "--cap",
}
"""What is typed for a field of the wire."""
_LIMIT_OF = {"memory": "memory_bytes", "cpus": "cpus", "pids_limit": "pids"}
_FORM_OF = {
    "--cpuset-cpus": "a list such as 0-3,7",
    "--cpuset-mems": "a list such as 0-3,7",
    "--name": "letters, digits, '_', '.', '+' and '-', at most 128, the first a letter or a digit",
    "--workdir": "an absolute path in the container",
    "--restart": "no, on-failure[:N], always or unless-stopped",
    "--stop-signal": "a signal's name or number: QUIT, SIGQUIT, 3",
}


def build_request(options: SpecOptions, environment: Mapping[str, str]) -> CreateRequest:
    """Return what to create; environment: where `-e NAME` without a value looks."""
    with reading():
        return _bundle(options) if options.bundle is not None else _container(options, environment)


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Tell what the wire does not take as an error that names its place."""
    try:
        yield
    except ValidationError as error:
        raise _unreadable(error) from error


def _bundle(options: SpecOptions) -> BundleSpec:
    for name in (field.name for field in dataclasses.fields(options)):
        if name not in _WITH_A_BUNDLE and getattr(options, name):
            flag = _FLAGS.get(name, "--" + name.replace("_", "-"))
            raise _wrong(f"{flag} does not go with --bundle", hint="write it into the bundle's config.json")
    return BundleSpec(bundle=os.path.abspath(options.bundle or ""), **_common(options))


def _container(options: SpecOptions, environment: Mapping[str, str]) -> ContainerSpec:
    if options.rootfs is None:
        raise _wrong("--rootfs is missing", hint="name a directory with --rootfs, or an OCI bundle with --bundle")
    args = (*(() if options.entrypoint is None else (options.entrypoint,)), *(options.args or ()))
    if not args:
        raise _wrong("there is no program to run", hint="name it and its arguments after the options")
    given: dict[str, Any] = {
        "env": parse_environment([*read_files(options.env_file), *(options.env or ())], environment),
        "cwd": options.workdir,
        "user": options.user,
        "hostname": options.hostname,
        "terminal": options.tty,
        "read_only": options.read_only,
        "mounts": _mounts(options),
        "resources": _resources(options),
        "network": None if options.network is None else options.network.value,
        "annotations": parse_labels(options.annotation or (), "--annotation"),
    }
    chosen = {name: value for name, value in given.items() if value not in _NOT_GIVEN} | parse_isolation(options)
    return ContainerSpec(rootfs=os.path.abspath(options.rootfs), args=args, **chosen, **_common(options))


def _mounts(options: SpecOptions) -> tuple[MountSpec, ...]:
    given = ((parse_volume, options.volume), (parse_mount, options.mount), (parse_tmpfs, options.tmpfs))
    return tuple(parse(text) for parse, texts in given for text in texts or ())


def _common(options: SpecOptions) -> dict[str, Any]:
    given = {
        "name": options.name,
        "labels": parse_labels([*read_files(options.label_file), *(options.label or ())]),
        "stdin": options.interactive,
        "log": _log(options),
        "restart": options.restart,
        "durable": options.durable,
        "auto_remove": options.rm,
        "stop_signal": options.stop_signal,
        "stop_timeout_s": options.stop_timeout,
        "init": options.init,
        "health": parse_health(options),
        "notify": options.notify,
        "watchdog_s": None if options.watchdog is None else parse_time(options.watchdog, "--watchdog"),
    }
    return {name: value for name, value in given.items() if value not in _NOT_GIVEN}


def _log(options: SpecOptions) -> LogSpec | None:
    """Read --log-driver, and "max-size=10m", "max-file=3" and "tag=web" of --log-opt."""
    given: dict[str, Any] = {} if options.log_driver is None else {"driver": options.log_driver.value}
    for option in options.log_opt or ():
        name, _, value = option.partition("=")
        if name == "max-size":
            given["max_bytes"] = parse_size(value, "--log-opt")
        elif name == "max-file" and value.isascii() and value.isdigit() and len(value) < 10:
            given["max_files"] = int(value)
        elif name == "tag":
            given["tag"] = value
        else:
            raise _wrong(f"--log-opt {option!r} is none of max-size=SIZE, max-file=NUMBER and tag=TEXT")
    return LogSpec(**given) if given else None


def _resources(options: SpecOptions) -> ResourcesSpec | None:
    given = limits_of(options)
    return ResourcesSpec(**given) if given else None


def limits_of(options: LimitOptions) -> dict[str, Any]:
    """Return the limits that were given, by their names of the wire."""
    given: dict[str, Any] = {
        "pids": options.pids_limit,
        "memory_bytes": _size(options.memory, "--memory"),
        "memory_swap_bytes": -1 if options.memory_swap == "-1" else _size(options.memory_swap, "--memory-swap"),
        "memory_reservation_bytes": _size(options.memory_reservation, "--memory-reservation"),
        "cpus": options.cpus,
        "cpu_shares": options.cpu_shares,
        "cpuset_cpus": options.cpuset_cpus,
        "cpuset_mems": options.cpuset_mems,
        "blkio_weight": options.blkio_weight,
    }
    return {name: value for name, value in given.items() if value is not None}


def _size(text: str | None, option: str) -> int | None:
    return None if text is None else parse_size(text, option)


def build_update(limits: LimitOptions, restart: str | None, *, durable: bool | None = None) -> UpdateRequest:
    """Return what to change; -1 lifts a limit."""
    lifted = {name for name in ("memory", "cpus", "pids_limit") if str(getattr(limits, name)) in ("-1", "-1.0")}
    given = limits_of(dataclasses.replace(limits, **dict.fromkeys(lifted)))
    given |= {_LIMIT_OF[name]: None for name in lifted}
    if not given and restart is None and durable is None:
        hint = "name a limit, such as --memory, or --restart or --durable"
        raise _wrong("nothing is to be changed", hint=hint)
    with reading():
        changes: dict[str, Any] = {"resources": ResourcesSpec(**given)} if given else {}
        changes |= {name: value for name, value in (("restart", restart), ("durable", durable)) if value is not None}
        return UpdateRequest(**changes)


def parse_environment(variables: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return K → V of "K=V"; of "K" the value that it has in `environment`, or nothing where it has none."""
    parsed: dict[str, str] = {}
    for variable in variables:
        name, separator, value = variable.partition("=")
        if not name:
            raise _wrong(f"--env {variable!r} has no name")
        if separator:
            parsed[name] = value
        elif name in environment:
            parsed[name] = environment[name]
    return parsed


def parse_labels(labels: Iterable[str], option: str = "--label") -> dict[str, str]:
    parsed = {label.partition("=")[0]: label.partition("=")[2] for label in labels}
    if "" in parsed:
        raise _wrong(f"{option} has no name")
    return parsed


def _unreadable(error: ValidationError) -> InvalidArgument:
    first = error.errors(include_url=False, include_context=False)[0]
    fields = [str(part) for part in first["loc"]]
    where = next((_OPTION_OF[one] for one in reversed(fields) if one in _OPTION_OF), ".".join(fields))
    cause = first["msg"].removeprefix("Value error, ")
    hint = _FORM_OF.get(where)
    if hint is not None and first["type"] == "string_pattern_mismatch":
        cause = "it has another form"
    told = f"{where} {first['input']!r}: " if where else ""  # else it is about several of them
    return _wrong(f"{told}{cause[:1].lower()}{cause[1:]}", hint=hint)


def _wrong(cause: str, hint: str | None = None) -> InvalidArgument:
    return InvalidArgument(f"cannot read the options: {cause}", step="parse", hint=hint)
