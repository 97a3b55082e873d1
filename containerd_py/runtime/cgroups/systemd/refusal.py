"""What it means that systemd does not do what it was asked for: whose fault it is, and whether to try again."""

from __future__ import annotations

from containerd_py.errors import (
    Conflict,
    ContainerdError,
    DeadlineExceeded,
    Forbidden,
    InvalidArgument,
    NotFound,
    NotSupported,
    Unavailable,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from containerd_py.runtime.cgroups.systemd.conversation import BusError
    from containerd_py.runtime.cgroups.systemd.property import Property

UNIT_EXISTS = "org.freedesktop.systemd1.UnitExists"
NO_SUCH_UNIT = "org.freedesktop.systemd1.NoSuchUnit"
_READ_ONLY = "org.freedesktop.DBus.Error.PropertyReadOnly"
_DENIED = (
    "org.freedesktop.DBus.Error.AccessDenied",
    "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
    "org.freedesktop.DBus.Error.AuthFailed",
)
_KINDS: dict[str, tuple[type[ContainerdError], str | None]] = {
    UNIT_EXISTS: (Conflict, "systemctl status tells whose it is: stop it, or choose another id"),
    NO_SUCH_UNIT: (NotFound, None),
    "org.freedesktop.DBus.Error.InvalidArgs": (InvalidArgument, None),
    "org.freedesktop.DBus.Error.PropertyReadOnly": (NotSupported, None),
    "org.freedesktop.DBus.Error.UnknownProperty": (NotSupported, None),
    "org.freedesktop.DBus.Error.UnknownMethod": (NotSupported, "is it systemd, of version 252 or later?"),
    "org.freedesktop.DBus.Error.NotSupported": (NotSupported, None),
    "System.Error.ENXIO": (InvalidArgument, "its value is of another type: org.freedesktop.systemd1(5) has them"),
    "org.freedesktop.systemd1.UnitMasked": (Conflict, "a unit of that name is masked: systemctl unmask"),
    "org.freedesktop.systemd1.ShuttingDown": (Unavailable, "the host is being shut down"),
    "org.freedesktop.systemd1.TransactionIsDestructive": (Unavailable, "is the host being shut down?"),
    "org.freedesktop.systemd1.OnlyByDependency": (Conflict, None),
}
_RETRY = "try again"
_RESULTS: dict[str, tuple[type[ContainerdError], str, str | None]] = {
    "failed": (Unavailable, "systemd could not put its process there", "journalctl tells why; did the process end?"),
    "canceled": (Conflict, "somebody has cancelled it, or stopped it at once", "systemctl stop, or a shutdown?"),
    "dependency": (Conflict, "something that it depends on did not start", "is its slice masked? systemctl status tells"),
    "timeout": (Unavailable, "systemd gave it up", _RETRY),
    "skipped": (Conflict, "systemd has skipped it", None),
    "invalid": (Conflict, "a scope cannot be started again", None),
    "assert": (Conflict, "an assertion of a unit does not hold", None),
}


def refused(task: str, error: BusError, properties: Sequence[Property] = ()) -> ContainerdError:
    """Return what an answered error means. task: "start scope 'x.scope'"; properties: what was asked for."""
    if error.name in _DENIED:
        hint = (
            "run as root, allow it by a polkit rule (org.freedesktop.systemd1.manage-units), or use the user's own manager"
        )
        return Forbidden(f"cannot {task}: {error.text or error.name}", step="systemd", errno="EACCES", hint=hint)
    named = next((one for one in properties if one.name in error.text.split() or f"{one.name}," in error.text), None)
    asked = f" ({named.asked_by})" if named is not None and named.asked_by else ""
    if named is not None and error.name == _READ_ONLY:
        told = f"cannot {task}: this systemd has no property {named.name}{asked}"
        return NotSupported(told, step="systemd", hint="a later version may; or have cgroups made without systemd")
    if not asked:
        asked = _annotations(properties)
    kind, advice = _KINDS.get(error.name, (Unavailable, _RETRY))
    return kind(f"cannot {task}: {error.text or error.name}{asked}", step="systemd", hint=advice)


def _annotations(properties: Sequence[Property]) -> str:
    """systemd names no property whose value has another type than it reads. Ours all have the right one."""
    found = [one.asked_by for one in properties if one.asked_by.startswith("annotations.")]
    return f" ({'one of ' if len(found) > 1 else ''}{', '.join(found)})" if found else ""


def gone(task: str, cause: str) -> Unavailable:
    return Unavailable(
        f"cannot {task}: systemd is gone ({cause})", step="systemd", hint="it may be back in a moment: try again"
    )


def late(task: str, timeout_s: float) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"cannot {task}: systemd did not answer in {timeout_s:g} s",
        step="systemd",
        hint="systemctl list-jobs shows what it is busy with; try again",
    )


def unfinished(task: str, result: str) -> ContainerdError:
    """Return what the result of a job means that is not "done"."""
    kind, cause, hint = _RESULTS.get(result, (Unavailable, f"its job ended with {result!r}", _RETRY))
    return kind(f"cannot {task}: {cause}", step="systemd", hint=hint)
