"""Kernel parameters (sysctl(8)): their names as paths, and the namespace that makes each the container's own."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal


_IPC = frozenset(
    f"kernel/{name}" for name in ("msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced")
)


def sysctl_path(key: str) -> str:
    """Return the path below /proc/sys of "net.ipv4.ip_forward", or "net/ipv4/ip_forward".

    The first separator tells which it is; in the form with dots a slash stands for a dot ("net.ipv4.conf.eth0/1.mtu"), as
    for sysctl.d(5). Raises ValueError for what leads elsewhere (SECURITY R6).
    """
    dotted = key.find(".") >= 0 and (key.find("/") < 0 or key.find(".") < key.find("/"))
    path = key.translate({ord("."): "/", ord("/"): "."}) if dotted else key
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError("has an empty part, '.' or '..'")
    if any(character in "+\\" or not character.isprintable() or character.isspace() for character in path):
        raise ValueError("has a character that no kernel parameter has")
    return path


def namespace_of(path: str) -> Literal["ipc", "network", "uts"] | None:
    """Return the type of the namespace that a parameter belongs to; None where it is the whole machine's."""
    if path in _IPC or path.startswith("fs/mqueue/"):
        return "ipc"
    if path.startswith("net/"):
        return "network"
    return "uts" if path == "kernel/domainname" else None
