"""What the host has mounted: cgroup v2, v1 hierarchies, or both; and where this process itself lies in them."""

from __future__ import annotations

import os

from containerd_py.light.dataclasses import dataclass, field
from containerd_py.runtime.linux.proc_text import lines, read_text

# Options of cgroup v1's superblock that are no controllers (kernel/cgroup/cgroup-v1.c, cgroup1_show_options)
_NO_CONTROLLER = ("rw", "ro", "xattr", "clone_children", "noprefix", "cpuset_v2_mode", "favordynmods")

NAMED = "name=systemd"


@dataclass(frozen=True)
class Layout:
    """v2: where cgroup2 is mounted; v2_controllers: bound to it; v1: controller to the mount point of its hierarchy.

    named: the same of the hierarchy without controllers that service managers keep (`NAMED`).
    own: the directory of this process's own cgroup, by mount point. Without one, it is the mount point.
    """

    v2: str | None
    v2_controllers: tuple[str, ...]
    v1: dict[str, str]
    own: dict[str, str] = field(default_factory=dict, compare=False)
    named: dict[str, str] = field(default_factory=dict)

    @property
    def hierarchies(self) -> dict[str, str]:
        """Where each hierarchy of cgroup v1 is mounted, by what is bound to it."""
        return self.v1 | self.named

    def driver(self) -> str:
        """Return the name that is shown to people."""
        if not self.v1:
            return "cgroupfs-v2"
        return "cgroupfs-hybrid" if self.v2 else "cgroupfs-v1"

    def controllers(self) -> tuple[str, ...]:
        return tuple(sorted({*self.v2_controllers, *self.v1}))


def probe(mountinfo: str = "/proc/self/mountinfo", membership: str = "/proc/self/cgroup") -> Layout:
    """Read the layout from proc_pid_mountinfo(5) and cgroups(7). The first mount of each hierarchy counts."""
    return parse_mountinfo(read_text(mountinfo), read_text(membership))


def parse_mountinfo(text: str, membership: str = "") -> Layout:
    """text, membership: the contents of /proc/PID/mountinfo and /proc/PID/cgroup."""
    v2: str | None = None
    v1: dict[str, str] = {}
    named: dict[str, str] = {}
    own: dict[str, str] = {}
    lies_in = parse_membership(membership)
    for line in lines(text):
        before, _, after = line.partition(" - ")
        fstype, _source, *options = after.split(" ")
        root, where = before.split(" ")[3:5]
        if fstype == "cgroup2":
            v2 = v2 or where
            own.setdefault(where, _own(where, root, lies_in.get("", "/")))
        elif fstype == "cgroup":
            for name in options[0].split(","):
                if name == NAMED or ("=" not in name and name not in _NO_CONTROLLER):
                    (named if name == NAMED else v1).setdefault(name, where)
                    own.setdefault(where, _own(where, root, lies_in.get(name, "/")))
    return Layout(v2, _controllers(v2), v1, own, named)


def parse_membership(text: str) -> dict[str, str]:
    """Return controller to path in its hierarchy; that of cgroup v2 has no name (cgroups(7), "/proc/pid/cgroup")."""
    found: dict[str, str] = {}
    for line in lines(text):
        _number, names, path = line.split(":", 2)
        found |= dict.fromkeys(names.split(","), path)
    return found


def _own(where: str, root: str, path: str) -> str:
    """Return the directory of a cgroup below a mount that may show a part of the hierarchy only, as in a container."""
    if root != "/":
        path = path.removeprefix(root) if path == root or path.startswith(f"{root}/") else ""
    return os.path.normpath(f"{where}/{path}") if ".." not in path.split("/") else where


def _controllers(v2: str | None) -> tuple[str, ...]:
    if v2 is None:
        return ()
    try:
        with open(os.path.join(v2, "cgroup.controllers"), encoding="utf-8") as file:
            return tuple(file.read().split())
    except OSError:
        return ()
