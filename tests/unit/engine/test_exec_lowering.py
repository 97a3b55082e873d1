"""A request for a further process becomes its document: what it does not say is as for the container's own."""

from typing import Any

import pytest

from containerd_py.engine.exec_lowering import lower, lowered
from containerd_py.errors import InvalidArgument
from containerd_py.runtime.spec.models import parse
from containerd_py.runtime.spec.process import CAPABILITY_SETS, Process
from containerd_py.runtime.spec.users import ResolvedUser
from containerd_py.wire import ExecSpec

OWN = Process.parse(
    {
        "terminal": True,
        "consoleSize": {"height": 1, "width": 2},
        "args": ["init"],
        "cwd": "/srv",
        "env": ["PATH=/bin", "HOME=/root", "A=1", "B=2"],
        "user": {"uid": 1, "gid": 2, "umask": 63, "additionalGids": [3]},
        "capabilities": {"bounding": ["CAP_KILL", "CAP_CHOWN"], "ambient": ["CAP_KILL"]},
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 9, "soft": 9}],
        "noNewPrivileges": True,
        "oomScoreAdj": 100,
    }
)
ANN = ResolvedUser(1000, 1001, (10,), "/home/ann")


def request(**fields: Any) -> ExecSpec:
    return ExecSpec(args=("sh",), **fields)


def document(made: Process) -> dict[str, Any]:
    return made.document()


def test_what_is_not_said_is_as_for_the_containers_own_process() -> None:
    expected = document(OWN) | {"args": ["sh"], "terminal": False}
    del expected["consoleSize"]
    assert document(lowered(request(), OWN, None, ())) == expected


def test_the_container_and_its_process_stay_as_they_are() -> None:
    before = document(OWN)
    lowered(request(env={"A": "9"}, user="ann", privileged=True), OWN, ANN, (5,))
    assert document(OWN) == before


@pytest.mark.parametrize(
    ("fields", "user", "expected"),
    [
        ({}, None, ["PATH=/bin", "HOME=/root", "A=1", "B=2"]),
        ({"env": {"A": "9", "C": ""}}, None, ["PATH=/bin", "HOME=/root", "B=2", "A=9", "C="]),
        ({}, ANN, ["PATH=/bin", "A=1", "B=2", "HOME=/home/ann"]),
        ({"env": {"HOME": "/else"}}, ANN, ["PATH=/bin", "A=1", "B=2", "HOME=/else"]),
        ({"terminal": True}, None, ["PATH=/bin", "HOME=/root", "A=1", "B=2", "TERM=xterm"]),
        ({"terminal": True, "env": {"TERM": "vt100"}}, None, ["PATH=/bin", "HOME=/root", "A=1", "B=2", "TERM=vt100"]),
    ],
)
def test_environment(fields: dict[str, Any], user: ResolvedUser | None, expected: list[str]) -> None:
    assert list(lowered(request(**fields), OWN, user, ()).env) == expected


def test_users_and_groups() -> None:
    assert lowered(request(), OWN, None, (3, 4)).user.additional_gids == (3, 4)
    user = lowered(request(user="ann"), OWN, ANN, (4, 10)).user
    assert (user.uid, user.gid, user.umask, user.additional_gids) == (1000, 1001, 63, (10, 4))


def test_fewer_capabilities_and_all() -> None:
    fewer = lowered(request(capabilities=("CAP_KILL", "CAP_KILL")), OWN, None, ())
    assert fewer.capabilities is not None
    sets = {name: getattr(fewer.capabilities, name) for name in CAPABILITY_SETS}
    assert sets == dict.fromkeys(("bounding", "effective", "permitted"), ("CAP_KILL",)) | {"ambient": (), "inheritable": ()}
    assert fewer.no_new_privileges
    everything = lowered(request(privileged=True), OWN, None, ())
    assert everything.capabilities is not None
    assert everything.capabilities.effective == everything.capabilities.bounding == everything.capabilities.permitted
    assert not everything.no_new_privileges


@pytest.mark.parametrize(
    ("name", "cause"), [("CAP_SYS_ADMIN", "the container may not have it"), ("CAP_FLY", "no such"), ("kill", "no such")]
)
def test_more_capabilities_are_refused(name: str, cause: str) -> None:
    with pytest.raises(InvalidArgument, match=cause) as caught:
        lowered(request(capabilities=("CAP_KILL", name)), OWN, None, ())
    assert "capabilities[1]" in caught.value.message


def test_a_container_without_a_list_has_all() -> None:
    own = OWN.replace(capabilities=None)
    assert lowered(request(capabilities=("CAP_SYS_ADMIN",)), own, None, ()).capabilities is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"env": {"": "x"}},
        {"env": {"A=B": "x"}},
        {"privileged": True, "capabilities": ()},
        {"detach": True, "stdin": True},
        {"user": "1"},  # the root file system cannot be opened
    ],
)
async def test_what_contradicts_itself(fields: dict[str, Any]) -> None:
    spec = parse({"ociVersion": "1.2.0", "root": {"path": "/nonexistent"}, "process": document(OWN)})
    with pytest.raises(InvalidArgument):
        await lower(request(**fields), spec)
