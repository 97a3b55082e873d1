"""Names of units and slices, and where their cgroups lie (systemd.unit(5), systemd.slice(5))."""

from __future__ import annotations

import re

from containerd_py.errors import InvalidArgument
from containerd_py.light.dataclasses import dataclass

PREFIX = "pycontainerd"
_LONGEST = 255  # UNIT_NAME_MAX less one
_VALID = re.compile(r"[a-zA-Z0-9:_.\\-]")
_SLICE_PART = re.compile(r"[a-zA-Z0-9:_.\\@]+", re.ASCII)
_ROOT = "-.slice"
# Of cgroup v1, so that a directory is never taken for a control file (cg_needs_escape of systemd)
_CONTROL_FILES = ("notify_on_release", "release_agent", "tasks")
_CONTROLLERS = ("cgroup", "cpu", "cpuacct", "cpuset", "io", "blkio", "memory", "devices", "pids")


@dataclass(frozen=True)
class UnitPlace:
    """A scope's name and its slice."""

    slice: str
    name: str

    def path(self, root: str = "") -> str:
        """Return the path of its cgroup in each hierarchy. root: the service manager's cgroup ("" for the system's)."""
        return f"{root}{slice_path(self.slice)}/{_escaped(self.name)}"


def scope_of(container_id: str, slice_name: str) -> UnitPlace:
    """Return the scope of a container whose document names none."""
    return UnitPlace(slice_name, _scope(PREFIX, container_id))


def container_of(name: str) -> str | None:
    """Return the id of the container that a scope of `scope_of` is for; None for any other unit."""
    text = name.removeprefix(f"{PREFIX}-").removesuffix(".scope")
    if name != f"{PREFIX}-{text}.scope":
        return None
    return re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), text)


def parse_place(text: str, container_id: str, *, default_slice: str) -> UnitPlace:
    """Read `linux.cgroupsPath` as runc does with --systemd-cgroup: "slice:prefix:name"; "" names none.

    An empty slice is the default one. Raises InvalidArgument.
    """
    if not text:
        return scope_of(container_id, default_slice)
    parts = text.split(":")
    if len(parts) != 3:
        raise InvalidArgument(
            f"cannot use cgroup {text!r} (linux.cgroupsPath): with systemd it is of the form slice:prefix:name",
            step="cgroup",
            hint="such as machine.slice:pycontainerd:web, or have cgroups made without systemd",
        )
    slice_name, prefix, name = parts
    if not name or name.endswith(".slice"):
        raise InvalidArgument(
            f"cannot use cgroup {text!r} (linux.cgroupsPath): {'a slice is no' if name else 'it names no'} scope",
            step="cgroup",
        )
    check_slice(slice_name or default_slice)
    return UnitPlace(slice_name or default_slice, _scope(prefix, name))


def _scope(prefix: str, name: str) -> str:
    """As runc does also without a prefix: "-name.scope"."""
    for part in (prefix, name):
        if not re.fullmatch(r"[a-zA-Z0-9:_.\\@+-]*", part, re.ASCII):
            raise InvalidArgument(
                f"cannot name a scope after {part!r}: a character of it is none of a unit's name",
                step="cgroup",
                hint="letters, digits and : _ . + - are",
            )
    found = f"{_unit_text(prefix)}-{_unit_text(name)}.scope"
    if len(found) > _LONGEST:
        raise InvalidArgument(f"cannot name a scope {found!r}: it has more than {_LONGEST} characters", step="cgroup")
    return found


def _unit_text(text: str) -> str:
    """Escape what an id may have and a unit's name may not (systemd-escape(1))."""
    return "".join(one if _VALID.fullmatch(one) else f"\\x{ord(one):02x}" for one in text)


def check_slice(name: str) -> None:
    """Raises InvalidArgument for what systemd takes for no slice. One that is not there it makes itself."""
    parts = name.removesuffix(".slice").split("-")
    if name != _ROOT and (not name.endswith(".slice") or not all(_SLICE_PART.fullmatch(part) for part in parts)):
        raise InvalidArgument(
            f"cannot use slice {name!r}: not the name of a slice",
            step="cgroup",
            hint="such as machine.slice; a-b.slice lies in a.slice",
        )
    if len(name) > _LONGEST or ".." in name:
        raise InvalidArgument(f"cannot use slice {name!r}: it is too long, or has two dots in a row", step="cgroup")


def slice_path(name: str) -> str:
    """Return the path of a slice's cgroup: each dash is a slice that it lies in ("/a.slice/a-b.slice" of "a-b.slice")."""
    if name == _ROOT:
        return ""
    parts = name.removesuffix(".slice").split("-")
    return "".join(f"/{_escaped('-'.join(parts[: depth + 1]) + '.slice')}" for depth in range(len(parts)))


def below(slice_name: str, name: str) -> str:
    """Return the name of a slice in another one."""
    return f"{name}.slice" if slice_name in ("", _ROOT) else f"{slice_name.removesuffix('.slice')}-{name}.slice"


def _escaped(name: str) -> str:
    """systemd puts a "_" before what could be a control file of cgroup v1."""
    needs = name[0] in "_." or name in _CONTROL_FILES or name.split(".")[0] in _CONTROLLERS
    return f"_{name}" if needs else name
