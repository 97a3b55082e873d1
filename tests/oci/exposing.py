"""What ordinary users need to run our Python, where it lies in directories that are root's alone."""

import sys
from pathlib import Path

import containerd_py


def hidden(path: Path) -> Path | None:
    """Return the first directory on the way to a path that others may not enter, such as /root."""
    ways = [parent for parent in reversed(path.parents) if not parent.stat().st_mode & 0o001]
    return ways[0] if ways else None


def exposing(place: Path) -> str:
    """Return what a shell does, in a mount namespace of its own, for users to reach our Python in directories of root's."""
    programs = {Path(sys.base_prefix), Path(sys.prefix), Path(containerd_py.__path__[0]).parent}
    paths = {path for path in programs if hidden(path)}
    script = ""
    for number, path in enumerate(sorted(paths)):
        (place / f"exposed{number}").mkdir()
        script += f"mount --rbind {path} {place}/exposed{number} || exit 125\n"
    for directory in sorted({found for path in paths if (found := hidden(path))}):
        script += f"mount -t tmpfs -o mode=755 tmpfs {directory} || exit 125\n"
    for number, path in enumerate(sorted(paths)):
        script += f"mkdir -p {path} && mount --rbind {place}/exposed{number} {path} || exit 125\n"
    return script
