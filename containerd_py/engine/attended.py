"""What the daemon holds of a process that it attends: a container's first one, or one that was executed in a container."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from containerd_py.engine.changes import Changes
from containerd_py.runtime.linux.pidfd import WaitStatus

if TYPE_CHECKING:
    import socket

    from containerd_py.engine.output import OutputLog
    from containerd_py.engine.stdio import Stdio
    from containerd_py.runtime.linux.fd import Fd
    from containerd_py.runtime.plan.plan import Plan


class Attended:
    """pidfd, control, stdio: open while they are of use; the spawner has a duplicate of each."""

    def __init__(self, log: OutputLog) -> None:
        self.log = log
        self.changes = Changes()
        self.lock = asyncio.Lock()
        self.pidfd: Fd | None = None
        self.control: socket.socket | None = None
        self.stdio: Stdio | None = None
        self.plan: Plan | None = None
        self.ended: WaitStatus | None = None
        """How its process ended: known from the spawner a moment before it is on record."""
        self.deleted = False
        self.exit_recorded = True
        """False where its end could not be stored: then the spawner must not forget it."""

    @property
    def title(self) -> str:
        """What errors call it, after a verb: "container 'web'"."""
        raise NotImplementedError

    def note_end(self, status: WaitStatus) -> None:
        """It has ended so, as somebody tells who may have seen it; who has not does not undo what is known."""
        if self.ended is None or status != WaitStatus(None, None):
            self.ended = status

    def oom_kills(self) -> int:
        """Return how many of its processes the kernel has killed for want of memory; 0 where nobody counts."""
        return 0

    def fds(self) -> dict[str, int]:
        """Return the descriptors that the spawner keeps too, by name."""
        control = {} if self.control is None else {"control": self.control.fileno()}
        return (self.stdio.numbers() if self.stdio else {}) | control

    def release_control(self) -> None:
        if self.control is not None:
            self.control.close()
            self.control = None

    def close(self) -> None:
        """Close every descriptor; the processes are not touched."""
        self.release_control()
        if self.stdio is not None:
            self.stdio.close()
        if self.pidfd is not None:
            self.pidfd.close()
            self.pidfd = None
        self.log.close()
