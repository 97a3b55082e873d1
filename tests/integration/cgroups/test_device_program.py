"""The program about devices in the kernel: it is taken, it decides, and it is replaced in place. Needs cgroup v2."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from containerd_py.runtime.cgroups import layout
from containerd_py.runtime.cgroups.devices.attach import enforce
from containerd_py.runtime.cgroups.resources import DeviceRule
from containerd_py.runtime.linux.bpf import prog_query
from containerd_py.runtime.linux.fd import Fd

NOTHING = DeviceRule(allow=False)
KMSG = DeviceRule(allow=True, kind="c", major=1, minor=11, access="r")


@pytest.fixture
def cgroup() -> Iterator[Path]:
    mount = layout.probe().v2
    assert mount is not None
    path = Path(mount, f"pycontainerd-test-{os.getpid()}")
    path.mkdir()
    yield path
    path.rmdir()


def programs(cgroup: Path) -> int:
    with Fd(os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY)) as fd:
        return len(prog_query(fd.fileno()))


def opened_within(cgroup: Path, path: str, flags: int) -> int:
    """Return the number of the error that a process in the cgroup gets from open; 0 where it gets none."""
    child = os.fork()
    if child == 0:
        number = 0
        try:
            (cgroup / "cgroup.procs").write_text("0")
            os.close(os.open(path, flags))
        except OSError as problem:
            number = problem.errno or 255
        os._exit(number)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize(
    ("rules", "path", "flags", "allowed"),
    [
        ((NOTHING,), "/dev/kmsg", os.O_RDONLY, False),
        ((NOTHING,), "/dev/null", os.O_RDWR, True),
        ((NOTHING, KMSG), "/dev/kmsg", os.O_RDONLY, True),
        ((NOTHING, KMSG), "/dev/kmsg", os.O_WRONLY, False),
        ((KMSG,), "/dev/kmsg", os.O_WRONLY, True),
        ((DeviceRule(allow=False, kind="c", major=1, minor=11, access="w"),), "/dev/kmsg", os.O_RDONLY, True),
        ((DeviceRule(allow=False, kind="c", major=1, minor=11, access="w"),), "/dev/kmsg", os.O_WRONLY, False),
    ],
)
def test_a_device_is_opened_or_not(
    cgroup: Path,
    rules: tuple[DeviceRule, ...],
    path: str,
    flags: int,
    allowed: bool,  # noqa: FBT001
) -> None:
    enforce(str(cgroup), rules)
    assert opened_within(cgroup, path, flags) == (0 if allowed else 1)


def test_an_update_replaces_the_program(cgroup: Path) -> None:
    enforce(str(cgroup), (NOTHING,))
    enforce(str(cgroup), (NOTHING, KMSG))
    assert programs(cgroup) == 1
    assert opened_within(cgroup, "/dev/kmsg", os.O_RDONLY) == 0


def test_the_longest_lists_are_taken(cgroup: Path) -> None:
    enforce(str(cgroup), (NOTHING, *(DeviceRule(allow=True, kind="c", major=7, minor=minor) for minor in range(2000))))
    assert programs(cgroup) == 1
