"""The payload's readiness (sd_notify(3)): a socket of our own in the container, whose READY=1 goes on to our caller's.

The directory of the socket is bound into the container when it is created; the socket is bound when it is started.
"""

from __future__ import annotations

import os
import select

from containerd_py.light import contextlib, socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.spec.models import Spec

_LONGEST = 4096


class NotifySocket:
    """directory: that of the socket; the library removes it with the container."""

    def __init__(self, state_root: str, container_id: str) -> None:
        from containerd_py.runtime.state import NOTIFY_NAME, StateDirectory

        self._state = StateDirectory(state_root, container_id)
        self._id = container_id
        self.directory = self._state.notify_directory
        self._all = os.path.dirname(self.directory)
        self.path = os.path.join(self.directory, NOTIFY_NAME)
        self._made = False

    def told(self, spec: Spec) -> Spec:
        """Make the directory and return the specification with it as a mount, and the payload's NOTIFY_SOCKET.

        Raises InvalidArgument for what is no id, or a directory of somebody else's.
        """
        from containerd_py.runtime.making import check_id
        from containerd_py.runtime.notify import told

        check_id(self._id)
        os.makedirs(self._all, mode=0o700, exist_ok=True)
        with contextlib.suppress(FileExistsError):  # the id is taken, or was by a container that is gone
            os.mkdir(self.directory, 0o755)
            self._made = True
        self._check()
        return told(spec, self.directory, os.path.basename(self.path))

    @contextlib.contextmanager
    def listening(self) -> Iterator[socket.socket | None]:
        """Bind the socket, open to every user of the container; None for a container that was created without one."""
        if not os.path.isdir(self.directory):
            yield None
            return
        from containerd_py.runtime.notify import listen

        self._check()
        with listen(self.directory, os.path.basename(self.path)) as receiver:
            yield receiver

    def _check(self) -> None:
        """SECURITY R18: beside the state root may be /tmp, where others could have made them before us."""
        from containerd_py.runtime.state_root import check_owner

        for directory in (self._all, self.directory):
            check_owner(directory)

    def undo(self) -> None:
        """Remove what `told` made, where no container was made of it."""
        if self._made:
            self._state.remove_notify()


def relay(receiver: socket.socket, to: str, pid: int | None, ended: int) -> None:
    """Pass the payload's READY=1 on to the socket `to`, and with it the pid to watch; return once that was done.

    pid: None for a container that the caller of this command watches by this command itself.
    ended: a descriptor that becomes readable at the end of the container.
    """
    poll = select.poll()
    poll.register(receiver, select.POLLIN)
    poll.register(ended, select.POLLIN)
    while receiver.fileno() in (ready for ready, _ in poll.poll()):
        lines = receiver.recv(_LONGEST).splitlines()
        if any(line.startswith(b"READY=") for line in lines):
            _send(to, [line for line in lines if line.startswith(b"READY=")], pid)
            return


def _send(to: str, lines: list[bytes], pid: int | None) -> None:
    address = "\0" + to[1:] if to.startswith("@") else to
    told = [*lines, *([b"MAINPID=%d" % pid] if pid else [])]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
        sender.sendto(b"\n".join(told) + b"\n", address)  # nobody there: then nobody waits for it
