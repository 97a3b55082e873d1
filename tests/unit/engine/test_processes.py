"""Reading what /proc tells of a process, whose name and arguments may be anything."""

import os
from datetime import UTC, datetime

import pytest

from containerd_py.engine.processes import parse_process, processes
from containerd_py.runtime.cgroups.cgroup import Cgroup

TICKS = os.sysconf("SC_CLK_TCK")
STATUS = b"Name:\tx\nUid:\t1000\t0\t0\t0\nNSpid:\t4242\t17\t1\n"


def stat(name: bytes) -> bytes:
    fields = ["S", "815", *["0"] * 9, str(2 * TICKS), str(TICKS), "0", "0", "20", "0", "3", "0", str(10 * TICKS), "0", "5"]
    return b"4242 (" + name + b") " + " ".join(fields).encode() + b" 0 0\n"


@pytest.mark.parametrize("name", [b"sh", b"a b", b") R 1 (x", b"", b"\xff\n"])
def test_a_process_is_read_whatever_its_name(name: bytes) -> None:
    found = parse_process(4242, stat=stat(name), status=STATUS, cmdline=b"/bin/sh\0-c\0\0", booted_at=1_000.0)
    assert (found.pid, found.container_pid, found.parent_pid, found.user_id) == (4242, 1, 815, 1000)
    assert (found.state, found.threads, found.cpu_ns) == ("S", 3, 3 * 10**9)
    assert found.rss_bytes == 5 * os.sysconf("SC_PAGE_SIZE")
    assert found.started_at == datetime.fromtimestamp(1_010, UTC)
    assert found.args == ("/bin/sh", "-c", "")
    assert found.name == name.decode(errors="backslashreplace")


def test_without_a_command_line_it_is_its_name() -> None:
    """Of a zombie, and of a thread of the kernel; without NSpid (no pid namespaces), the number is the same within."""
    found = parse_process(7, stat=stat(b"defunct"), status=b"Uid:\t0\t0\t0\t0\n", cmdline=b"", booted_at=0.0)
    assert (found.args, found.container_pid) == (("defunct",), 7)


def test_a_cgroup_that_is_gone_has_no_process() -> None:
    assert processes(Cgroup("/nowhere", ())) == ()
