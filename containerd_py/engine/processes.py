"""The processes of a container, read from the host's /proc: nothing runs in the container, and it cannot know of it.

A number is looked at only while the process is held by its pidfd and seen in the cgroup after that, and what was read
counts only if it is there still (SECURITY R10).
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.cgroups.members import pids
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.pidfd import pidfd_send_signal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.cgroups.manager import Cgroup

_BATCH = 64  # pidfds at a time
_LONGEST = 4096  # of a command line
_NS = 10**9
_GONE = (ProcessLookupError, FileNotFoundError)
_FLAGS = 9 - 2  # their place after the name
_PF_EXITING = 0x4


@dataclass(frozen=True)
class Process:
    """pid, parent_pid, user_id: as the host has them; container_pid: as the container's own pid namespace does.

    state: "R", "S" and so on (proc_pid_stat(5)). args: cut off after 4096 bytes; the name where there are none.
    """

    pid: int
    container_pid: int
    parent_pid: int
    user_id: int
    state: str
    name: str
    args: tuple[str, ...]
    threads: int
    cpu_ns: int
    rss_bytes: int
    started_at: datetime


def processes(cgroup: Cgroup, *, command_lines: bool = True) -> tuple[Process, ...]:
    """Blocking. Return what is in the cgroup and below, by ascending pid.

    command_lines: else there are none. To read them takes as long as the processes want.
    """
    listed = iter(pids(cgroup))
    found: list[Process] = []
    while batch := tuple(islice(listed, _BATCH)):
        found += _read_batch(cgroup, batch, command_lines=command_lines)
    return tuple(found)


def _read_batch(cgroup: Cgroup, batch: tuple[int, ...], *, command_lines: bool) -> Iterator[Process]:
    held: dict[int, Fd] = {}
    try:
        for pid in batch:
            with suppress(ProcessLookupError):
                held[pid] = Fd(os.pidfd_open(pid))
        members = set(pids(cgroup))
        for pid, pidfd in held.items():
            if pid in members:
                with suppress(*_GONE):
                    process = _read(pid, command_line=command_lines)
                    pidfd_send_signal(pidfd.fileno(), 0)
                    yield process
    finally:
        for pidfd in held.values():
            pidfd.close()


def _read(pid: int, *, command_line: bool) -> Process:
    """Raises ProcessLookupError, FileNotFoundError where it is gone."""
    return parse_process(
        pid,
        stat=_content(pid, "stat"),
        status=_content(pid, "status"),
        cmdline=_content(pid, "cmdline") if command_line else b"",
        booted_at=time.time() - time.clock_gettime(time.CLOCK_BOOTTIME),
    )


def parse_process(pid: int, *, stat: bytes, status: bytes, cmdline: bytes, booted_at: float) -> Process:
    """Read the files of that name in /proc/PID. The name may hold anything, parentheses and blanks as well."""
    before, _, after = stat.rpartition(b")")
    name = before.partition(b"(")[2].decode(errors="backslashreplace")
    fields = after.decode().split()  # from field 3 of proc_pid_stat(5) on
    ticks = os.sysconf("SC_CLK_TCK")
    lines = dict(line.split(":\t", 1) for line in status.decode(errors="backslashreplace").splitlines() if ":\t" in line)
    args = tuple(part.decode(errors="backslashreplace") for part in cmdline.removesuffix(b"\0").split(b"\0") if cmdline)
    return Process(
        pid=pid,
        container_pid=int(lines.get("NSpid", str(pid)).split()[-1]),
        parent_pid=int(fields[1]),
        user_id=int(lines["Uid"].split()[0]),
        state=fields[0],
        name=name,
        args=args or (name,),
        threads=int(fields[17]),
        cpu_ns=(int(fields[11]) + int(fields[12])) * _NS // ticks,
        rss_bytes=int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
        started_at=datetime.fromtimestamp(booted_at + int(fields[19]) / ticks, UTC),
    )


def _content(pid: int, name: str) -> bytes:
    with Fd(os.open(f"/proc/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)) as file:
        return os.read(file.fileno(), _LONGEST)


def is_exiting(pid: int | None) -> bool:
    """True for one that is on its way out (PF_EXITING), or gone: the first of a pid namespace takes all in it along."""
    stat = b""
    with suppress(*_GONE):
        stat = b"" if pid is None else _content(pid, "stat")
    fields = stat.rpartition(b")")[2].split()  # from field 3 of proc_pid_stat(5) on
    return len(fields) < _FLAGS or fields[0] in (b"Z", b"X") or bool(int(fields[_FLAGS - 1]) & _PF_EXITING)
