"""Attributes of processes that enter a container, and of those in user namespaces. Needs root and busybox."""

import os
from pathlib import Path
from typing import Any

import pytest

from containerd_py.errors import InvalidArgument
from containerd_py.runtime import WaitStatus
from containerd_py.runtime.linux.process import capget
from tests.integration.runtime.workshop import OWN, Workshop, process

OK = WaitStatus(0, None)
_CAP_SYS_RESOURCE = 24
RANGES = [{"containerID": 0, "hostID": 100_000, "size": 1000}]
USER: dict[str, Any] = {
    "linux.namespaces": [*OWN, {"type": "user"}],
    "linux.uidMappings": RANGES,
    "linux.gidMappings": RANGES,
}


@pytest.fixture
def user_shop(shop: Workshop, rootfs: Path) -> Workshop:
    """Its root file system may be written to by anybody, so that places to mount on can be made."""
    rootfs.chmod(0o777)
    return shop


def run_in(shop: Workshop, script: str, container: dict[str, Any] | None = None, **fields: Any) -> tuple[WaitStatus, str]:
    """Run a script in a container that sleeps; return how it ended and what it wrote."""
    sleeping = shop.sleeping(container)
    execution = sleeping.exec(process("/bin/sh", "-c", script, **fields))
    try:
        return execution.wait(), shop.read()
    finally:
        execution.close()


@pytest.mark.parametrize(
    ("fields", "script", "expected"),
    [
        ({"oomScoreAdj": 55}, "cat /proc/self/oom_score_adj", "55"),
        ({"execCPUAffinity": {"final": "0"}}, "grep Cpus_allowed_list /proc/self/status", "Cpus_allowed_list:\t0"),
        ({"execCPUAffinity": {"initial": "0"}}, "grep Cpus_allowed_list /proc/self/status", "Cpus_allowed_list:\t0"),
        ({"ioPriority": {"class": "IOPRIO_CLASS_IDLE"}}, "busybox ionice", "idle"),
        ({"rlimits": [{"type": "RLIMIT_CORE", "soft": 5 * 512, "hard": 5 * 512}]}, "ulimit -c", "5"),
        ({"user": {"uid": 7, "gid": 8, "additionalGids": [9], "umask": 0o27}}, "echo $(id -u; id -G; umask)", "7 8 9 0027"),
        ({"noNewPrivileges": True}, "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1"),
    ],
)
def test_a_process_that_enters_has_attributes_of_its_own(
    shop: Workshop, fields: dict[str, Any], script: str, expected: str
) -> None:
    assert run_in(shop, script, **fields) == (OK, f"{expected}\n")


def test_a_process_that_enters_has_the_containers_execution_domain(shop: Workshop) -> None:
    status, output = run_in(shop, "busybox uname -m", {"linux.personality": {"domain": "LINUX32"}})
    assert (status, output != f"{os.uname().machine}\n") == (OK, True)


def test_a_document_that_contradicts_itself_is_refused(shop: Workshop) -> None:
    with pytest.raises(InvalidArgument, match=r"process\.execCPUAffinity\.final"):
        run_in(shop, "true", execCPUAffinity={"final": "x"})


@pytest.mark.parametrize("value", [0, 500])
def test_the_oom_killers_choice_in_a_user_namespace(user_shop: Workshop, value: int) -> None:
    changes = USER | {"process.oomScoreAdj": value}
    assert user_shop.run("cat /proc/self/oom_score_adj", changes) == (OK, f"{value}\n")


def test_the_oom_killers_choice_is_lowered_in_a_user_namespace_by_the_parent(user_shop: Workshop) -> None:
    if not capget()[0] >> _CAP_SYS_RESOURCE & 1:
        pytest.skip("the caller may not lower it")
    changes = USER | {"process.oomScoreAdj": -500}
    assert user_shop.run("cat /proc/self/oom_score_adj", changes) == (OK, "-500\n")


@pytest.mark.parametrize("value", [-500, 500])
def test_the_oom_killers_choice_of_a_process_that_enters_a_user_namespace(user_shop: Workshop, value: int) -> None:
    """From inside it could be raised only, by a process that the payload may trace meanwhile."""
    if value < 0 and not capget()[0] >> _CAP_SYS_RESOURCE & 1:
        pytest.skip("the caller may not lower it")
    assert run_in(user_shop, "cat /proc/self/oom_score_adj", USER, oomScoreAdj=value) == (OK, f"{value}\n")


def test_kernel_parameters_of_namespaces_that_a_user_namespace_owns(user_shop: Workshop) -> None:
    changes = USER | {"linux.sysctl": {"net.ipv4.ip_forward": "1", "kernel.domainname": "lan"}}
    status, output = user_shop.run("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/domainname", changes)
    assert (status, output) == (OK, "1\nlan\n")


def test_identity_and_capabilities_in_a_user_namespace(user_shop: Workshop) -> None:
    sets = {name: ["CAP_KILL"] for name in ("bounding", "permitted", "effective", "inheritable", "ambient")}
    changes = USER | {"process.user": {"uid": 5, "gid": 6, "additionalGids": [7]}, "process.capabilities": sets}
    status, output = user_shop.run("id -u; id -G; grep CapEff /proc/self/status", changes)
    assert (status, output.split()) == (OK, ["5", "6", "7", "CapEff:", f"{1 << 5:016x}"])
