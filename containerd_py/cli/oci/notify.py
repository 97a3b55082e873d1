"""The payload's readiness (sd_notify(3)): a socket of our own in the container, whose READY=1 goes on to our caller's.

The directory of the socket is bound into the container when it is created; the socket is bound when it is started.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from containerd_py.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.cli.oci.context import Context
    from containerd_py.runtime.spec.models import Spec

_INSIDE = "/run/notify"
_NAME = "notify.sock"
_LONGEST = 4096
_OPTIONS = ("bind", "nosuid", "noexec", "nodev", "ro")


@dataclass(frozen=True, slots=True)
class NotifySocket:
    """directory: that of the socket, beside the state root, in which there are containers only."""

    directory: str

    @classmethod
    def of(cls, state_root: str, container_id: str) -> Self:
        return cls(os.path.join(f"{state_root}.notify", container_id))

    @property
    def path(self) -> str:
        return os.path.join(self.directory, _NAME)

    def told(self, spec: Spec) -> Spec:
        """Make the directory and return the specification with it as a mount, and the payload's NOTIFY_SOCKET."""
        from containerd_py.runtime.spec.models import Mount

        os.makedirs(os.path.dirname(self.directory), mode=0o700, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkdir(self.directory, 0o755)
        mount = Mount(destination=_INSIDE, type="bind", source=self.directory, options=_OPTIONS)
        update: dict[str, object] = {"mounts": (*spec.mounts, mount)}
        if spec.process is not None:
            env = (*spec.process.env, f"NOTIFY_SOCKET={_INSIDE}/{_NAME}")
            update["process"] = spec.process.model_copy(update={"env": env})
        return spec.model_copy(update=update)

    @contextlib.contextmanager
    def listening(self) -> Iterator[socket.socket | None]:
        """Bind the socket, open to every user of the container; None for a container that was created without one."""
        if not os.path.isdir(self.directory):
            yield None
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)
            receiver.bind(self.path)
            os.chmod(self.path, 0o777)  # noqa: S103 - the payload's user is not ours
            yield receiver

    def discard(self, *, unless_taken_by: Context) -> None:
        """Remove it after a creation that failed, which may have been because the id, and so this, is another's."""
        with contextlib.suppress(Exception):  # the first error is the one to tell
            try:
                unless_taken_by.load(os.path.basename(self.directory))
            except NotFound:
                self.remove()

    def remove(self) -> None:
        """Remove the socket and its directory, and that of all with the last one; a second call does nothing."""
        with contextlib.suppress(OSError):
            os.unlink(self.path)
        for directory in (self.directory, os.path.dirname(self.directory)):
            with contextlib.suppress(OSError):
                os.rmdir(directory)


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
