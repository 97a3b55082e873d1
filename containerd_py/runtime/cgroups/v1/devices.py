"""The devices controller (Documentation/admin-guide/cgroup-v1/devices.rst)."""

from __future__ import annotations

from containerd_py.runtime.cgroups.devices.rules import with_default_devices
from containerd_py.runtime.cgroups.resources import FileValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.cgroups.resources import DeviceRule, Read, Resources


def values(resources: Resources, _read: Read) -> tuple[FileValue, ...]:
    return tuple(_value(rule) for rule in with_default_devices(resources.devices))


def _value(rule: DeviceRule) -> FileValue:
    name = "devices.allow" if rule.allow else "devices.deny"
    if rule.kind == "a":
        return FileValue(name, "a")
    return FileValue(name, f"{rule.kind} {_number(rule.major)}:{_number(rule.minor)} {rule.access}")


def _number(value: int | None) -> str:
    return "*" if value is None else str(value)
