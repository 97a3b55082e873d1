"""What the host has mounted: cgroup v2, v1 hierarchies, or both."""

from __future__ import annotations

import os
from dataclasses import dataclass

# Options of cgroup v1's superblock that are no controllers (kernel/cgroup/cgroup-v1.c, cgroup1_show_options)
_NO_CONTROLLER = ("rw", "ro", "xattr", "clone_children", "noprefix", "cpuset_v2_mode", "favordynmods")


@dataclass(frozen=True, slots=True)
class Layout:
    """v2: where cgroup2 is mounted; v2_controllers: bound to it; v1: controller to the mount point of its hierarchy."""

    v2: str | None
    v2_controllers: tuple[str, ...]
    v1: dict[str, str]

    def driver(self) -> str:
        """Return the name that is shown to people."""
        if not self.v1:
            return "cgroupfs-v2"
        return "cgroupfs-hybrid" if self.v2 else "cgroupfs-v1"

    def controllers(self) -> tuple[str, ...]:
        return tuple(sorted({*self.v2_controllers, *self.v1}))


def probe(mountinfo: str = "/proc/self/mountinfo") -> Layout:
    """Read the layout from proc_pid_mountinfo(5). The first mount of each hierarchy counts."""
    with open(mountinfo, encoding="utf-8", errors="surrogateescape") as file:
        return parse_mountinfo(file.read())


def parse_mountinfo(text: str) -> Layout:
    v2: str | None = None
    v1: dict[str, str] = {}
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fstype, _source, *options = after.split(" ")
        where = before.split(" ")[4]
        if fstype == "cgroup2":
            v2 = v2 or where
        elif fstype == "cgroup":
            for name in options[0].split(","):
                if "=" not in name and name not in _NO_CONTROLLER:
                    v1.setdefault(name, where)
    return Layout(v2, _controllers(v2), v1)


def _controllers(v2: str | None) -> tuple[str, ...]:
    if v2 is None:
        return ()
    try:
        with open(os.path.join(v2, "cgroup.controllers"), encoding="ascii") as file:
            return tuple(file.read().split())
    except OSError:
        return ()
