"""When a payload begins, for who may be interrupted meanwhile and has to undo what has not begun."""

from __future__ import annotations

from containerd_py.runtime.init import dialogue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.light import socket


class Beginning:
    """The beginning of one payload. Give it to what starts it, and ask it at any time, from a signal handler too."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self.ended_ns: tuple[int, ...] = ()
        self.heard = False
        """The worker's last word has been read: that it becomes the payload."""

    def watch(self, control: socket.socket) -> None:
        """control: our end of the worker's socket."""
        self._control = control

    def has_come(self) -> bool:
        """True once the worker has nothing left to do but to become the payload, whether that was read already or not.

        True also where it is gone: then there is nothing that could still begin.
        """
        return self.heard or (self._control is not None and dialogue.has_left(self._control))
