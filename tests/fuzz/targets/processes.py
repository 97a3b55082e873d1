"""Name and arguments of a process, which are its own choice: 15 bytes of the name, then what /proc/PID/cmdline says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.engine.processes import parse_process

if TYPE_CHECKING:
    from pathlib import Path


def check(data: bytes, _folder: Path) -> None:
    name, cmdline = data[:15].split(b"\0")[0], data[15:]
    fields = [b"S", b"1", *[b"7"] * 48]
    told = name.replace(b"\\", rb"\\").replace(b"\n", rb"\n")
    status = b"Name:\t" + told + b"\nUid:\t5\t5\t5\t5\nNSpid:\t300\t3\n"
    stat = b"300 (" + name + b") " + b" ".join(fields) + b"\n"
    process = parse_process(300, stat=stat, status=status, cmdline=cmdline, booted_at=0.0)
    assert (process.container_pid, process.parent_pid, process.user_id, process.threads) == (3, 1, 5, 7)
