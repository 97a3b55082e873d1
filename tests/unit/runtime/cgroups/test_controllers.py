"""Resources become the text of control files."""

import pytest

from containerd_py.runtime.cgroups.resources import DeviceRule, FileValue, Resources
from containerd_py.runtime.cgroups.v1 import devices, pids
from containerd_py.runtime.cgroups.v2 import pids as v2_pids


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (None, ()),
        (-1, (FileValue("pids.max", "max"),)),
        (0, (FileValue("pids.max", "0"),)),
        (128, (FileValue("pids.max", "128"),)),
    ],
)
def test_pids(limit: int | None, expected: tuple[FileValue, ...]) -> None:
    assert pids.values(Resources(pids_limit=limit)) == expected
    assert v2_pids.values(Resources(pids_limit=limit)) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (DeviceRule(allow=False), FileValue("devices.deny", "a")),
        (DeviceRule(allow=True), FileValue("devices.allow", "a")),
        (DeviceRule(allow=True, kind="c", major=10, minor=229), FileValue("devices.allow", "c 10:229 rwm")),
        (DeviceRule(allow=True, kind="b", major=8, access="r"), FileValue("devices.allow", "b 8:* r")),
        (DeviceRule(allow=False, kind="c", major=-1, minor=-1, access="w"), FileValue("devices.deny", "c *:* w")),
        (DeviceRule(allow=True, kind="c", major=0, minor=0), FileValue("devices.allow", "c 0:0 rwm")),
    ],
)
def test_a_device_rule(rule: DeviceRule, expected: FileValue) -> None:
    assert devices.values(Resources(devices=(rule,)))[0] == expected


def test_rules_keep_their_order_and_the_default_devices_come_last() -> None:
    """The last rule counts: a list that denies everything must still leave /dev/null and terminals."""
    rules = (DeviceRule(allow=False), DeviceRule(allow=True, kind="c", major=10, minor=200))
    found = [(value.name.removeprefix("devices."), value.text) for value in devices.values(Resources(devices=rules))]
    assert found == [
        ("deny", "a"),
        ("allow", "c 10:200 rwm"),
        ("allow", "c *:* m"),
        ("allow", "b *:* m"),
        *(("allow", f"c 1:{minor} rwm") for minor in (3, 5, 7, 8, 9)),
        *(("allow", f"c 5:{minor} rwm") for minor in (0, 1, 2)),
        ("allow", "c 136:* rwm"),
    ]


def test_without_rules_nothing_is_written() -> None:
    assert devices.values(Resources(pids_limit=5)) == ()


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        (Resources(), ()),
        (Resources(pids_limit=-1), ("pids",)),
        (Resources(devices=(DeviceRule(allow=False),)), ("devices",)),
        (Resources(pids_limit=1, devices=(DeviceRule(allow=False),)), ("pids", "devices")),
    ],
)
def test_only_controllers_that_are_needed_are_named(resources: Resources, expected: tuple[str, ...]) -> None:
    assert resources.controllers() == expected
