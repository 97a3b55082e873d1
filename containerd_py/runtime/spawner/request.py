"""What is asked of who forks a worker: the spawner, or a launcher."""

from __future__ import annotations

from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.linux.process import Clone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True)
class Entering:
    """Where the worker is to be born. joins: descriptors and their flags of setns(2), a pid namespace after the others.

    time_offsets: lines for the timens_offsets of a new time namespace, None without one. oom_score_adj: set before it is
    there, where that is permitted.
    """

    joins: tuple[tuple[int, int], ...] = ()
    time_offsets: str | None = None
    oom_score_adj: int | None = None

    def __bool__(self) -> bool:
        return bool(self.joins) or self.time_offsets is not None

    @property
    def cgroups(self) -> bool:
        """True where a cgroup namespace is among them."""
        return any(flags & Clone.NEWCGROUP for _fd, flags in self.joins)


@dataclass(frozen=True)
class ForkRequest:
    """control: what the worker listens to; flags: namespaces to make; cgroup: a cgroup v2 directory to be born in."""

    control: int
    flags: Clone
    cgroup: int | None = None
    entering: Entering = Entering()

    def entered_last(self) -> tuple[tuple[int, int], ...]:
        """Return those of the joins that the worker does itself, once it is in its cgroup: cgroup namespaces.

        Where cgroup2 is mounted with nsdelegate, as by systemd, nothing is moved into a cgroup or born in it from within a
        namespace that the place it comes from lies outside of (cgroup-v2.rst, "Delegation Containment": ENOENT). A worker
        in a new user namespace has no right to enter one of the host's any more.
        """
        if self.flags & Clone.NEWUSER:
            return ()
        return tuple(join for join in self.entering.joins if join[1] == Clone.NEWCGROUP)

    def message(self) -> tuple[dict[str, Any], list[int]]:
        """Return the fields of a spawn message, and the descriptors that go with it."""
        joins, entering = self.entering.joins, self.entering
        fds = [self.control, *([] if self.cgroup is None else [self.cgroup]), *(fd for fd, _flags in joins)]
        flags = {"flags": int(self.flags), "joins": [flags for _fd, flags in joins]}
        values = {"time_offsets": entering.time_offsets, "oom_score_adj": entering.oom_score_adj}
        return {"cgroup": self.cgroup is not None, **values, **flags}, fds

    @classmethod
    def read(cls, message: dict[str, Any], fds: list[int]) -> tuple[ForkRequest, int]:
        """Read a spawn message; return the request and how many of the descriptors belong to it."""
        cgroup = 1 if message["cgroup"] else None
        first = 2 if cgroup else 1
        joins = tuple(zip(fds[first:], message["joins"], strict=False))
        entering = Entering(joins, message["time_offsets"], message.get("oom_score_adj"))
        return cls(fds[0], Clone(message["flags"]), fds[cgroup] if cgroup else None, entering), first + len(joins)
