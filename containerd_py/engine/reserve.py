"""Descriptors that are kept for what must go on where there are no others: kill, stop and delete (SECURITY R14)."""

from __future__ import annotations

import errno
import os
import threading
from typing import TYPE_CHECKING, TypeVar

from containerd_py.runtime.linux.fd import Fd

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")

_LACKING = (errno.EMFILE, errno.ENFILE)
"""Of this process, of the system: giving some back helps in either case."""
_COUNT = 8
_ATTEMPTS = 20


class Reserve:
    """`fill` before use. From any thread."""

    def __init__(self) -> None:
        self._kept: list[Fd] = []
        self._lock = threading.Lock()

    def fill(self) -> None:
        """As far as there are descriptors to be had; what was given away comes back with the next call."""
        try:
            while len(self._kept) < _COUNT:
                self._kept.append(Fd(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)))
        except OSError:
            return

    def close(self) -> None:
        for fd in self._kept:
            fd.close()
        self._kept.clear()

    def retry(self, work: Callable[[], Result]) -> Result:
        """Do it; where descriptors run out do it again with those that are kept here. It can be done twice, in part too.

        Others may take them first: so it is tried some times. Raises what `work` raises.
        """
        try:
            return work()
        except OSError as problem:
            if problem.errno not in _LACKING:
                raise
        with self._lock:
            for _ in range(_ATTEMPTS):
                self.close()
                try:
                    return work()
                except OSError as problem:
                    if problem.errno not in _LACKING:
                        raise
                finally:
                    self.fill()
        return work()
