"""What every container may use, whatever its list says."""

from __future__ import annotations

from containerd_py.runtime.cgroups.resources import DeviceRule

# Without these no container works (runtime specification, "Default Devices"); they are allowed after what was asked.
ALWAYS_ALLOWED = (
    DeviceRule(allow=True, kind="c", access="m"),
    DeviceRule(allow=True, kind="b", access="m"),
    *(DeviceRule(allow=True, kind="c", major=1, minor=minor) for minor in (3, 5, 7, 8, 9)),
    *(DeviceRule(allow=True, kind="c", major=5, minor=minor) for minor in (0, 1, 2)),
    DeviceRule(allow=True, kind="c", major=136),
)


def with_default_devices(rules: tuple[DeviceRule, ...]) -> tuple[DeviceRule, ...]:
    """Return the whole list to be enforced; nothing where nothing was asked for."""
    return (*rules, *ALWAYS_ALLOWED) if rules else ()
