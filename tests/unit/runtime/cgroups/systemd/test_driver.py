"""Where the cgroup of a scope lies, before systemd has made it."""

import pytest

from containerd_py.runtime.cgroups.layout import Layout
from containerd_py.runtime.cgroups.manager import CgroupManager
from containerd_py.runtime.cgroups.resources import DeviceRule, Resources
from containerd_py.runtime.cgroups.systemd.conversation import Greeted
from containerd_py.runtime.cgroups.systemd.driver import ScopeDriver
from containerd_py.runtime.cgroups.systemd.names import parse_place

AT = "/sys/fs/cgroup"
HYBRID = Layout(f"{AT}/unified", (), {"devices": f"{AT}/devices", "memory": f"{AT}/memory"})
EVERYTHING = DeviceRule(allow=True, kind="a", major=None, minor=None, access="rwm")
NOTHING = DeviceRule(allow=False, kind="a", major=None, minor=None, access="rwm")


@pytest.mark.parametrize(
    ("rules", "limited"),
    [((NOTHING,), True), ((EVERYTHING,), False), ((NOTHING, EVERYTHING), False), ((), False)],
    ids=["nothing", "everything", "everything at last", "no rules"],
)
def test_a_hierarchy_of_devices_is_joined_where_one_is_denied(rules: tuple[DeviceRule, ...], *, limited: bool) -> None:
    """systemd makes no cgroup there for a unit that may do everything: a privileged container would not be found in it."""
    driver = ScopeDriver(HYBRID, CgroupManager(HYBRID, privileged=True), Greeted(252, ""), user=False)
    found = driver.locate(parse_place("a.slice:x:y", "y", default_slice="system.slice"), Resources(devices=rules))
    assert (f"{AT}/devices/a.slice/x-y.scope" in found.v1) is limited
    assert f"{AT}/memory/a.slice/x-y.scope" in found.v1
