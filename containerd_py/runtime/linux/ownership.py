"""Owners of files: to change that of what is open (os.chown takes no O_PATH descriptor), and to know the host's root."""

from __future__ import annotations

import os

from containerd_py.runtime.linux.syscall import call

_AT_EMPTY_PATH = 0x1000


def chown(fd: int, uid: int, gid: int) -> None:
    """Change the owner of what is open at `fd`, O_PATH and symlinks too."""
    call("fchownat", fd, "", uid, gid, _AT_EMPTY_PATH)


def root_of_the_host() -> int:
    """Return the id that files of the host's root have here: 0; in a user namespace that does not map it the overflow id,
    as all have that are not mapped (user_namespaces(7)).

    A file of /proc/sys/kernel is root's in every namespace, whereas uid_map of a nested one tells of its parent only.
    """
    return os.stat("/proc/sys/kernel/overflowuid").st_uid
