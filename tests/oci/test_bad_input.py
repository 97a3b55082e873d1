"""Wrong configurations: refused before anything is made. pyrunc names the place in the document."""

from typing import Any

import pytest

from tests.mutations import named
from tests.oci.bundle import MOUNTS, namespaces
from tests.oci.containers import Containers

_MAPS = [{"containerID": 0, "hostID": 100_000, "size": 10}]

# (changes, the JSON path that is named): a value of the wrong type
WRONG_TYPES: list[tuple[dict[str, Any], str]] = [
    ({"ociVersion": 1}, "ociVersion"),
    ({"root": "rootfs"}, "root"),
    ({"root.path": 1}, "root.path"),
    ({"root.readonly": "yes"}, "root.readonly"),
    ({"process.args": "ls"}, "process.args"),
    ({"process.args": [1]}, "process.args.0"),
    ({"process.cwd": 1}, "process.cwd"),
    ({"process.env": {"A": "1"}}, "process.env"),
    ({"process.terminal": "yes"}, "process.terminal"),
    ({"process.user": "root"}, "process.user"),
    ({"process.user": {"uid": "0"}}, "process.user.uid"),
    ({"process.user": {"uid": 0, "additionalGids": ["x"]}}, "process.user.additionalGids.0"),
    ({"process.capabilities": ["CAP_KILL"]}, "process.capabilities"),
    ({"process.rlimits": [{"type": "RLIMIT_NOFILE", "soft": "1", "hard": 1}]}, "process.rlimits.0.soft"),
    ({"process.noNewPrivileges": "yes"}, "process.noNewPrivileges"),
    ({"process.oomScoreAdj": "0"}, "process.oomScoreAdj"),
    ({"hostname": 1}, "hostname"),
    ({"mounts": {"destination": "/x"}}, "mounts"),
    ({"mounts": [{"destination": 1}]}, "mounts.0.destination"),
    ({"mounts": [{"destination": "/x", "type": "tmpfs", "options": "ro"}]}, "mounts.0.options"),
    ({"hooks": []}, "hooks"),
    ({"hooks": {"prestart": [{"path": 1}]}}, "hooks.prestart.0.path"),
    ({"annotations": {"a": 1}}, "annotations"),
    ({"linux.namespaces": {"type": "pid"}}, "linux.namespaces"),
    ({"linux.namespaces": [{"type": 1}]}, "linux.namespaces.0.type"),
    ({"linux.uidMappings": [{"containerID": "0"}]}, "linux.uidMappings.0.containerID"),
    ({"linux.devices": [{"path": "/dev/x", "type": "c", "major": "1"}]}, "linux.devices.0.major"),
    ({"linux.cgroupsPath": 1}, "linux.cgroupsPath"),
    ({"linux.resources": {"memory": {"limit": "1"}}}, "linux.resources.memory.limit"),
    ({"linux.resources": {"cpu": {"shares": "1"}}}, "linux.resources.cpu.shares"),
    ({"linux.resources": {"pids": {"limit": "1"}}}, "linux.resources.pids.limit"),
    ({"linux.resources": {"devices": [{"allow": "yes"}]}}, "linux.resources.devices.0.allow"),
    ({"linux.resources": {"unified": {"memory.max": 1}}}, "linux.resources.unified"),
    ({"linux.sysctl": {"net.ipv4.ip_forward": 1}}, "linux.sysctl"),
    ({"linux.seccomp": {"defaultAction": 1}}, "linux.seccomp.defaultAction"),
    (
        {"linux.seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": "x"}]}},
        "linux.seccomp.syscalls.0.names",
    ),
    ({"linux.maskedPaths": "/x"}, "linux.maskedPaths"),
    ({"linux.readonlyPaths": [1]}, "linux.readonlyPaths.0"),
    ({"linux.rootfsPropagation": 1}, "linux.rootfsPropagation"),
]

# (changes, the JSON path that is named): out of range, unknown, or contradictory
WRONG_VALUES: list[tuple[dict[str, Any], str]] = [
    ({"ociVersion": "2.0.0"}, "ociVersion"),
    ({"process.args": []}, "process.args"),
    ({"process.cwd": "relative"}, "process.cwd"),
    ({"process.env": ["NOVALUE"]}, "process.env"),
    ({"process.user": {"uid": -1}}, "process.user.uid"),
    ({"process.user": {"uid": 2**31}}, "process.user.uid"),
    ({"process.user": {"umask": 0o1000}}, "process.user.umask"),
    ({"process.consoleSize": {"height": 70_000, "width": 1}}, "process.consoleSize.height"),
    ({"process.rlimits": [{"type": "RLIMIT_NOTHING", "soft": 1, "hard": 1}]}, "process.rlimits"),
    ({"process.rlimits": [{"type": "RLIMIT_NOFILE", "soft": 2, "hard": 1}]}, "process.rlimits"),
    ({"process.oomScoreAdj": 1001}, "process.oomScoreAdj"),
    ({"process.scheduler": {"policy": "SCHED_NOTHING"}}, "process.scheduler"),
    ({"process.ioPriority": {"class": "IOPRIO_CLASS_NOTHING"}}, "process.ioPriority"),
    ({"process.ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 8}}, "process.ioPriority"),
    ({"mounts": [{"destination": "/x", "type": "bind"}]}, "mounts"),
    ({"hostname": "x", "linux.namespaces": namespaces("uts")}, "hostname"),
    ({"domainname": "x", "linux.namespaces": namespaces("uts")}, "domainname"),
    ({"linux.namespaces": [{"type": "nothing"}]}, "linux.namespaces.0.type"),
    ({"linux.namespaces": [*namespaces(), {"type": "pid"}]}, "linux.namespaces"),
    ({"linux.namespaces": namespaces(network="relative")}, "linux.namespaces"),
    ({"linux.uidMappings": _MAPS, "linux.gidMappings": _MAPS}, "linux.uidMappings"),
    ({"linux.namespaces": namespaces(user=""), "linux.gidMappings": _MAPS}, "linux.uidMappings"),
    (
        {"linux.namespaces": namespaces(user=""), "linux.uidMappings": _MAPS * 2, "linux.gidMappings": _MAPS},
        "linux.uidMappings",
    ),
    ({"linux.devices": [{"path": "/dev/x", "type": "x"}]}, "linux.devices.0.type"),
    ({"linux.devices": [{"path": "dev/x", "type": "c", "major": 1, "minor": 3}]}, "linux.devices"),
    ({"linux.resources": {"devices": [{"allow": True, "access": "rwx"}]}}, "linux.resources.devices.0.access"),
    ({"linux.resources": {"cpu": {"shares": -1}}}, "linux.resources.cpu.shares"),
    ({"linux.resources": {"memory": {"limit": 2**64}}}, "linux.resources.memory.limit"),
    ({"linux.resources": {"blockIO": {"weight": 5}}}, "linux.resources.blockIO.weight"),
    ({"linux.resources": {"hugepageLimits": [{"pageSize": "7MB", "limit": 1}]}}, "hugetlb"),
    ({"linux.sysctl": {"kernel.panic": "1"}}, "linux.sysctl"),
    ({"linux.sysctl": {"net.ipv4.ip_forward": "1"}, "linux.namespaces": namespaces("network")}, "linux.sysctl"),
    ({"linux.sysctl": {"net/../kernel/panic": "1"}}, "linux.sysctl"),
    ({"linux.rootfsPropagation": "sideways"}, "linux.rootfsPropagation"),
    ({"linux.maskedPaths": ["relative"]}, "linux.maskedPaths"),
    ({"linux.seccomp": {"defaultAction": "SCMP_ACT_NOTHING"}}, "linux.seccomp.defaultAction"),
    ({"linux.personality": {"domain": "LINUX128"}}, "linux.personality"),
    ({"linux.timeOffsets": {"boottime": {"secs": 1}}}, "linux.timeOffsets"),
    ({"linux.intelRdt": {"closID": "a/b"}}, "linux.intelRdt"),
]


_TMPFS = {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}
_HOOK = {"path": "/bin/true"}

# (changes, the JSON path that is named): what only the kernel, or the host, shows to be wrong
REFUSED_BY_THE_HOST: list[tuple[dict[str, Any], str]] = [
    ({"root.path": "nosuch"}, "root.path"),
    ({"root.path": "rootfs/etc/passwd"}, "root.path"),
    ({"process.args": ["/no/such"]}, "process.args.0"),
    ({"process.args": ["/etc/passwd"]}, "process.args.0"),
    ({"process.cwd": "/etc/passwd/x"}, "process.cwd"),
    ({"process.rlimits": [{"type": "RLIMIT_NOFILE", "soft": 2**40, "hard": 2**40}]}, "process.rlimits.0"),
    ({"mounts": [*MOUNTS, {**_TMPFS, "options": ["size=sideways"]}]}, "mounts.4"),
    ({"mounts": [*MOUNTS, {**_TMPFS, "options": ["nosuchoption"]}]}, "mounts.4"),
    ({"mounts": [*MOUNTS, {**_TMPFS, "type": "nosuchfs"}]}, "mounts.4"),
    ({"mounts": [*MOUNTS, {**_TMPFS, "destination": "/etc/passwd/x"}]}, "mounts.4"),
    ({"mounts": [*MOUNTS, {"destination": "/tmp", "source": "/no/such", "type": "bind", "options": ["bind"]}]}, "mounts.4"),
    ({"mounts": [*MOUNTS, {**_TMPFS, "destination": "/tmp", "type": "ext4", "source": "/dev/null"}]}, "mounts.4"),
    ({"mounts": [{**MOUNTS[0], "options": ["hidepid=9"]}, *MOUNTS[1:]]}, "mounts.0"),
    ({"linux.devices": [{"path": "/etc/passwd/x", "type": "c", "major": 1, "minor": 3}]}, "linux.devices.0"),
    ({"linux.namespaces": namespaces(network="/no/such")}, "linux.namespaces.4.path"),
    ({"linux.namespaces": namespaces(network="/proc/self/ns/uts")}, "linux.namespaces.4.path"),
    ({"linux.sysctl": {"net.ipv4.ip_forward": "sideways"}}, "linux.sysctl.net.ipv4.ip_forward"),
    ({"linux.sysctl": {"net.ipv4.nosuch": "1"}}, "linux.sysctl.net.ipv4.nosuch"),
    ({"hooks": {"prestart": [_HOOK, {"path": "/no/such"}]}}, "hooks.prestart.1"),
    ({"hooks": {"createRuntime": [{"path": "/bin/false"}]}}, "hooks.createRuntime.0"),
    ({"hooks": {"createContainer": [_HOOK, {"path": "/bin/false"}]}}, "hooks.createContainer.1"),
    (
        {"linux.namespaces": namespaces(time=""), "linux.timeOffsets": {"boottime": {"secs": -(2**32)}}},
        "linux.timeOffsets",
    ),
    (
        {
            "process.noNewPrivileges": False,  # then the filter is loaded before the payload is started
            "linux.seccomp": {
                "defaultAction": "SCMP_ACT_ALLOW",
                "listenerPath": "/no/such",
                "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}],
            },
        },
        "linux.seccomp.listenerPath",
    ),
]


def _name(value: object) -> str:
    return value if isinstance(value, str) else "".join(str(value).split())[:40]


@pytest.mark.lacks("crun", "reads what is no number, text or list as nothing, and then mounts on the host", run=False)
@pytest.mark.parametrize(("changes", "path"), WRONG_TYPES, ids=_name)
def test_a_value_of_the_wrong_type_is_refused(oci: Containers, changes: dict[str, Any], path: str) -> None:
    message = oci.refused(changes)
    if oci.runtime.kind == "pyrunc":
        assert path in message
        assert message.count("\n") == 1


@pytest.mark.lacks("crun", "takes many of them, also what is the whole host's", run=False)
@pytest.mark.lacks("runc", "takes many of them", some=True)
@pytest.mark.parametrize(("changes", "path"), WRONG_VALUES, ids=_name)
def test_a_wrong_value_is_refused(oci: Containers, changes: dict[str, Any], path: str) -> None:
    message = oci.refused(changes)
    if oci.runtime.kind == "pyrunc":
        assert path in message
        assert message.count("\n") == 1


@pytest.mark.lacks("runc<1.1", "knows no capability of that name, and refuses it")
def test_what_the_specification_does_not_have_is_ignored(oci: Containers) -> None:
    """As its "Extensibility" asks; capabilities that there are not, "Linux Process"."""
    changes = {
        "noSuchField": 1,
        "process.noSuchField": 1,
        "process.capabilities": {"bounding": ["CAP_KILL", "CAP_NOTHING"]},
    }
    assert oci.sh("grep CapBnd /proc/self/status", changes) == "CapBnd:\t0000000000000020"


@pytest.mark.parametrize(("changes", "path"), REFUSED_BY_THE_HOST, ids=_name)
def test_what_the_host_refuses_is_refused(oci: Containers, changes: dict[str, Any], path: str) -> None:
    message = oci.refused(changes)
    if oci.runtime.kind == "pyrunc":
        assert path in named(message), message
        assert message.count("\n") == 1


@pytest.mark.lacks("crun", "counts no brackets", some=True)
@pytest.mark.lacks("runc", "takes the last of two", some=True)
@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 2}', "[" * 100_000, '{"ociVersion": NaN}', '{"x": "\\ud800"}', "\xff", '{"x": "\\u0000"}']
)
def test_what_is_no_strict_json_is_refused(oci: Containers, text: str) -> None:
    container_id = oci.fresh_id()
    (oci.bundle / "config.json").write_bytes(text.encode("latin-1"))
    result = oci.runtime("create", "--bundle", oci.bundle, container_id)
    assert result.code == 1
    assert result.stderr.count("\n") == 1
    oci.nothing_left(container_id)


@pytest.mark.lacks("crun", "start does not wait for them")
@pytest.mark.lacks("runc", "start does not wait for them")
def test_what_fails_at_the_start_is_told_by_its_place(oci: Containers) -> None:
    container = oci.create({"hooks": {"startContainer": [_HOOK, {"path": "/bin/false"}]}})
    result = oci.runtime("start", container.id)
    assert result.code == 1
    assert named(result.stderr) == ("hooks.startContainer.1",), result


@pytest.mark.lacks("crun", "dies of it at other places, or needs less")
def test_a_caller_with_too_few_descriptors_is_told_so(oci: Containers) -> None:
    oci.runtime.through = ("/bin/sh", "-c", 'ulimit -n 11; exec "$@"', "sh")
    told = oci.refused({"linux.resources": {"memory": {"limit": 2**26}, "pids": {"limit": 9}, "cpu": {"shares": 9}}})
    assert "too many open files" in told.lower()
    if oci.runtime.kind == "pyrunc":
        assert "RLIMIT_NOFILE" in told
