"""Each check finds what it is for, at its path, and of its kind."""

from collections.abc import Callable
from typing import Any

import pytest

from containerd_py.errors import InvalidArgument, NotSupported
from containerd_py.runtime.spec import validate as checks
from containerd_py.runtime.spec.models import Spec
from containerd_py.runtime.spec.validate import validate

MakeSpec = Callable[[dict[str, Any]], Spec]

BIND = {"destination": "/data", "source": "/srv", "type": "bind"}
NAMESPACES = [{"type": "mount"}, {"type": "uts"}]


def test_a_small_document_is_right(make_spec: MakeSpec) -> None:
    validate(make_spec({}))


@pytest.mark.parametrize(
    "changes",
    [
        {"process.env": ["A=", "B=b=c"]},
        {"process.terminal": True, "process.consoleSize": {"height": 1, "width": 1}},
        {"process.rlimits": [{"type": "RLIMIT_CORE", "soft": 5, "hard": 5}]},
        {"process.capabilities": {"effective": ["CAP_KILL"], "permitted": ["CAP_KILL", "CAP_CHOWN"]}},
        {"hostname": "h" * 64, "domainname": "d"},
        {"mounts": [BIND, {"destination": "/proc", "type": "proc"}, {"destination": "/proc/uptime", **BIND} | BIND]},
        {"mounts": [BIND | {"destination": "/proc/uptime"}, BIND | {"destination": "proc/stat"}]},
        {"mounts": [{"destination": "/data", "source": "/srv", "options": ["rbind", "ro"]}]},
        {"linux.cgroupsPath": "/a/b"},
        {"linux.rootfsPropagation": "rprivate"},
        {"linux.rootfsPropagation": ""},
        {"linux.resources": {"pids": {"limit": 0}, "memory": {}, "hugepageLimits": []}},
        {"linux.sysctl": {}, "hooks": {}},
    ],
)
def test_what_is_right_passes(make_spec: MakeSpec, changes: dict[str, Any]) -> None:
    validate(make_spec(changes))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"process": None}, "process: is missing"),
        ({"process.args": []}, "process.args: must name a program"),
        ({"process.cwd": "tmp"}, "process.cwd: must be absolute, not 'tmp'"),
        ({"process.env": ["A=1", "B"]}, "process.env.1: must have the form NAME=value"),
        ({"process.env": ["=1"]}, "process.env.0: must have the form NAME=value"),
        ({"process.consoleSize": {"height": 1, "width": 1}}, "process.consoleSize: needs process.terminal"),
        (
            {"process.rlimits": [{"type": "RLIMIT_SPEED", "soft": 1, "hard": 1}]},
            "process.rlimits.0: unknown type 'RLIMIT_SPEED'",
        ),
        (
            {"process.rlimits": [{"type": "RLIMIT_CPU", "soft": 1, "hard": 1}] * 2},
            "process.rlimits.1: RLIMIT_CPU is given twice",
        ),
        (
            {"process.rlimits": [{"type": "RLIMIT_CPU", "soft": 2, "hard": 1}]},
            "process.rlimits.0: soft limit 2 is above hard limit 1",
        ),
        (
            {"process.capabilities": {"bounding": ["CAP_KILL", "CAP_FLY"]}},
            "process.capabilities.bounding.1: unknown capability 'CAP_FLY'",
        ),
        ({"process.capabilities": {"ambient": ["kill"]}}, "process.capabilities.ambient.0: unknown capability 'kill'"),
        (
            {"process.capabilities": {"effective": ["CAP_KILL"], "permitted": []}},
            "process.capabilities.effective: CAP_KILL is not in permitted",
        ),
        ({"linux.namespaces": [{"type": "pid"}]}, "linux.namespaces: a mount namespace is needed"),
        ({"linux.namespaces": [*NAMESPACES, {"type": "uts"}]}, "linux.namespaces: uts is given twice"),
        (
            {"linux.namespaces": [{"type": "mount"}], "hostname": "h"},
            "hostname: needs a uts namespace, or it would be the host's",
        ),
        (
            {"linux.namespaces": [{"type": "mount"}], "domainname": "h"},
            "domainname: needs a uts namespace, or it would be the host's",
        ),
        ({"hostname": "h" * 65}, "hostname: is longer than 64 bytes"),
        ({"domainname": "é" * 33}, "domainname: is longer than 64 bytes"),
        (
            {"mounts": [BIND | {"destination": "../data"}]},
            "mounts.0.destination: must be without '..', not '../data'",
        ),
        (
            {"mounts": [BIND, BIND | {"destination": "/a/../b"}]},
            "mounts.1.destination: must be without '..', not '/a/../b'",
        ),
        ({"mounts": [BIND | {"destination": "//"}]}, "mounts.0.destination: must not be the root"),
        ({"mounts": [BIND | {"destination": "/proc/self"}]}, "mounts.0.destination: '/proc/self' lies inside /proc"),
        ({"mounts": [BIND | {"destination": "//proc/./sys"}]}, "mounts.0.destination: '//proc/./sys' lies inside /proc"),
        ({"mounts": [{"destination": "/a", "type": "bind"}]}, "mounts.0.source: a bind needs a source"),
        ({"mounts": [{"destination": "/a", "options": ["rbind"]}]}, "mounts.0.source: a bind needs a source"),
        ({"mounts": [{"destination": "/a", "source": "/b"}]}, "mounts.0.type: is missing"),
        ({"linux.maskedPaths": ["proc"]}, "linux.maskedPaths.0: must be absolute, not 'proc'"),
        ({"linux.readonlyPaths": ["/a", "b"]}, "linux.readonlyPaths.1: must be absolute, not 'b'"),
        (
            {"linux.devices": [{"type": "p", "path": "/dev/../x"}]},
            "linux.devices.0.path: must be absolute and without '..', not '/dev/../x'",
        ),
        ({"linux.cgroupsPath": "/"}, "linux.cgroupsPath: must name a cgroup, without '..', not '/'"),
        ({"linux.cgroupsPath": "/a/../.."}, "linux.cgroupsPath: must name a cgroup, without '..', not '/a/../..'"),
        ({"root": {"path": ""}}, "root.path: is empty"),
        ({"linux.rootfsPropagation": "sideways"}, "linux.rootfsPropagation: unknown propagation 'sideways'"),
    ],
)
def test_what_contradicts_itself_is_refused(make_spec: MakeSpec, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        validate(make_spec(changes))
    assert caught.value.message == f"cannot use OCI document: {told}"
    assert caught.value.step == "validate"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"mounts": [BIND | {"options": ["rsync"]}]},
            "mounts.0.options: option 'rsync': the kernel knows it for a whole file system only",
        ),
        (
            {"process.scheduler": {"policy": "SCHED_ISO"}},
            "process.scheduler.policy: SCHED_ISO is reserved: no Linux implements it",
        ),
    ],
)
def test_what_is_right_but_not_served_is_told_as_such(make_spec: MakeSpec, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(NotSupported) as caught:
        validate(make_spec(changes))
    assert caught.value.message == f"cannot serve OCI document: {told}"
    assert caught.value.hint == "leave it out: it is not served yet"


NOT_SERVED: dict[str, Any] = {
    "solaris": {"a": 1},
    "windows": {"a": 1},
    "vm": {"a": 1},
    "zos": {"a": 1},
    "freebsd": {"a": 1},
}


@pytest.mark.parametrize(("path", "value"), NOT_SERVED.items())
def test_a_part_that_is_not_served_is_named_by_its_json_path(make_spec: MakeSpec, path: str, value: object) -> None:
    with pytest.raises(NotSupported, match=rf"^cannot serve OCI document: {path}$"):
        validate(make_spec({path: value}))


def test_every_part_that_is_not_served_has_its_case_above() -> None:
    assert len(checks.NOT_SERVED) == len(NOT_SERVED)


def test_what_is_wrong_comes_before_what_is_not_served(make_spec: MakeSpec) -> None:
    with pytest.raises(InvalidArgument, match=r"^cannot use OCI document: process\.args: must name a program$"):
        validate(make_spec({"process.args": [], "linux.mountLabel": "label"}))


def test_all_problems_are_told_at_once_up_to_five(make_spec: MakeSpec) -> None:
    with pytest.raises(InvalidArgument) as caught:
        validate(make_spec({"process.args": [], "process.cwd": "x", "linux.maskedPaths": list("abcde")}))
    assert [part.partition(":")[0] for part in caught.value.message.split(": ", 1)[1].split("; ")] == [
        *("process.args", "process.cwd"),
        *(f"linux.maskedPaths.{index}" for index in range(3)),
    ]


@pytest.mark.parametrize(
    ("annotation", "scheduler", "kind", "path"),
    [
        ("maybe", None, InvalidArgument, "annotations.org.pycontainerd.init"),
        ("", None, InvalidArgument, "annotations.org.pycontainerd.init"),
        ("true", {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_RESET_ON_FORK"]}, NotSupported, "process.scheduler.flags"),
        (
            "true",
            {"policy": "SCHED_DEADLINE", "runtime": 1024, "deadline": 2048},
            NotSupported,
            "process.scheduler.policy",
        ),
    ],
)
def test_what_an_init_process_does_not_go_with(
    make_spec: MakeSpec, annotation: str, scheduler: dict[str, Any] | None, kind: type[Exception], path: str
) -> None:
    with pytest.raises(kind, match=path):
        validate(make_spec({"annotations": {"org.pycontainerd.init": annotation}, "process.scheduler": scheduler}))
    validate(make_spec({"annotations": {"org.pycontainerd.init": "false"}, "process.scheduler": scheduler}))
