"""Namespaces, ids of user namespaces and hooks: what contradicts itself is told by its JSON path."""

from collections.abc import Callable
from typing import Any

import pytest

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.spec.models import Spec
from containerd_py.runtime.spec.validate import validate

MakeSpec = Callable[[dict[str, Any]], Spec]
ALL = ("mount", "pid", "network", "ipc", "uts", "cgroup", "time")
MAP = {"containerID": 0, "hostID": 100_000, "size": 65_536}
USER = [*({"type": kind} for kind in ALL), {"type": "user"}]


def test_every_namespace_may_be_new_or_joined(make_spec: MakeSpec) -> None:
    validate(make_spec({"linux.namespaces": USER, "linux.uidMappings": [MAP], "linux.gidMappings": [MAP]}))
    validate(make_spec({"linux.namespaces": [{"type": "mount"}, {"type": "user", "path": "/proc/1/ns/user"}]}))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"linux.namespaces": [{"type": "mount"}, {"type": "pid", "path": "proc"}]},
            "linux.namespaces.1.path: must be absolute, not 'proc'",
        ),
        ({"linux.namespaces": USER, "linux.gidMappings": [MAP]}, "linux.uidMappings: is missing"),
        ({"linux.namespaces": USER, "linux.uidMappings": [MAP]}, "linux.gidMappings: is missing"),
        ({"linux.uidMappings": [MAP]}, "linux.uidMappings: needs a user namespace"),
        (
            {
                "linux.namespaces": [{"type": "mount"}, {"type": "user", "path": "/u"}],
                "linux.gidMappings": [MAP],
            },
            "linux.gidMappings: must not be given for a user namespace that is joined",
        ),
        (
            {"linux.namespaces": USER, "linux.uidMappings": [MAP, MAP], "linux.gidMappings": [MAP]},
            "linux.uidMappings.1.containerID: overlaps with another range; "
            "linux.uidMappings.1.hostID: overlaps with another range",
        ),
        (
            {
                "linux.namespaces": USER,
                "linux.uidMappings": [MAP | {"hostID": 2**32 - 2, "size": 2}],
                "linux.gidMappings": [MAP],
            },
            "linux.uidMappings.0.size: reaches beyond the last id",
        ),
        (
            {
                "linux.namespaces": USER,
                "linux.uidMappings": [MAP | {"size": 5}],
                "linux.gidMappings": [MAP | {"size": 5}],
                "process.user": {"uid": 5, "gid": 4, "additionalGids": [0, 6]},
            },
            "process.user.uid: 5 is not mapped into the user namespace; "
            "process.user.additionalGids.1: 6 is not mapped into the user namespace",
        ),
        ({"hooks": {"prestart": [{"path": "bin/x"}]}}, "hooks.prestart.0.path: must be absolute, not 'bin/x'"),
        (
            {"hooks": {"createRuntime": [{"path": "/x", "timeout": 0}]}},
            "hooks.createRuntime.0.timeout: must be above zero, not 0",
        ),
        ({"hooks": {"poststop": [{"path": "/x", "env": ["A"]}]}}, "hooks.poststop.0.env.0: must have the form NAME=value"),
    ],
)
def test_contradictions(make_spec: MakeSpec, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        validate(make_spec(changes))
    assert caught.value.message.startswith(f"cannot use OCI document: {told}")
