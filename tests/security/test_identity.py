"""R8: a payload is who the document says, and nobody else; it inherits no capability.

[CVE-2024-40635, CVE-2022-24769, CVE-2022-27650, CVE-2022-29162]
"""

import itertools
from typing import Any

import pytest

from tests.oci.containers import Container, Containers, cgroups_of

SOME, KEPT = ["CAP_CHOWN", "CAP_KILL"], ["CAP_CHOWN"]
IDS = [(0, 0, ()), (1000, 1000, (5, 7)), (2**31 - 1, 2**31 - 1, (2**31 - 1,)), (0, 1000, (0,)), (1000, 0, ())]
SETS: dict[str, dict[str, list[str]]] = {
    "none": {},
    "bounding": {"bounding": SOME},
    "permitted": {"bounding": SOME, "permitted": SOME, "effective": SOME},
    "ambient": {"bounding": SOME, "permitted": SOME, "effective": SOME, "inheritable": KEPT, "ambient": KEPT},
}
BITS = {"CAP_CHOWN": 1 << 0, "CAP_KILL": 1 << 5}
STATUS = "grep -E '^(Uid|Gid|Groups|Cap)' /proc/self/status"


def bits(names: list[str]) -> int:
    return sum(BITS[name] for name in names)


def fields(told: str) -> dict[str, list[str]]:
    return {name: value.split() for name, value in (line.split(":", 1) for line in told.splitlines())}


def hold(status: dict[str, list[str]], identity: tuple[int, int, tuple[int, ...]], sets: dict[str, list[str]]) -> None:
    """Hold what a payload is against what was asked for, by the rules of execve(2) for root and for others."""
    uid, gid, groups = identity
    assert status["Uid"] == [str(uid)] * 4
    assert status["Gid"] == [str(gid)] * 4
    assert sorted(status["Groups"]) == sorted(map(str, groups))
    bounding, inheritable, ambient = (bits(sets.get(name, [])) for name in ("bounding", "inheritable", "ambient"))
    expected = bounding | inheritable if uid == 0 else ambient
    told = {name: int(status[name][0], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    assert told == {
        "CapInh": inheritable,
        "CapPrm": expected,
        "CapEff": expected,
        "CapBnd": bounding,
        "CapAmb": ambient,
    }


def asked(identity: tuple[int, int, tuple[int, ...]], sets: dict[str, list[str]]) -> dict[str, Any]:
    uid, gid, groups = identity
    user = {"uid": uid, "gid": gid, "additionalGids": list(groups)}
    return {"process.user": user, "process.capabilities": sets, "process.noNewPrivileges": False}


MATRIX = list(itertools.product(IDS, SETS))


def test_who_is_run(oci: Containers) -> None:
    for identity, name in MATRIX:
        told = oci.sh(STATUS, asked(identity, SETS[name]))
        hold(fields(told), identity, SETS[name])
        oci.made.pop()


@pytest.mark.lacks("crun", "is root where nobody is told")
def test_who_is_run_further(oci: Containers) -> None:
    """The container's own identity, and another's with the container's rights."""
    for name in SETS:
        box = oci.start(asked(IDS[1], SETS[name]))
        hold(fields(box.sh(STATUS)), IDS[1], SETS[name])
        told = box.exec("--user", "0:0", "--additional-gids", "9", "--", "/bin/sh", "-c", STATUS)
        hold(fields(told.ok().stdout), (0, 0, (*IDS[1][2], 9)), SETS[name])


@pytest.mark.lacks("runc<1.1.2", "CVE-2022-29162")
def test_a_capability_that_is_added_is_not_inheritable(oci: Containers) -> None:
    box: Container = oci.start({"process.capabilities": SETS["permitted"]})
    told = fields(box.exec("--cap", "CAP_CHOWN", "--", "/bin/sh", "-c", STATUS).ok().stdout)
    assert int(told["CapInh"][0], 16) == 0
    assert int(told["CapAmb"][0], 16) == 0


NUMBERS: list[Any] = [
    -1,
    -2,
    2**31,
    2**32 - 1,
    2**32,
    2**32 + 1000,
    2**63,
    2**64,
    10**30,
    True,
    1.5,
    0.0,
    "0",
    "root",
    [0],
    {},
]


@pytest.mark.lacks("crun", "takes some of them for numbers")
def test_what_is_no_identity_is_refused_everywhere(oci: Containers) -> None:
    for value in NUMBERS:
        for user in ({"uid": value, "gid": 0}, {"uid": 0, "gid": value}, {"uid": 0, "gid": 0, "additionalGids": [value]}):
            told = oci.run({"process.user": user, "process.args": ["/bin/echo", "ran"]})
            assert (bool(told.code), told.stdout) == (True, ""), user
            assert not list(cgroups_of(oci.made.pop().id)), user


GIVEN = [
    "-1",
    "0:-1",
    "4294967295",
    "4294967296",
    "0:4294967296",
    "2147483648",
    "1e3",
    " 0",
    "0 ",
    "0x0",
    "٠",
    "0:0:0",
    ":",
]


@pytest.mark.lacks("crun", "takes what is no number for 0, or cuts it off")
@pytest.mark.lacks("runc", "takes 2³² for 0, as CVE-2024-40635")
def test_who_is_to_run_further_is_read_strictly(oci: Containers) -> None:
    box = oci.start()
    for value in GIVEN:
        told = box.exec("--user", value, "--", "/bin/echo", "ran")
        assert (bool(told.code), told.stdout) == (True, ""), value
