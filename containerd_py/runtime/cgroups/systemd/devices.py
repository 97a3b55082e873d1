"""DevicePolicy, DeviceAllow: every device that is allowed, so that systemd takes none away when it writes them again."""

from __future__ import annotations

from containerd_py.errors import NotSupported
from containerd_py.light.dataclasses import replace
from containerd_py.runtime.cgroups.devices.rules import with_default_devices
from containerd_py.runtime.cgroups.resources import DeviceRule
from containerd_py.runtime.cgroups.systemd.property import Property

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.cgroups.resources import Read, Resources
    from containerd_py.runtime.cgroups.systemd.property import Target

_ASKED_BY = "linux.resources.devices"
_KINDS = {"c": "char", "b": "block"}
_HINT = "deny all first, and then allow what there is to be allowed"


def properties(resources: Resources, _target: Target, _read: Read) -> Iterator[Property]:
    """Raises NotSupported for a list that takes single devices away from what it allows: systemd has no word for it."""
    if not resources.devices:
        return
    allowed = allowed_by(with_default_devices(resources.devices))
    yield Property("DevicePolicy", "s", "auto" if allowed is None else "strict", _ASKED_BY)
    yield Property("DeviceAllow", "a(ss)", [] if allowed is None else [_entry(rule) for rule in allowed], _ASKED_BY)


def allows_all(resources: Resources) -> bool:
    return allowed_by(with_default_devices(resources.devices)) is None


def allowed_by(rules: tuple[DeviceRule, ...]) -> tuple[DeviceRule, ...] | None:
    """Return what a list of rules allows, by rules that only allow; None where that is everything."""
    everything, allowed = True, list[DeviceRule]()
    for rule in rules:
        if rule.kind == "a":
            everything, allowed = rule.allow, []
        elif rule.allow:
            allowed += [] if everything or rule in allowed else [rule]
        elif everything:
            raise _inexpressible(rule)
        else:
            allowed = [kept for one in allowed if (kept := _without(one, rule)) is not None]
    return None if everything else tuple(allowed)


def _without(allowed: DeviceRule, denied: DeviceRule) -> DeviceRule | None:
    """Return what stays allowed: all of it, some of its access, or nothing."""
    if (
        allowed.kind != denied.kind
        or not _overlap(allowed.major, denied.major)
        or not _overlap(allowed.minor, denied.minor)
    ):
        return allowed
    access = "".join(letter for letter in allowed.access if letter not in denied.access)
    if access == allowed.access:
        return allowed
    if not (_covers(denied.major, allowed.major) and _covers(denied.minor, allowed.minor)):
        raise _inexpressible(denied)
    return replace(allowed, access=access) if access else None


def _overlap(one: int | None, other: int | None) -> bool:
    return one is None or other is None or one == other


def _covers(outer: int | None, inner: int | None) -> bool:
    return outer is None or outer == inner


def _inexpressible(rule: DeviceRule) -> NotSupported:
    numbers = ":".join("*" if number is None else str(number) for number in (rule.major, rule.minor))
    return NotSupported(
        f"cannot deny device {rule.kind} {numbers} {rule.access} ({_ASKED_BY}): systemd takes a list of what is allowed",
        step="cgroup",
        hint=_HINT,
    )


def _entry(rule: DeviceRule) -> tuple[str, str]:
    """By number, which no node has to be there for; a whole major number as a group of its own name ("char-136")."""
    if rule.minor is not None and rule.major is None:
        raise NotSupported(
            f"cannot allow device {rule.kind} *:{rule.minor} ({_ASKED_BY}): systemd takes no minor number alone",
            step="cgroup",
            hint="name the major number",
        )
    if rule.minor is not None:
        return f"/dev/{_KINDS[rule.kind]}/{rule.major}:{rule.minor}", rule.access
    return f"{_KINDS[rule.kind]}-{'*' if rule.major is None else rule.major}", rule.access
