"""Documents are read strictly, and problems are named by their JSON path."""

from collections.abc import Callable
from typing import Any

import pytest

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.spec import defaults
from containerd_py.runtime.spec.models import Spec, parse
from containerd_py.runtime.spec.version import OCI_VERSION

MakeDocument = Callable[[dict[str, Any]], dict[str, Any]]
MakeSpec = Callable[[dict[str, Any]], Spec]


def test_names_of_the_specification_are_read(make_document: MakeDocument) -> None:
    changes = {
        "process.noNewPrivileges": True,
        "process.consoleSize": {"height": 24, "width": 80},
        "process.user": {"uid": 5, "gid": 6, "additionalGids": [7]},
        "process.execCPUAffinity": {"initial": "0"},
        "linux.uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}],
        "linux.resources": {"pids": {"limit": 4}, "blockIO": {"weight": 10}},
        "linux.maskedPaths": ["/proc/kcore"],
    }
    spec = parse(make_document(changes))
    assert spec.process is not None
    assert spec.process.no_new_privileges
    assert (spec.process.console_size.height, spec.process.console_size.width) == (24, 80)  # type: ignore[union-attr]
    assert (spec.process.user.uid, spec.process.user.gid, spec.process.user.additional_gids) == (5, 6, (7,))
    assert spec.process.exec_cpu_affinity is not None
    assert spec.linux.uid_mappings[0].host_id == 1000
    assert spec.linux.resources is not None
    assert spec.linux.resources.pids is not None
    assert spec.linux.resources.pids.limit == 4
    assert spec.linux.resources.block_io is not None
    assert spec.linux.resources.block_io.weight == 10
    assert spec.linux.masked_paths == ("/proc/kcore",)


def test_what_is_left_out_has_the_specification_s_defaults() -> None:
    spec = parse({"root": {"path": "r"}})
    assert (spec.oci_version, spec.root.readonly, spec.process, spec.mounts) == (OCI_VERSION, False, None, ())


def test_the_document_comes_back_as_it_was_given(make_document: MakeDocument) -> None:
    document = make_document({"hostname": "box", "linux.resources": {"pids": {"limit": 4}}, "annotations": {"a": "b"}})
    assert parse(document).document() == document


def test_the_document_of_what_specs_share_is_shared(make_spec: MakeSpec) -> None:
    mounts = defaults.mounts()
    one, other = (make_spec({}).replace(mounts=mounts).document() for _ in range(2))
    assert one["mounts"] is not other["mounts"]
    assert all(of_one is of_other for of_one, of_other in zip(one["mounts"], other["mounts"], strict=True))


def test_a_document_is_not_the_one_of_what_it_was_made_from() -> None:
    mount = defaults.mounts()[0]
    assert mount.document()["destination"] != "/elsewhere"
    assert mount.replace(destination="/elsewhere").document() == mount.document() | {"destination": "/elsewhere"}


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("foo", 1, "foo: Extra inputs are not permitted"),
        ("process.argz", ["a"], "process.argz: Extra inputs are not permitted"),
        ("linux.resources", {"disk": {}}, "linux.resources.disk: Extra inputs are not permitted"),
        ("process.args", ["/bin/true", 5], "process.args.1: Input should be a valid string"),
        ("process.args", "/bin/true", "process.args: Input should be a valid list"),
        ("process.terminal", "yes", "process.terminal: Input should be a valid boolean"),
        ("process.terminal", 1, "process.terminal: Input should be a valid boolean"),
        ("process.env", ["A=\0"], "process.env.0: String should have no NUL"),
        ("process.user", {"uid": True}, "process.user.uid: Input should be a valid integer"),
        ("process.user", {"uid": 1.0}, "process.user.uid: Input should be a valid integer"),
        ("process.user", {"uid": "0"}, "process.user.uid: Input should be a valid integer"),
        ("process.user", {"uid": -1}, "process.user.uid: Input should be greater than or equal to 0"),
        ("process.user", {"gid": 2**31}, "process.user.gid: Input should be less than or equal to 2147483647"),
        ("process.user", {"additionalGids": [2**32 - 1]}, "process.user.additionalGids.0: Input should be less"),
        ("process.user", {"umask": 0o1000}, "process.user.umask: Input should be less"),
        ("process.rlimits", [{"type": "RLIMIT_CPU", "hard": 1}], "process.rlimits.0.soft: Field required"),
        (
            "process.rlimits",
            [{"type": "RLIMIT_CPU", "soft": 0, "hard": 2**64}],
            "process.rlimits.0.hard: Input should be less",
        ),
        ("linux.namespaces", [{"type": "space"}], "linux.namespaces.0.type: Input should be 'pid'"),
        ("linux.devices", [{"type": "x", "path": "/dev/x"}], "linux.devices.0.type: Input should be 'c'"),
        (
            "linux.resources",
            {"devices": [{"allow": True, "access": "rwx"}]},
            "linux.resources.devices.0.access: Input should be letters of 'rwm'",
        ),
        ("linux.seccomp", {}, "linux.seccomp.defaultAction: Field required"),
        ("mounts", [{"source": "/a"}], "mounts.0.destination: Field required"),
        ("ociVersion", "2.0.0", "ociVersion: String should begin with '1.'"),
        ("annotations", {"a": 1}, "annotations.a: Input should be a valid string"),
        ("root", None, "root: Input should be"),
    ],
)
def test_what_is_wrong_is_told_with_its_path(make_document: MakeDocument, path: str, value: object, told: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse(make_document({path: value}))
    assert caught.value.message.startswith(f"cannot read OCI document: {told}")
    assert caught.value.step == "parse"


@pytest.mark.parametrize("document", [None, [], "text", 5])
def test_what_is_no_object_is_refused(document: object) -> None:
    with pytest.raises(InvalidArgument, match="cannot read OCI document: document: "):
        parse(document)


def test_values_are_not_told() -> None:
    """Environment variables hold secrets (SECURITY R20)."""
    with pytest.raises(InvalidArgument) as caught:
        parse({"root": {"path": "r"}, "process": {"env": [{"PASSWORD": "hunter2"}]}})
    assert "hunter2" not in caught.value.message


def test_five_problems_are_told_and_the_rest_counted() -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse({"root": {"path": "r"}, **{f"unknown{number}": 1 for number in range(7)}})
    assert caught.value.message.count("Extra inputs") == 5
    assert caught.value.message.endswith("; and 2 more")


def test_a_changed_copy_says_what_was_said() -> None:
    spec = parse({"root": {"path": "r"}, "hostname": "a"})
    assert spec.replace(domainname="b").document() == {"root": {"path": "r"}, "hostname": "a", "domainname": "b"}
    assert spec.replace(hostname=None).document() == {"root": {"path": "r"}}
    with pytest.raises(TypeError, match="Spec has no hostnam"):
        spec.replace(hostnam="b")


def test_a_spec_cannot_be_changed() -> None:
    spec = Spec.parse({"root": {"path": "r"}})
    with pytest.raises(AttributeError, match="frozen"):
        spec.hostname = "other"  # type: ignore[misc]
