"""What the daemon does for a worker or payload because the OCI document asks for it: hooks, seccomp agents. In threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from containerd_py.engine.own_thread import in_own_thread
from containerd_py.runtime import hooks
from containerd_py.runtime.parent import bring_up, hand_over_listener
from containerd_py.runtime.spec.models import parse
from containerd_py.runtime.state import State

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from containerd_py.engine.containers import Container
    from containerd_py.runtime.cgroups.cgroup import Cgroup
    from containerd_py.runtime.linux.fd import Fd


class Attendant:
    """bundle: what hooks are told; the container's own directory, where config.json lies. pid: 0 for one that has ended."""

    def __init__(self, container: Container, bundle: str, pid: int) -> None:
        self._container = container
        self._bundle = bundle
        self._pid = pid
        self.joining: Awaitable[Cgroup] | None = None
        """What puts the worker into its cgroup, where it was not born there."""
        self.joined: Cgroup | None = None
        """The cgroup that it is in, where that had to be found out."""
        self.hooked = False
        """True once hooks may have run: those for the container's end are owed then."""

    async def join(self) -> None:
        """Return when the worker is in its cgroup, with all its limits. Raises ContainerdError."""
        if self.joining is not None:
            self.joined = await self.joining

    async def bring_up(self) -> bytes:
        """Do what only the parent can while the worker waits; return the container's state. Raises what a hook did."""
        self.hooked = True
        spec = parse(self._container.config)
        return await in_own_thread(bring_up, spec, self._state("creating"))

    async def hand_over(self, listener: Fd) -> None:
        """Give the listener of a seccomp filter to the agent that the document names. Raises ContainerdError."""
        spec = parse(self._container.config)
        await in_own_thread(hand_over_listener, spec, self._state("creating"), listener)

    async def tell(self, moment: Literal["poststart", "poststop"], status: str) -> None:
        """Run hooks for what has happened; whatever becomes of them, it cannot be undone."""
        if not self._container.config.get("hooks"):
            return
        wanted = getattr(parse(self._container.config).hooks, moment)
        await in_own_thread(hooks.run_all, moment, wanted, self._state(status).document())

    def _state(self, status: str) -> State:
        annotations = self._container.config.get("annotations", {})
        return State(self._container.id, status, self._pid, self._bundle, annotations)
