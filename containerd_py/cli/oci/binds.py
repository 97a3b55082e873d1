"""What runc's callers write of mounts, and this runtime does not read so.

Options of binds that no runtime can give: values for a file system, as `mode=755`. mount(2) takes no look at them for a
bind, which has its source's file system, and so runc and crun take them. They are left out of the document, and told; words
without a value are not, since a wrong one may stand for what protects (`readonly`).

Destinations as the host knows them, below the root file system: for runc these are meant inside of it.

A first mount that is a bind on `/`: for runc it covers the root file system, and is where all others are mounted.
"""

from __future__ import annotations

import os

from containerd_py.runtime.linux.proc_text import lines, plain, read_text
from containerd_py.runtime.spec.mount_options import is_data

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BINDS = {"bind", "rbind"}
_SIMPLE = {"destination", "options", "source", "type"}
"""What a bind may have that is taken for the root."""


def leave_out_data(document: Any) -> list[str]:
    """Take such options out of a config.json, which need not be right; return the place of each, with the option."""
    mounts = document.get("mounts") if isinstance(document, dict) else None
    told: list[str] = []
    for index, mount in enumerate(mounts if isinstance(mounts, list) else []):
        options = mount.get("options") if isinstance(mount, dict) else None
        if isinstance(options, list) and (mount.get("type") == "bind" or "bind" in options or "rbind" in options):
            left_out = [option for option in options if isinstance(option, str) and is_data(option)]
            mount["options"] = [option for option in options if option not in left_out]
            told += [f"mounts.{index}.options: {option!r} of a bind" for option in left_out]
    return told


def leave_out_root(document: Any, bundle: str) -> None:
    """Have destinations begin at the root. Before the document is checked: what may be mounted where is told by them."""
    root, mounts = (document.get(name) if isinstance(document, dict) else None for name in ("root", "mounts"))
    path = root.get("path") if isinstance(root, dict) else None
    if not isinstance(path, str) or not isinstance(mounts, list):
        return
    beginning = os.path.abspath(os.path.join(bundle, path)) + "/"
    for mount in mounts:
        destination = mount.get("destination") if isinstance(mount, dict) else None
        if isinstance(destination, str) and os.path.normpath(destination).startswith(beginning):
            mount["destination"] = "/" + os.path.normpath(destination).removeprefix(beginning)


def take_bound_root(document: Any, bundle: str) -> None:
    """Have a first mount that binds a directory on `/` be the root file system: it covers the one of `root.path`.

    Where that would be another root than runc's, the mount stays, and is refused as any mount on `/` is: with other
    options than the root can have, with mounts below that a plain bind leaves out, where a source lies in what is covered.
    """
    root, mounts = (document.get(name) if isinstance(document, dict) else None for name in ("root", "mounts"))
    if not isinstance(root, dict) or not isinstance(mounts, list) or not mounts or not isinstance(mounts[0], dict):
        return
    first, *others = mounts
    source, options = first.get("source"), first.get("options")
    words = set(options) if isinstance(options, list) and all(isinstance(option, str) for option in options) else set()
    if first.get("destination") != "/" or not (isinstance(source, str) and source) or not first.keys() <= _SIMPLE:
        return
    if not words & _BINDS or not words <= _BINDS | {"ro", "rw"} or ("rbind" not in words and _has_mounts(source, bundle)):
        return
    if any(_is_covered(one.get("source"), root.get("path"), bundle) for one in others if isinstance(one, dict)):
        return
    root["path"] = source
    if "ro" in words:
        root["readonly"] = True
    del mounts[0]


def _has_mounts(directory: str, bundle: str) -> bool:
    """Tell whether anything is mounted below it (proc_pid_mountinfo(5))."""
    beginning = os.path.join(os.path.realpath(os.path.join(bundle, directory)), "")
    return any(plain(line.split(" ")[4]).startswith(beginning) for line in lines(read_text("/proc/self/mountinfo")))


def _is_covered(source: Any, root: Any, bundle: str) -> bool:
    if not isinstance(source, str) or not isinstance(root, str):
        return False
    place, covered = (os.path.realpath(os.path.join(bundle, path)) for path in (source, root))
    return os.path.join(place, "").startswith(os.path.join(covered, ""))
