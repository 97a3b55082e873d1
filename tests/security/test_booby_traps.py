"""R4: nothing of an image is loaded, imported, executed or waited for by the runtime. [CVE-2019-14271, CVE-2022-1227]"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oci.bundle import CAPABILITIES, MOUNTS
from tests.oci.containers import Containers
from tests.security.conftest import Attack
from tests.security.traps import inside, sprung, trap

LOADERS = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")


@pytest.fixture
def trapped(rootfs: Path, attack: Attack) -> Path:
    return trap(rootfs, attack)


@pytest.fixture
def nothing_sprung(trapped: Path) -> Iterator[Path]:
    yield trapped
    assert sprung(trapped) == []


GROUPS = {"process.user": {"uid": 7, "gid": 7, "additionalGids": [8]}}
ALL_RIGHTS = {
    "process.noNewPrivileges": False,
    "process.capabilities": dict.fromkeys(("bounding", "permitted"), CAPABILITIES),
}


@pytest.mark.usefixtures("nothing_sprung")
@pytest.mark.parametrize("changes", [{}, GROUPS, ALL_RIGHTS], ids=["usual", "user", "all rights"])
def test_a_container_runs(oci: Containers, changes: dict[str, object]) -> None:
    environment = {"process.env": ["PATH=/bin", "LC_ALL=trap", "LANG=trap.TRAP", "GCONV_PATH=/lib/gconv", "TZ=trap"]}
    assert oci.run({"process.args": ["/bin/echo", "ran"], **environment, **changes}).ok().stdout == "ran\n"


def seccomp(action: str) -> dict[str, object]:
    return {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["execve"], "action": action}]}


FAILURES: dict[str, dict[str, object]] = {
    "no such program": {"process.args": ["/bin/none"]},
    "no program in PATH": {"process.args": ["none"]},
    "no program": {"process.args": ["/etc"]},
    "an unknown interpreter": {"process.args": ["/bin/strange"]},
    "no directory": {"process.cwd": "/bin/busybox"},
    "a mount over a loop": {"mounts": [{"destination": "/loop/x", "type": "tmpfs"}]},
    "a mount without a source": {
        "mounts": [{"destination": "/mnt", "type": "bind", "source": "/none", "options": ["bind"]}]
    },
    "a file system that is none": {"mounts": [{"destination": "/mnt", "type": "none-such"}]},
    "an option that is none": {"mounts": [{"destination": "/mnt", "type": "tmpfs", "options": ["size=none"]}]},
    "a kernel parameter refused": {"linux.sysctl": {"net.ipv4.ip_forward": "none"}},
    "a limit beyond the kernel's": {"process.rlimits": [{"type": "RLIMIT_NOFILE", "soft": 2**40, "hard": 2**40}]},
    "a filter that refuses": {"linux.seccomp": seccomp("SCMP_ACT_ERRNO")},
    "a filter that kills": {"linux.seccomp": seccomp("SCMP_ACT_KILL_PROCESS")},
    "a hook that is not there": {"hooks": {"startContainer": [{"path": "/bin/none"}]}},
    "a hook that fails": {"hooks": {"startContainer": [{"path": "/bin/false"}]}},
}


@pytest.mark.usefixtures("nothing_sprung")
def test_a_container_fails(oci: Containers) -> None:
    (oci.rootfs / "loop").symlink_to("loop")
    inside(oci.rootfs, "bin/strange").write_text("#!/none\n")
    (oci.rootfs / "bin/strange").chmod(0o755)
    for what, changes in FAILURES.items():
        assert oci.run(changes).code, what
        assert sprung(oci.rootfs) == [], what


@pytest.mark.usefixtures("nothing_sprung")
def test_a_container_is_entered_and_looked_at(oci: Containers) -> None:
    box = oci.start()
    assert box.exec("/bin/echo", "in").ok().stdout == "in\n"
    assert box.exec("--user", "7:7", "--", "/bin/echo", "in").ok().stdout == "in\n"
    for refused in (["/bin/none"], ["--cwd", "/bin/busybox", "--", "/bin/true"], ["/etc"]):
        assert box.exec(*refused).code
    box.runtime("ps", box.id).ok()
    box.runtime("state", box.id).ok()
    box.runtime("list").ok()
    box.delete("--force").ok()


@pytest.mark.lacks("crun", "waits for ever for who writes to the FIFO", run=False)
@pytest.mark.lacks("runc", "waits for ever for who writes to the FIFO", run=False)
@pytest.mark.usefixtures("nothing_sprung")
def test_no_list_of_users_is_waited_for(oci: Containers) -> None:
    for name in ("etc/passwd", "etc/group"):
        for make in (os.mkfifo, lambda path: path.symlink_to("/proc/kmsg"), Path.mkdir):
            place = inside(oci.rootfs, name)
            make(place)
            result = oci.run({"process.args": ["/bin/echo", "ran"], "process.env": ["PATH=/bin"]})
            assert result.code or result.stdout == "ran\n"
            place.rmdir() if place.is_dir() else place.unlink()


def test_the_traps_are_sprung_by_what_walks_into_them(oci: Containers, trapped: Path) -> None:
    """A program of the host's is executed in there, with its own libraries: else the tests above would show nothing."""
    host = {"destination": "/host/usr", "type": "bind", "source": "/usr", "options": ["rbind", "ro"]}
    loader = next(path.resolve() for path in map(Path, LOADERS) if path.exists())
    program = [f"/host{loader}", "--library-path", f"/host{loader.parent}", "/host/usr/bin/true"]
    oci.run({"process.args": program, "mounts": [*MOUNTS, host]}).ok()
    assert (trapped / "sprung-library").exists()
