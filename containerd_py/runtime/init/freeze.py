"""Freezing the interpreter before it meets a hostile root (SECURITY R4).

From then on nothing is imported and nothing is opened by name through Python: below the new root a codec, a name
service or a late import would be the image's code, run as root of the host.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_FORBIDDEN = frozenset(
    ("open", "import", "ctypes.dlopen", "os.listdir", "os.scandir", "subprocess.Popen", "socket.getaddrinfo")
)
_DROPPED = ("pwd", "grp", "traceback", "linecache", "logging", "inspect", "tokenize")


def freeze(report: Callable[[str], None]) -> None:
    """Forbid imports and opens for good; a violation is reported by `report(text)` and ends the process."""
    sys.meta_path.clear()
    sys.path.clear()
    sys.path_hooks.clear()
    sys.path_importer_cache.clear()
    for name in _DROPPED:
        sys.modules.pop(name, None)

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if event in _FORBIDDEN:
            report(f"a frozen worker tried {event} {arguments[:1]!r}")
            os._exit(1)

    sys.addaudithook(refuse)
