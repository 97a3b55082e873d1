"""The end of a container of the library: what runs is killed, and everything that was made is removed."""

from __future__ import annotations

from containerd_py.errors import (
    DeadlineExceeded,
    Internal,
    NotFound,
)
from containerd_py.light import contextlib, signal
from containerd_py.light.dataclasses import replace
from containerd_py.runtime import hooks
from containerd_py.runtime.cgroups import killing
from containerd_py.runtime.cgroups.destroying import destroy
from containerd_py.runtime.known import Known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.launcher import ProcessHandle
    from containerd_py.runtime.linux.pidfd import WaitStatus
    from containerd_py.runtime.spec.hooks import Hook
    from containerd_py.runtime.spec.linux import Linux

_KILL_S = 10.0


class Ending(Known):
    """A container that can be destroyed."""

    def destroy(self, *, force: bool = False) -> None:
        """Remove everything that was made; what runs is killed with `force`. A second call does nothing.

        Raises Conflict for a running container without `force`; DeadlineExceeded where it cannot be killed, and stays.
        """
        if self._state.status == "destroyed":
            return
        if force:
            self._end_all()
        with contextlib.suppress(NotFound):  # another process was first
            with self._directory.locked():
                if not force:
                    self._check("destroy", "creating", "created", "stopped")
                document = replace(self.state(), status="stopped", pid=0).document()
                poststop, linux = self._to_undo(force=force)
                self._release(linux)
                self._directory.remove()
            hooks.run_all("poststop", poststop, document)
        self._state = replace(self._state, status="destroyed", pid=0)

    def _end_all(self) -> None:
        """Without taking turns: a payload can stop the worker of an exec, and keep whose turn it is for ever.

        As long as the process lives, the cgroup is its container's and no namesake's.
        """
        if self._process is not None and not self._process.has_ended():
            killing.kill(self._state.cgroup)
            self._process.signal(signal.SIGKILL)

    def _to_undo(self, *, force: bool) -> tuple[tuple[Hook, ...], Linux | None]:
        """Return what the document says of the end: hooks, and what was provided. With `force` it may be damaged."""
        try:
            return self._hooks("poststop"), self.spec.linux if "intelRdt" in self._document.get("linux", {}) else None
        except (Internal, NotFound) as problem:
            if not force:
                raise
            import logging  # seldom needed, and not cheap

            logging.getLogger(__name__).warning("%s; its poststop hooks are not run", problem.message)
            return (), None

    def _release(self, linux: Linux | None) -> None:
        """End every process, remove the cgroup, take back what was provided, close the descriptors."""
        if self._status is None and self._process is not None:
            self._status = self._end(self._process)
        destroy(self._state.cgroup)
        if linux is not None:
            from containerd_py.runtime.provision import take_back

            take_back(linux, self._state.id)
        self.close()

    def _end(self, payload: ProcessHandle) -> WaitStatus:
        if not payload.has_ended():
            payload.signal(signal.SIGKILL)
            killing.kill(self._state.cgroup)  # frozen by the freezer of v1, it dies when it is thawed only
        if not payload.has_ended(timeout_s=_KILL_S):
            raise DeadlineExceeded(
                f"cannot end container {self._state.id!r}: process {payload.pid} was killed {_KILL_S:g} s ago and stays",
                step="kill",
                hint=f"somebody else may have frozen it, see /proc/{payload.pid}/cgroup, or it waits for a device",
            )
        return payload.reap()

    def close(self) -> None:
        """Close what is open here; the container stays."""
        if self._process is not None:
            self._process.close()
        if self._terminal is not None:
            self._terminal.close()
