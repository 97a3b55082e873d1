"""Resources, normalised once before a backend is chosen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeviceRule:
    """kind: "a", "b" or "c"; major, minor: None is any; access: some of "rwm"."""

    allow: bool
    kind: str = "a"
    major: int | None = None
    minor: int | None = None
    access: str = "rwm"


@dataclass(frozen=True, slots=True)
class Resources:
    """pids_limit: tasks, None where no limit was asked for, -1 for explicitly none. devices: in order, the last counts."""

    pids_limit: int | None = None
    devices: tuple[DeviceRule, ...] = ()

    def controllers(self) -> tuple[str, ...]:
        """Return the controllers that the request cannot do without."""
        wanted = {"pids": self.pids_limit is not None, "devices": bool(self.devices)}
        return tuple(name for name, needed in wanted.items() if needed)


@dataclass(frozen=True, slots=True)
class FileValue:
    """One write to one control file; a file may be written several times in order."""

    name: str
    text: str
