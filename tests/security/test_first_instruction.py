"""R9: what confines a program does so at its first instruction: membership, limits, filter, identity and capabilities.

The program has no library that could have begun before it: its entry point makes the denied call at once.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.oci.bundle import CAPABILITIES
from tests.oci.containers import Containers
from tests.security.conftest import Attack

ENOSPC = 28
CONTROLLERS = ("cpu", "memory", "pids")
RULE = {"names": ["keyctl"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSPC}
CONFINED = {
    "linux.seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [RULE]},
    "linux.resources": {"pids": {"limit": 100}, "memory": {"limit": 64 << 20}, "cpu": {"shares": 100}},
    "process.user": {"uid": 1000, "gid": 1001, "additionalGids": [1002]},
    "process.capabilities": {"bounding": CAPABILITIES},
}
NOTHING = "0" * 16


@pytest.fixture(autouse=True)
def program(oci: Containers, attack: Attack) -> None:
    attack("first", oci.rootfs / "bin/first")


def cgroups(told: str) -> dict[str, str]:
    """By controller, in v1; by "" in v2."""
    lines = (line.split(":", 2) for line in told.splitlines() if re.fullmatch(r"\d+:[^:]*:/.*", line))
    return {controller: path for _number, controllers, path in lines for controller in controllers.split(",")}


def held(told: str, *, no_new_privs: bool) -> None:
    """The program was held by all of `CONFINED`."""
    assert told.splitlines()[0] == "denied"
    status = dict(re.findall(r"^(\w+):\t(.*)$", told, re.MULTILINE))
    assert (status["Uid"], status["Gid"]) == ("1000\t1000\t1000\t1000", "1001\t1001\t1001\t1001")
    assert (status["CapEff"], status["CapPrm"], status["CapAmb"], status["CapInh"]) == (NOTHING,) * 4
    assert int(status["CapBnd"], 16).bit_count() == len(CAPABILITIES)
    assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", str(int(no_new_privs)))
    assert (status["SigBlk"], status["SigIgn"]) == (NOTHING, NOTHING)


@pytest.mark.parametrize("no_new_privs", [True, False], ids=["no new privileges", "new privileges"])
def test_what_is_run_is_confined_at_its_first_instruction(oci: Containers, *, no_new_privs: bool) -> None:
    changes: dict[str, Any] = {**CONFINED, "process.noNewPrivileges": no_new_privs, "process.args": ["/bin/first"]}
    box = oci.start(changes).await_status("stopped")
    held(told := box.output(), no_new_privs=no_new_privs)
    assert "Groups:\t1002" in told
    there = cgroups(told)
    assert {one for one in CONTROLLERS if one in there and not there[one].endswith(box.id)} == set()


@pytest.mark.lacks("crun", "lets what is run further gain privileges", some=True)
@pytest.mark.parametrize("no_new_privs", [True, False], ids=["no new privileges", "new privileges"])
def test_what_is_run_further_is_confined_at_its_first_instruction(oci: Containers, *, no_new_privs: bool) -> None:
    changes: dict[str, Any] = {**CONFINED, "process.noNewPrivileges": no_new_privs, "process.args": ["/bin/sleep", "1000"]}
    box = oci.start(changes)
    told = box.exec("--user", "1000:1001", "--", "/bin/first").stdout
    held(told, no_new_privs=no_new_privs)
    assert cgroups(told) == cgroups(Path(f"/proc/{box.pid}/cgroup").read_text())


def test_what_waits_for_its_start_is_in_its_cgroups(oci: Containers) -> None:
    box = oci.create({**CONFINED, "process.args": ["/bin/first"]})
    there = cgroups(Path(f"/proc/{box.pid}/cgroup").read_text())
    assert {one for one in CONTROLLERS if one in there and not there[one].endswith(box.id)} == set()
