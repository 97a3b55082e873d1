"""Defaults are valid, safe, and nobody's shared state."""

from collections.abc import Callable
from typing import Any

import pytest

from containerd_py.runtime.spec import defaults
from containerd_py.runtime.spec.models import Spec
from containerd_py.runtime.spec.process import CAPABILITIES
from containerd_py.runtime.spec.seccomp_profile import default_profile
from containerd_py.runtime.spec.validate import validate

MakeSpec = Callable[[dict[str, Any]], Spec]


def test_a_spec_of_defaults_is_valid(make_spec: MakeSpec) -> None:
    spec = make_spec({})
    assert spec.process is not None
    process = spec.process.replace(capabilities=defaults.capabilities())
    linux = spec.linux.replace(
        namespaces=defaults.namespaces(),
        masked_paths=defaults.MASKED_PATHS,
        readonly_paths=defaults.READONLY_PATHS,
        seccomp=default_profile(),
    )
    validate(spec.replace(process=process, linux=linux, mounts=defaults.mounts()))


def test_the_namespaces_are_all_that_need_no_mapping() -> None:
    types = {namespace.type for namespace in defaults.namespaces()}
    assert types == {"network", "pid", "ipc", "uts", "mount", "cgroup"}


@pytest.mark.parametrize(
    "name", ["CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_MKNOD", "CAP_SYS_PTRACE", "CAP_SYS_MODULE", "CAP_NET_RAW"]
)
def test_no_default_capability_reaches_the_host(name: str) -> None:
    sets = defaults.capabilities()
    assert name not in sets.bounding + sets.effective + sets.permitted


def test_nothing_is_inheritable_unless_asked_for() -> None:
    """CVE-2022-27650 and its family."""
    sets = defaults.capabilities()
    assert (sets.inheritable, sets.ambient) == ((), ())
    assert set(sets.bounding) == set(sets.permitted) == set(sets.effective) <= set(CAPABILITIES)


@pytest.mark.parametrize("path", ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/sys/firmware"])
def test_leaky_paths_are_masked(path: str) -> None:
    assert path in defaults.MASKED_PATHS


def test_no_default_mount_can_bring_a_setuid_program() -> None:
    assert all("nosuid" in mount.options for mount in defaults.mounts())


def test_sysfs_is_read_only() -> None:
    sysfs = next(mount for mount in defaults.mounts() if mount.type == "sysfs")
    assert "ro" in sysfs.options


def test_capabilities_have_the_kernel_s_numbers() -> None:
    """linux/capability.h"""
    known = {"CAP_CHOWN": 0, "CAP_KILL": 5, "CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21, "CAP_SETFCAP": 31, "CAP_BPF": 39}
    assert {name: CAPABILITIES.index(name) for name in known} == known
    assert (len(CAPABILITIES), CAPABILITIES[-1]) == (41, "CAP_CHECKPOINT_RESTORE")
