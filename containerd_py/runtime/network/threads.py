"""Work inside another network namespace, on a thread of its own that ends with it (setns(2) moves one thread)."""

from __future__ import annotations

import threading

from containerd_py.runtime.linux.process import Clone, setns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Result = TypeVar("Result")


def run_inside(netns: int, work: Callable[[], Result]) -> Result:
    """Run `work` in the network namespace `netns`, a descriptor; return or raise what it does. Raises OSError: setns(2)."""
    results: list[Result] = []
    problems: list[BaseException] = []

    def run() -> None:
        try:
            setns(netns, Clone.NEWNET)
            results.append(work())
        except BaseException as problem:
            problems.append(problem)

    thread = threading.Thread(target=run, name="netns")
    thread.start()
    thread.join()
    if problems:
        raise problems[0]
    return results[0]
