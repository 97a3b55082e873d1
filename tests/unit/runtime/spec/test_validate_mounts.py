"""Mounts, devices and other paths: what is wrong is told at its place, before anything is made."""

from collections.abc import Callable
from typing import Any

import pytest

from containerd_py.errors import InvalidArgument, NotSupported
from containerd_py.runtime.spec.models import Spec
from containerd_py.runtime.spec.validate import validate

MakeSpec = Callable[[dict[str, Any]], Spec]

BIND: dict[str, Any] = {"destination": "/data", "source": "/srv", "type": "bind"}
TMPFS: dict[str, Any] = {"destination": "/data", "type": "tmpfs"}
IDS = [{"containerID": 0, "hostID": 1000, "size": 10}]
BOTH = {"uidMappings": IDS, "gidMappings": IDS}
KINDS = [{"type": kind} for kind in ("mount", "uts", "user")]
USER = {"linux.namespaces": KINDS, "linux.uidMappings": IDS, "linux.gidMappings": IDS}
JOINED = {"linux.namespaces": [{"type": "mount"}, {"type": "user", "path": "/proc/7/ns/user"}]}


def device(kind: str = "c", **fields: Any) -> dict[str, Any]:
    return {"type": kind, "path": "/dev/x", "major": 1, "minor": 3, **fields}


@pytest.mark.parametrize(
    "changes",
    [
        {"mounts": [TMPFS | {"destination": "data"}]},
        {"mounts": [BIND | {"source": "relative"}]},
        {"mounts": [{"destination": "/data", "options": ["remount", "bind", "ro"]}]},
        {"mounts": [{"destination": "/proc/sys", "options": ["remount", "bind", "ro"]}]},
        {"mounts": [TMPFS | {"options": ["tmpcopyup", "size=" + "1" * 255]}]},
        {"mounts": [BIND | BOTH, BIND | BOTH | {"options": ["idmap"]}]},
        {"mounts": [BIND | {"options": ["idmap=uids=0-1-1;gids=0-1-1"]}]},
        {"mounts": [BIND | {"options": ["idmap"]}], **USER},
        {"mounts": [BIND | {"options": ["ridmap"]}], **JOINED},
        {"mounts": [{"destination": "/proc", "type": "proc"}, BIND | {"destination": "/proc"}]},
        {"mounts": [BIND | {"destination": "/proc/sys/kernel/ns_last_pid"}]},
        {"mounts": [{"destination": "/elsewhere", "type": "proc"}]},
        {"mounts": [{"destination": "/c", "type": "cgroup"}, {"destination": "/d", "type": "cgroup2"}]},
        {"mounts": [{"destination": "/dev/pts", "type": "devpts", "options": ["gid=5"]}]},
        {"mounts": [{"destination": "/dev/pts", "type": "devpts", "options": ["gid=9"]}], **USER},
        {"mounts": [{"destination": "/sys", "type": "sysfs", "options": ["ro"]}], **USER},
        {"mounts": [{"destination": "/sys", "type": "sysfs", "options": ["rro"]}], **USER},
        {"mounts": [{"destination": "/sys", "type": "sysfs"}]},
        {"linux.devices": [device(), device()]},
        {"linux.devices": [device(fileMode=0o20666)]},
        {"linux.devices": [device(), device("p", path="/p"), device("b", path="/b", major=4095, minor=2**20 - 1)]},
        {"linux.devices": [{"type": "p", "path": "/p"}]},
        *({"linux.rootfsPropagation": f"{r}{name}"} for r in ("", "r") for name in ("shared", "unbindable", "slave")),
        {"linux.mountLabel": "label"},
    ],
)
def test_what_is_right(make_spec: MakeSpec, changes: dict[str, Any]) -> None:
    validate(make_spec(changes))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"mounts": [TMPFS | {"destination": "./"}]}, "mounts.0.destination: must not be the root"),
        (
            {"mounts": [TMPFS, TMPFS | {"options": ["bind", "size=1"]}]},
            "mounts.1.options: option 'size=1': not an option of a bind",
        ),
        (
            {"mounts": [TMPFS | {"options": ["copy-symlink"]}]},
            "mounts.0.options: option 'copy-symlink': only an option of a bind",
        ),
        (
            {"mounts": [TMPFS | {"destination": "/proc"}]},
            "mounts.0.type: only proc may be mounted on /proc, not 'tmpfs'",
        ),
        ({"mounts": [BIND | {"destination": "proc/net"}]}, "mounts.0.destination: 'proc/net' lies inside /proc"),
        (
            {"mounts": [{"destination": "/data", "type": "ramfs", "options": ["tmpcopyup"]}]},
            "mounts.0.options: option 'tmpcopyup' is for a tmpfs, not for 'ramfs'",
        ),
        ({"mounts": [BIND | {"uidMappings": IDS}]}, "mounts.0.gidMappings: is missing: the other one is given"),
        ({"mounts": [BIND | {"gidMappings": IDS}]}, "mounts.0.uidMappings: is missing: the other one is given"),
        ({"mounts": [TMPFS | BOTH]}, "mounts.0.uidMappings: only a bind can be idmapped"),
        (
            {"mounts": [BIND | BOTH | {"options": ["remount"]}]},
            "mounts.0.uidMappings: only a bind can be idmapped",
        ),
        (
            {"mounts": [BIND | BOTH | {"options": ["idmap=uids=0-1-1;gids=0-1-1"]}]},
            "mounts.0.options: option 'idmap' has ranges, and there are uidMappings too",
        ),
        (
            {"mounts": [BIND | {"options": ["idmap"]}]},
            "mounts.0.options: option 'idmap' needs uidMappings, or a user namespace of the container",
        ),
        (
            {"mounts": [BIND | {"uidMappings": IDS * 2, "gidMappings": IDS}]},
            "mounts.0.uidMappings.1.containerID: overlaps with another range; "
            "mounts.0.uidMappings.1.hostID: overlaps with another range",
        ),
        (
            {"mounts": [{"destination": "/dev/pts", "type": "devpts", "options": ["gid=10"]}], **USER},
            "mounts.0.options: option 'gid=10': the user namespace maps no such id; leave it out, or map it in "
            "linux.gidMappings",
        ),
        (
            {"mounts": [{"destination": "/sys", "type": "sysfs"}], **USER},
            "mounts.0.options: sysfs can only be 'ro' where the user namespace has no network namespace of its own",
        ),
        ({"linux.devices": [device(path="dev/x")]}, "linux.devices.0.path: must be absolute and without '..', not 'dev/x'"),
        ({"linux.devices": [device(path="/.")]}, "linux.devices.0.path: must not be the root"),
        (
            {"linux.devices": [device(), device(path="/dev//x", minor=9)]},
            "linux.devices.1.path: is that of linux.devices.0 already",
        ),
        (
            {"linux.devices": [{"type": "u", "path": "/x", "major": 1}]},
            "linux.devices.0.minor: is missing: a device of type 'u' has one",
        ),
        *(
            ({"linux.rootfsPropagation": name}, f"linux.rootfsPropagation: unknown propagation {name!r}")
            for name in ("rrslave", "Shared", "r")
        ),
    ],
)
def test_what_is_wrong(make_spec: MakeSpec, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        validate(make_spec(changes))
    assert caught.value.message == f"cannot use OCI document: {told}"


@pytest.mark.parametrize(
    ("mount", "told"),
    [
        (
            BIND | {"options": ["rmand"]},
            "mounts.0.options: option 'rmand': the kernel knows it for a whole file system only",
        ),
        (
            TMPFS | {"options": ["size=" + "1" * 256]},
            "mounts.0.options: option 'size': longer than 255 bytes",
        ),
    ],
)
def test_what_cannot_be_served(make_spec: MakeSpec, mount: dict[str, Any], told: str) -> None:
    with pytest.raises(NotSupported) as caught:
        validate(make_spec({"mounts": [mount]}))
    assert caught.value.message == f"cannot serve OCI document: {told}"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("mounts", [{"destination": 1}]),
        ("mounts", [{}]),
        ("mounts", [TMPFS | {"options": "ro"}]),
        ("mounts", [TMPFS | {"options": [True]}]),
        ("mounts", [BIND | {"uidMappings": [{"containerID": -1, "hostID": 0, "size": 1}]}]),
        ("mounts", [BIND | {"uidMappings": [{"containerID": 0, "hostID": 0, "size": 0}]}]),
        ("linux.devices", [device("x")]),
        ("linux.devices", [device(fileMode=-1)]),
        ("linux.devices", [device(major=4096)]),
        ("linux.devices", [device("b", minor=-1)]),
        ("linux.devices", [device(uid=True)]),
        ("linux.devices", [device(gid=2**31)]),
        ("linux.rootfsPropagation", 7),
        ("linux.mountLabel", []),
        ("linux.maskedPaths", [None]),
    ],
)
def test_what_is_of_the_wrong_type(make_spec: MakeSpec, path: str, value: object) -> None:
    with pytest.raises(InvalidArgument, match=rf"cannot read OCI document: {path}"):
        make_spec({path: value})
