"""What is known of a container of the library: its record, and what is so now, whoever changed it."""

from __future__ import annotations

from containerd_py.errors import Conflict, InvalidArgument
from containerd_py.light.dataclasses import replace
from containerd_py.light.functools import cached_property
from containerd_py.runtime.cgroups import freezer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from containerd_py.runtime.launcher import ProcessHandle
    from containerd_py.runtime.linux.fd import Fd
    from containerd_py.runtime.linux.pidfd import WaitStatus
    from containerd_py.runtime.spec.hooks import Hook
    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.state import State, StateDirectory

LIVE = ("created", "running", "paused")

_RUNCS_WORDS = {
    **dict.fromkeys(("pause", "update", "measure", "watch", "checkpoint"), "container not running"),
    "resume": "container not paused",
    "destroy": "cannot delete a container that is not stopped",
    "start": "cannot start an already running container",
    "start stopped": "cannot start a container that has stopped",
    "execute in stopped": "cannot exec in a stopped container",
}
"""Which callers look for."""


class Known:
    """The record of a container, and what this process holds open of it."""

    def __init__(
        self, directory: StateDirectory, state: State, handle: ProcessHandle | None, terminal: Fd | None = None
    ) -> None:
        self._directory = directory
        self._state = state
        self._process = handle
        self._terminal = terminal
        self._status: WaitStatus | None = None

    @property
    def pid(self) -> int:
        return self.state().pid

    @property
    def first_pid(self) -> int:
        """The pid of its first process as it was found, or made; whether that still runs is not asked."""
        return self._state.pid

    @property
    def cgroups(self) -> tuple[str, ...]:
        """The directories of its cgroup, whether it is still there or not."""
        return self._state.cgroups

    @cached_property
    def spec(self) -> Spec:
        """The document that it was made from."""
        from containerd_py.runtime.spec.models import parse

        try:
            return parse(self._document)
        except InvalidArgument as problem:
            raise self._directory.damaged("config.json", problem) from problem

    @cached_property
    def _document(self) -> dict[str, Any]:
        return self._directory.config()

    def _hooks(self, moment: Literal["poststart", "poststop"]) -> tuple[Hook, ...]:
        """Most documents have none, and need not be read for it."""
        hooks: tuple[Hook, ...] = getattr(self.spec.hooks, moment) if self._document.get("hooks") else ()
        return hooks

    def state(self) -> State:
        """Return what is so now, whoever changed it. Raises NotFound where another process has deleted it."""
        return self._now(met=False)

    def _now(self, *, met: bool) -> State:
        """met: who asks is about to connect to the worker, and learns by that whether it still waits."""
        if self._state.status == "destroyed":
            return self._state
        self._state = self._directory.read()
        if self._state.status in ("creating", *LIVE) and self._has_ended():
            return replace(self._state, status="stopped", pid=0)
        # Where no worker waits for start, whoever started it was killed.
        if self._state.status == "created" and not met and not self._directory.awaits_start():
            self._state = replace(self._state, status="running")
        if self._state.status in ("created", "running") and freezer.is_frozen(self._state.cgroup):
            return replace(self._state, status="paused")
        return self._state

    def _has_ended(self) -> bool:
        if self._state.status == "creating" and self._process is None:
            return False
        return self._process is None or self._process.has_ended()

    def _check(self, action: str, *allowed: str, met: bool = False) -> None:
        """met: as of `_now`."""
        found = self._now(met=met).status
        if found not in allowed:
            words = _RUNCS_WORDS.get(f"{action} {found}") or _RUNCS_WORDS.get(action)
            told = f"it is {found} ({words})" if words else f"it is {found}"
            raise Conflict(f"cannot {action} container {self._state.id!r}: {told}", step="state")

    def _remember(self, status: str) -> None:
        pid = 0 if status == "stopped" else self._state.pid
        self._state = replace(self._directory.read(), status=status, pid=pid)
        self._directory.write(self._state)
