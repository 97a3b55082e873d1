"""What the parent opens for a plan before the worker is forked: namespaces to enter, trees of the host, user namespaces."""

from __future__ import annotations

import os

from containerd_py.errors import InvalidArgument
from containerd_py.light.contextlib import ExitStack
from containerd_py.runtime import userns
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.namespaces import FLAGS, kind_of
from containerd_py.runtime.linux.process import Clone
from containerd_py.runtime.oom import oom_score_adj, set_oom_score_adj
from containerd_py.runtime.spawner.request import Entering, ForkRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from containerd_py.runtime.plan.plan import Join, Plan


class Opened:
    """A context manager; blocking. handles: what goes to the worker with the plan, by name."""

    def __init__(self, plan: Plan, *, inside: tuple[int, tuple[str, ...]] | None = None) -> None:
        """inside: a process's pidfd, and the OCI names of those of its namespaces that the worker is to be born in.

        Raises InvalidArgument, NotSupported, Unavailable; then nothing stays open.
        """
        self._plan = plan
        self._open = ExitStack()
        self._joins: tuple[tuple[int, int], ...] = ()
        self.handles: dict[str, int] = {}
        try:
            self._joins = tuple(self._open_joins()) if inside is None else _all_of(*inside)
            if plan.sources:
                from containerd_py.runtime.sources import open_sources

                self._take(open_sources(plan))
        except BaseException:
            self._open.close()
            raise

    def meet(self, pid: int, pidfd: int) -> None:
        """Do what can only be done once the worker is there, and before it gets a plan that `waits`: add to the handles.

        Raises InvalidArgument, Unavailable.
        """
        if self._plan.user is not None and self._plan.maps_ids:
            userns.write_maps(pid, pidfd, self._plan.user)
            set_oom_score_adj(self._plan, pid, pidfd)
        if self._plan.sources:
            from containerd_py.runtime.sources import open_places

            self._take(open_places(self._plan, pid, pidfd))

    def _take(self, opened: dict[str, Fd]) -> None:
        for name, fd in opened.items():
            self.handles[name] = self._open.enter_context(fd).fileno()

    def fork_request(self, control: int, cgroup: int | None) -> ForkRequest:
        """control: the worker's end of its socket; cgroup: a cgroup v2 directory to be born in."""
        offsets = self._plan.time_offsets if "time" in self._plan.namespaces else None
        entering = Entering(self._joins, offsets, oom_score_adj(self._plan))
        return ForkRequest(control, self._plan.clone_flags(), cgroup, entering)

    def _open_joins(self) -> Iterator[tuple[int, int]]:
        """The user namespace may stand anywhere; a pid namespace comes last, since it is entered by children only."""
        if self._plan.staged and self._plan.user is not None:
            made = self._open.enter_context(userns.user_namespace(self._plan.user))
            yield made.fileno(), int(Clone.NEWUSER)
        for join in sorted(self._plan.joined, key=lambda join: join.kind == "pid"):
            yield self._open.enter_context(open_namespace(join)).fileno(), int(FLAGS[join.kind])

    def close(self) -> None:
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()


def _all_of(pidfd: int, kinds: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """At once: the kernel then looks at rights in the user namespace that is entered with them (setns(2)).

    But for a cgroup namespace, which is entered last (`ForkRequest.entered_last`).
    """
    others = sum(int(FLAGS[kind]) for kind in kinds if kind != "cgroup")
    last = ((pidfd, int(FLAGS["cgroup"])),) if "cgroup" in kinds else ()
    return (*(((pidfd, others),) if others else ()), *last)


def open_namespace(join: Join) -> Fd:
    """Open a namespace, checked to be of its kind. Raises InvalidArgument."""
    what = f"cannot join {join.kind} namespace {join.path!r}" + (f" ({join.origin})" if join.origin else "")
    try:
        fd = Fd(os.open(join.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    except OSError as problem:
        raise InvalidArgument(
            f"{what}: {problem.strerror}",
            step="namespaces",
            errno=problem.errno,
            hint="give a path such as /proc/PID/ns/net, or a file that such a namespace is bound on",
        ) from problem
    found = kind_of(fd.fileno())
    if found == FLAGS[join.kind]:
        return fd
    fd.close()
    names = [name for name, flag in FLAGS.items() if flag == found]
    cause = f"it is a {names[0]} namespace" if names else "it is no namespace"
    raise InvalidArgument(f"{what}: {cause}", step="namespaces", errno="EINVAL")
