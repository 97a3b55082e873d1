"""What this host lacks is told by its place in the document."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from containerd_py.errors import InvalidArgument, NotSupported
from containerd_py.runtime.intel_rdt import find_resctrl
from containerd_py.runtime.requirements import apparmor_enabled, check_host, selinux_enabled
from containerd_py.runtime.spec.models import Spec

MakeSpec = Callable[[dict[str, Any]], Spec]


@pytest.mark.parametrize(
    ("path", "value", "there"),
    [
        ("process.apparmorProfile", "box", apparmor_enabled),
        ("process.selinuxLabel", "u:r:t:s0", selinux_enabled),
        ("linux.intelRdt", {}, lambda: find_resctrl() is not None),
    ],
)
def test_what_the_host_lacks_is_named(make_spec: MakeSpec, path: str, value: object, there: Callable[[], bool]) -> None:
    if there():
        check_host(make_spec({path: value}))
        return
    with pytest.raises(NotSupported, match=f"^cannot serve OCI document: {path}: "):
        check_host(make_spec({path: value}))


def test_an_ordinary_document_asks_for_nothing(make_spec: MakeSpec) -> None:
    check_host(make_spec({"process.apparmorProfile": "", "process.selinuxLabel": ""}), may_drop_groups=False)


def test_additional_groups_need_setgroups(make_spec: MakeSpec) -> None:
    spec = make_spec({"process.user": {"additionalGids": [5]}})
    check_host(spec)
    with pytest.raises(InvalidArgument, match=r"process\.user\.additionalGids: setgroups is denied"):
        check_host(spec, may_drop_groups=False)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"linux.sysctl": {"net.core.somaxconn": "1"}}, r"linux\.sysctl\.net\.core\.somaxconn"),
        ({"linux.netDevices": {"eth0": {}}}, r"linux\.netDevices"),
    ],
)
def test_the_hosts_own_network_is_not_joined_and_changed(make_spec: MakeSpec, changes: dict[str, Any], told: str) -> None:
    def joined(path: str) -> Spec:
        namespaces = [{"type": "mount"}, {"type": "network", "path": path}]
        return make_spec({"linux.namespaces": namespaces, **changes})

    with pytest.raises(InvalidArgument, match=f"{told}: the network namespace that is joined is the host's$"):
        check_host(joined(f"/proc/{os.getpid()}/ns/net"))
    check_host(joined("/proc/self/ns/uts"))
    check_host(joined("/nowhere"))
