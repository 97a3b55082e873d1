"""The devices controller (Documentation/admin-guide/cgroup-v1/devices.rst)."""

from __future__ import annotations

from containerd_py.runtime.cgroups.resources import DeviceRule, FileValue, Resources

# Without these no container works (runtime specification, "Default Devices"); they are allowed after what was asked.
ALWAYS_ALLOWED = (
    DeviceRule(allow=True, kind="c", access="m"),
    DeviceRule(allow=True, kind="b", access="m"),
    *(DeviceRule(allow=True, kind="c", major=1, minor=minor) for minor in (3, 5, 7, 8, 9)),
    *(DeviceRule(allow=True, kind="c", major=5, minor=minor) for minor in (0, 1, 2)),
    DeviceRule(allow=True, kind="c", major=136),
)


def values(resources: Resources) -> tuple[FileValue, ...]:
    if not resources.devices:
        return ()
    return tuple(_value(rule) for rule in (*resources.devices, *ALWAYS_ALLOWED))


def _value(rule: DeviceRule) -> FileValue:
    name = "devices.allow" if rule.allow else "devices.deny"
    if rule.kind == "a":
        return FileValue(name, "a")
    return FileValue(name, f"{rule.kind} {_number(rule.major)}:{_number(rule.minor)} {rule.access}")


def _number(value: int | None) -> str:
    return "*" if value is None or value < 0 else str(value)
