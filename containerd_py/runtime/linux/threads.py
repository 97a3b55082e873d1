"""Work on a thread of its own that ends with it: setns(2) and unshare(2) change one thread, which nobody is to get back."""

from __future__ import annotations

import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Result = TypeVar("Result")


def on_own_thread(work: Callable[[], Result], name: str) -> Result:
    """Do it, and return or raise what it does."""
    results: list[Result] = []
    problems: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as problem:
            problems.append(problem)

    thread = threading.Thread(target=run, name=name)
    thread.start()
    thread.join()
    if problems:
        raise problems[0]
    return results[0]
