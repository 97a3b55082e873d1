"""Work inside another network namespace."""

from __future__ import annotations

from containerd_py.runtime.linux.process import Clone, setns
from containerd_py.runtime.linux.threads import on_own_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Result = TypeVar("Result")


def run_inside(netns: int, work: Callable[[], Result]) -> Result:
    """Run `work` in the network namespace `netns`, a descriptor; return or raise what it does. Raises OSError: setns(2)."""

    def enter() -> Result:
        setns(netns, Clone.NEWNET)
        return work()

    return on_own_thread(enter, "netns")
