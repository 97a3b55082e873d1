"""Freezing the interpreter before it meets a hostile root (SECURITY R4).

From then on nothing is imported and nothing is opened by name through Python: below the new root a codec, a name
service or a late import would be the image's code, run as root of the host.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_FORBIDDEN = frozenset(
    ("open", "import", "ctypes.dlopen", "os.listdir", "os.scandir", "subprocess.Popen", "socket.getaddrinfo")
)
_DROPPED = ("pwd", "grp", "traceback", "linecache", "logging", "inspect", "tokenize")


class Guard:
    """Set up once, before forking, where it costs nothing; armed by each worker, for good.

    Until then violations are let through: the spawner itself opens files of /proc.
    """

    def __init__(self) -> None:
        self._report: Callable[[str], None] | None = None

    def install(self) -> None:
        """Take imports away from this process and its children, and watch what they open."""
        sys.meta_path.clear()
        sys.path.clear()
        sys.path_hooks.clear()
        sys.path_importer_cache.clear()
        for name in _DROPPED:
            sys.modules.pop(name, None)
        sys.addaudithook(self._watch)

    def arm(self, report: Callable[[str], None]) -> None:
        """From now on a violation is told by `report(text)` and ends the process."""
        self._report = report

    def _watch(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._report is not None and event in _FORBIDDEN:
            self._report(f"a frozen worker tried {event} {arguments[:1]!r}")
            os._exit(1)


GUARD = Guard()
"""An audit hook cannot be taken away again (PEP 578), so there is one for each process."""
