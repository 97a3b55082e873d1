"""`--cap-add`, `--device`, `--ulimit`, `--security-opt` and the like → what the creation request says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from containerd_py.cli.sizes import parse_size
from containerd_py.errors import InvalidArgument
from containerd_py.wire import DeviceSpec, Ulimit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containerd_py.cli.isolation_options import IsolationOptions

_TRUTH = {"": True, "true": True, "false": False}
_ALREADY = ("apparmor=unconfined", "label=disable", "label:disable")
"""What docker and podman are told so, is so here always."""


def parse_isolation(options: IsolationOptions) -> dict[str, Any]:
    """Return the fields of `wire.Isolation` that were given. Raises InvalidArgument."""
    given = {
        "privileged": options.privileged or None,
        "cap_add": tuple(options.cap_add or ()),
        "cap_drop": tuple(options.cap_drop or ()),
        "devices": tuple(_device(text) for text in options.device or ()),
        "additional_groups": tuple(options.group_add or ()),
        "ulimits": dict(_ulimit(text) for text in options.ulimit or ()),
        "sysctls": dict(_sysctl(text) for text in options.sysctl or ()),
        "oom_score_adj": options.oom_score_adj,
        "shm_size_bytes": None if options.shm_size is None else parse_size(options.shm_size, "--shm-size"),
        "pid": options.pid and options.pid.value,
        "ipc": options.ipc and options.ipc.value,
        "uts": options.uts and options.uts.value,
        "cgroup": options.cgroupns and options.cgroupns.value,
        **_security(options.security_opt or ()),
    }
    return {name: value for name, value in given.items() if value not in (None, (), {})}


def _device(text: str) -> DeviceSpec:
    """Read "/dev/fuse", "/dev/sda:/dev/xvda", "/dev/sda:r" and "/dev/sda:/dev/xvda:rw", as docker does."""
    path, *rest = text.split(":")
    target = rest.pop(0) if rest and rest[0].startswith("/") else None
    if len(rest) > 1 or (rest and (not rest[0] or set(rest[0]) - set("rwm"))) or not path.startswith("/"):
        raise _wrong(f"--device {text!r}", "write SRC, SRC:DST or SRC:DST:rwm, with paths from '/' on")
    return DeviceSpec(path=path, target=target, **({"access": rest[0]} if rest else {}))


def _ulimit(text: str) -> tuple[str, Ulimit]:
    name, _, limits = text.partition("=")
    soft, colon, hard = limits.partition(":")
    try:
        return name, Ulimit(soft=_limit(soft), hard=_limit(hard if colon else soft))
    except ValueError as problem:
        raise _wrong(f"--ulimit {text!r}", "write NAME=SOFT or NAME=SOFT:HARD; -1, or unlimited, is no limit") from problem


def _limit(text: str) -> int:
    return -1 if text == "unlimited" else int(text)


def _sysctl(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise _wrong(f"--sysctl {text!r}", "write NAME=VALUE")
    return name, value


def _security(options: Iterable[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in options:
        name, _, value = text.replace(":", "=", 1).partition("=")
        if name == "no-new-privileges" and value in _TRUTH:
            found["no_new_privileges"] = _TRUTH[value]
        elif name == "seccomp" and value in ("unconfined", "builtin"):
            found["seccomp"] = "unconfined" if value == "unconfined" else "default"
        elif (name, value) in (("systempaths", "unconfined"), ("unmask", "ALL")):
            found["system_paths"] = "unconfined"
        elif text not in _ALREADY:
            hint = "there are no-new-privileges, seccomp=unconfined and systempaths=unconfined; others go into a bundle"
            raise _wrong(f"--security-opt {text!r}", hint)
    return found


def _wrong(option: str, hint: str) -> InvalidArgument:
    return InvalidArgument(f"cannot read the options: {option} has another form", step="parse", hint=hint)
