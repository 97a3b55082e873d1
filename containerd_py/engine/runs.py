"""One run of a container, from its worker to its end. A container that is started again has another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from containerd_py.engine.views import Exit


class Run:
    """Whoever follows a container follows one run of it, and learns here how that one ended.

    exit: None before its end. output_end: where its output ends in the log of all runs; None before its end.
    """

    def __init__(self) -> None:
        self.exit: Exit | None = None
        self.output_end: int | None = None
        self.next: Run | None = None
        """The run that came after it, once there is one."""

    def end(self, ended: Exit | None, output_end: int) -> None:
        self.exit = ended
        self.output_end = output_end
