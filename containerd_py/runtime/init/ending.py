"""Signals that ask a worker to end while it waits for its start: who kills a container that was only created sends them.

To the first process of a pid namespace they are nothing unless it handles them (pid_namespaces(7)).
"""

from __future__ import annotations

import os

from containerd_py.light import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def end_when_asked() -> None:
    """Handle them; exec takes that back. Before any filter, which may allow no rt_sigaction(2)."""
    for number in _ENDING:
        signal.signal(number, _end)


def _end(number: int, _frame: object) -> NoReturn:
    os._exit(128 + number)
