"""R6, R16, R20: values of a document, and names, that become paths and contents of files of the host.

[CVE-2022-0811, CVE-2019-5736 family] Those of systemd's units are held by tests/unit/runtime/cgroups/systemd/test_names.py.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.oci.bundle import MOUNTS
from tests.oci.containers import Containers
from tests.security.conftest import untouched

CGROUPS = Path("/sys/fs/cgroup")
LIMIT = 5_368_709


def tops() -> set[str]:
    """What stands above the hierarchies, and in the host's root."""
    return {*os.listdir(CGROUPS), *os.listdir("/"), *os.listdir("/sys")}


UP = "../" * 12
PATHS = [
    "/../../x",
    "../../x",
    "/a/../../../x",
    f"{UP}x",
    "/..",
    "..",
    "/.",
    ".",
    "/a\nb",
    "/a\0b",
    "/" + "a" * 300,
    "//x//..//..//y",
]


HARM = pytest.mark.lacks("crun", "makes directories and files anywhere on the host", run=False)


@HARM
@pytest.mark.parametrize("path", PATHS)
def test_no_path_of_a_cgroup_leads_out_of_the_hierarchies(oci: Containers, outside: Path, path: str) -> None:
    before = tops()
    unique = path.replace("x", oci.fresh_id()).replace("y", oci.fresh_id())
    told = oci.run({"linux.cgroupsPath": unique, "process.args": ["/bin/cat", "/proc/self/cgroup"]})
    assert tops() == before
    joined = [line.split(":", 2)[2] for line in told.stdout.splitlines()]
    assert told.code or all(".." not in one.split("/") for one in joined)
    untouched(outside)


@HARM
def test_a_cgroup_path_that_leads_to_the_hosts_is_a_directory_of_that_name(oci: Containers, outside: Path) -> None:
    told = oci.run({"linux.cgroupsPath": f"/{UP}{str(outside).lstrip('/')}/made"})
    assert told.code or not (outside / "made").exists()
    untouched(outside)


RESOURCES: dict[str, dict[str, Any]] = {
    "a page size": {"hugepageLimits": [{"pageSize": "../../../../{outside}/2MB", "limit": LIMIT}]},
    "a page size of two": {"hugepageLimits": [{"pageSize": "2MB\n1GB", "limit": LIMIT}]},
    "a page size that is a way": {"hugepageLimits": [{"pageSize": "2MB/../2MB", "limit": LIMIT}]},
    "a file of version 2": {"unified": {"../../../../{outside}/made": "1"}},
    "a file of the parent's": {"unified": {"../cgroup.procs": "1"}},
    "members": {"unified": {"cgroup.procs": "1"}},
    "an interface": {"network": {"priorities": [{"name": "lo 5\nlo", "priority": 7}]}},
    "an adapter": {"rdma": {"mlx 5\nmlx hca_handle=max": {"hcaHandles": 1}}},
    "nodes": {"cpu": {"cpus": "0\n1"}},
    "a way of nodes": {"cpu": {"mems": "../../{outside}"}},
}


_TAKEN = pytest.mark.lacks("runc", "writes both lines")


@pytest.mark.lacks("crun", "leaves its cgroups behind", run=False)
@pytest.mark.parametrize("what", [pytest.param(what, marks=_TAKEN if what == "nodes" else ()) for what in RESOURCES])
def test_no_value_of_a_limit_is_a_path_or_a_second_line(oci: Containers, outside: Path, what: str) -> None:
    resources = _filled(RESOURCES[what], str(outside).lstrip("/"))
    oci.refused({"linux.resources": resources})
    untouched(outside)


def _filled(value: Any, outside: str) -> Any:
    if isinstance(value, dict):
        return {name.replace("{outside}", outside): _filled(one, outside) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, outside) for one in value]
    return value.replace("{outside}", outside) if isinstance(value, str) else value


LINES: dict[str, dict[str, Any]] = {
    "a hostname": {"hostname": "a\nb"},
    "a domain": {"domainname": "a\nb"},
    "a class of cache": {"linux.intelRdt": {"closID": "../../{outside}/made"}},
    "a class of cache that is all": {"linux.intelRdt": {"closID": "."}},
    "a device": {"linux.devices": [{"path": "/../../../{outside}/made", "type": "c", "major": 1, "minor": 3}]},
    "a device's kind": {"linux.devices": [{"path": "/dev/x", "type": "c 1:3 rwm\na", "major": 1, "minor": 3}]},
    "a label": {"process.selinuxLabel": "a\nb"},
    "a profile": {"process.apparmorProfile": "unconfined\nexec other"},
    "a label of mounts": {"linux.mountLabel": 'a",context="b'},
    "an option": {"mounts": [*MOUNTS, {"destination": "/mnt", "type": "tmpfs", "options": ["size=1m\nmode=777"]}]},
    "a file system": {"mounts": [*MOUNTS, {"destination": "/mnt", "type": "fuse.trap", "source": "x"}]},
    "an interface to move": {"linux.netDevices": {"lo/../lo": {"name": "x"}}},
    "a hook": {"hooks": {"prestart": [{"path": "proof", "args": ["proof"]}]}},
}


@pytest.mark.parametrize("what", LINES)
def test_no_value_of_a_document_reaches_a_file_of_the_hosts(oci: Containers, outside: Path, what: str) -> None:
    before = Path("/proc/sys/kernel/hostname").read_text(), Path("/proc/sys/kernel/domainname").read_text(), tops()
    told = oci.run({**_filled(LINES[what], str(outside).lstrip("/")), "process.args": ["/bin/echo", "ran"]})
    assert told.code or told.stdout == "ran\n"
    assert (
        Path("/proc/sys/kernel/hostname").read_text(),
        Path("/proc/sys/kernel/domainname").read_text(),
        tops(),
    ) == before
    assert not (outside / "made").exists()
    untouched(outside)


IDS = ["../up", "..", ".", "a/b", "a\nb", "", "a b", "a\0b", "x" * 2000, "../../{outside}/made", "é", "a;b", "$(id)"]


@pytest.mark.lacks("crun", "deletes directories anywhere on the host", run=False)
@pytest.mark.parametrize("verb", ["create", "state", "start", "kill", "exec", "pause", "ps", "update", "delete"])
def test_no_id_is_a_path(oci: Containers, outside: Path, verb: str) -> None:
    assert oci.runtime.root is not None
    oci.configure({}, oci.fresh_id())
    before = sorted(oci.state_files())
    for given in IDS:
        if "\0" in given:
            continue
        container_id = given.replace("{outside}", str(outside).lstrip("/"))
        more = {"create": ("--bundle", oci.bundle), "delete": ("--force",)}.get(verb, ())
        after = ("/bin/true",) if verb == "exec" else ()
        told = oci.runtime(verb, *more, "--", container_id, *after)
        assert told.code or verb == "delete", given
        assert sorted(oci.state_files()) == before, given
    untouched(outside)


def test_what_is_told_of_a_container_is_one_line_a_container(oci: Containers) -> None:
    """Names, annotations and paths with ends of lines, terminal controls and quotes, in lists that are read by callers."""
    nasty = 'x\n{"id": "other"}\x1b[2J\r"'
    box = oci.create({"annotations": {nasty: nasty}, "hostname": "h"})
    assert box.state()["annotations"] == {nasty: nasty}
    (found,) = [one for one in oci.runtime("list", "--format", "json").ok().json() if one["id"] == box.id]
    assert found["id"] == box.id
    assert "\x1b" not in oci.runtime("list").ok().stdout


@pytest.mark.lacks("crun", "tells it as it is")
def test_an_error_is_one_line_whatever_it_is_about(oci: Containers) -> None:
    nasty = "/bin/none\nlevel=info msg=fine\x1b[2J"
    told = oci.run({"process.args": [nasty]}).stderr
    assert len(told.strip().splitlines()) == 1, told
    assert "\x1b" not in told
