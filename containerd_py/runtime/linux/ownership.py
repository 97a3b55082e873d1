"""Owners of what is open (fchownat(2)): os.chown takes no O_PATH descriptor."""

from __future__ import annotations

from containerd_py.runtime.linux.syscall import call

_AT_EMPTY_PATH = 0x1000


def chown(fd: int, uid: int, gid: int) -> None:
    """Change the owner of what is open at `fd`, O_PATH and symlinks too."""
    call("fchownat", fd, "", uid, gid, _AT_EMPTY_PATH)
