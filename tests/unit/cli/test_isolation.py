"""Options as docker and podman have them become fields of the creation."""

from __future__ import annotations

from typing import Any

import pytest

from containerd_py.cli.isolation_options import NamespaceChoice
from containerd_py.cli.limit_options import LimitOptions
from containerd_py.cli.requests import build_request, build_update
from containerd_py.cli.spec_options import SpecOptions
from containerd_py.errors import InvalidArgument
from containerd_py.wire import UpdateRequest


def built(**options: Any) -> dict[str, Any]:
    request = build_request(SpecOptions(rootfs="/r", args=["a"], **options), {})
    given = request.model_dump(mode="json", exclude_unset=True)
    return {name: value for name, value in given.items() if name not in ("rootfs", "args")}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"privileged": True}, {"privileged": True}),
        ({"cap_add": ["ALL"], "cap_drop": ["kill"]}, {"cap_add": ["ALL"], "cap_drop": ["kill"]}),
        ({"device": ["/dev/fuse"]}, {"devices": [{"path": "/dev/fuse", "target": None}]}),
        ({"device": ["/dev/sda:r"]}, {"devices": [{"path": "/dev/sda", "target": None, "access": "r"}]}),
        ({"device": ["/dev/sda:/dev/b"]}, {"devices": [{"path": "/dev/sda", "target": "/dev/b"}]}),
        ({"device": ["/dev/sda:/dev/b:rw"]}, {"devices": [{"path": "/dev/sda", "target": "/dev/b", "access": "rw"}]}),
        ({"group_add": ["5", "video"]}, {"additional_groups": ["5", "video"]}),
        ({"ulimit": ["nofile=1:2"]}, {"ulimits": {"nofile": {"soft": 1, "hard": 2}}}),
        ({"ulimit": ["core=unlimited"]}, {"ulimits": {"core": {"soft": -1, "hard": -1}}}),
        ({"ulimit": ["cpu=3"]}, {"ulimits": {"cpu": {"soft": 3, "hard": 3}}}),
        ({"sysctl": ["net.ipv4.ip_forward=1"]}, {"sysctls": {"net.ipv4.ip_forward": "1"}}),
        ({"oom_score_adj": 0, "shm_size": "1m"}, {"oom_score_adj": 0, "shm_size_bytes": 1 << 20}),
        ({"pid": NamespaceChoice.HOST, "cgroupns": NamespaceChoice.HOST}, {"pid": "host", "cgroup": "host"}),
        ({"ipc": NamespaceChoice.HOST, "uts": NamespaceChoice.PRIVATE}, {"ipc": "host", "uts": "private"}),
        ({"security_opt": ["no-new-privileges"]}, {"no_new_privileges": True}),
        ({"security_opt": ["no-new-privileges:false"]}, {"no_new_privileges": False}),
        ({"security_opt": ["seccomp=unconfined", "unmask=ALL"]}, {"seccomp": "unconfined", "system_paths": "unconfined"}),
        ({"security_opt": ["apparmor=unconfined", "label=disable"]}, {}),
        (
            {"cpu_shares": 2, "cpuset_cpus": "0-3", "memory_swap": "-1", "memory_reservation": "1k", "blkio_weight": 10},
            {
                "resources": {
                    "cpu_shares": 2,
                    "cpuset_cpus": "0-3",
                    "memory_swap_bytes": -1,
                    "memory_reservation_bytes": 1024,
                    "blkio_weight": 10,
                }
            },
        ),
    ],
)
def test_each_option_has_its_field(options: dict[str, Any], expected: dict[str, Any]) -> None:
    assert built(**options) == expected


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"device": ["fuse"]}, "--device 'fuse'"),
        ({"device": ["/dev/a:/dev/b:x"]}, "--device '/dev/a:/dev/b:x'"),
        ({"device": ["/dev/a:r:w"]}, "--device '/dev/a:r:w'"),
        ({"device": ["/dev/a:"]}, "--device '/dev/a:'"),
        ({"ulimit": ["nofile"]}, "--ulimit 'nofile'"),
        ({"ulimit": ["nofile=-2"]}, "--ulimit 'nofile=-2'"),
        ({"sysctl": ["a"]}, "--sysctl 'a'"),
        ({"security_opt": ["seccomp=/profile.json"]}, "--security-opt 'seccomp=/profile.json'"),
        ({"security_opt": ["no-new-privileges=maybe"]}, "--security-opt 'no-new-privileges=maybe'"),
        ({"shm_size": "much"}, "--shm-size 'much'"),
        ({"cpuset_cpus": "a"}, "--cpuset-cpus 'a'"),
        ({"cpu_shares": 1}, "--cpu-shares 1"),
        ({"ipc": NamespaceChoice.HOST, "shm_size": "1m"}, "options: shm_size_bytes and ipc ask"),
    ],
)
def test_what_has_another_form_is_named(options: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidArgument) as problem:
        built(**options)
    assert told in problem.value.message


def test_an_entrypoint_comes_first() -> None:
    request = build_request(SpecOptions(rootfs="/r", entrypoint="/bin/sh", args=["-c", "true"]), {})
    assert request.model_dump()["args"] == ("/bin/sh", "-c", "true")
    assert build_request(SpecOptions(rootfs="/r", entrypoint="/bin/sh"), {}).model_dump()["args"] == ("/bin/sh",)


def test_a_bundle_has_them_in_its_document() -> None:
    with pytest.raises(InvalidArgument, match=r"--cap-add does not go with --bundle"):
        build_request(SpecOptions(bundle="/b", cap_add=["ALL"]), {})


def test_an_update_lifts_with_minus_one() -> None:
    asked = build_update(LimitOptions(memory="-1", cpus=-1, pids_limit=-1, memory_swap="-1", cpu_shares=7), None)
    resources = {"pids": None, "memory_bytes": None, "cpus": None, "memory_swap_bytes": -1, "cpu_shares": 7}
    assert asked.model_dump(exclude_unset=True) == {"resources": resources}
    assert build_update(LimitOptions(), "no") == UpdateRequest(restart="no")
    with pytest.raises(InvalidArgument, match="nothing is to be changed"):
        build_update(LimitOptions(), None)
