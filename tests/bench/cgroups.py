"""Cgroups that others leave behind them."""

import contextlib
import shutil
import time
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PATIENCE_S = 10.0
_PAUSE_S = 0.02


def remove(name: str) -> None:
    """Remove every cgroup whose name begins so, in all hierarchies. What is in them ends by itself, as podman's monitors do
    a moment after their container. Raises OSError where it does not.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while found := [*_ROOT.glob(f"{name}*"), *_ROOT.glob(f"*/{name}*")]:
        for top in found:
            with contextlib.nullcontext() if time.monotonic() > deadline else contextlib.suppress(OSError):
                _remove_tree(top)
        time.sleep(_PAUSE_S)


def _remove_tree(top: Path) -> None:
    if top.parent != _ROOT and not top.parent.is_mount():
        # podman makes directories, with files in them, where it takes hierarchies to be that this host has not
        shutil.rmtree(top)
        top.parent.rmdir()
        return
    for path in sorted(top.glob("**/"), reverse=True):
        path.rmdir()
