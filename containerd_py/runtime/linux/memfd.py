"""Sealed memory files: the interpreter that workers run from, and messages that nobody can change."""

from __future__ import annotations

import errno
import fcntl
import os

from containerd_py.runtime.linux.fd import Fd

_F_ADD_SEALS = 1033
_F_SEAL_ALL = 0x1 | 0x2 | 0x4 | 0x8  # SEAL, SHRINK, GROW, WRITE
_MFD_EXEC = 0x10  # Linux 6.3; without it vm.memfd_noexec=1 takes the x bits away


def sealed(name: str, data: bytes) -> Fd:
    """Return a memfd that holds `data` and can't be changed any more; not executable in intent."""
    fd = Fd(os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd.fileno(), rest) :]
    fcntl.fcntl(fd.fileno(), _F_ADD_SEALS, _F_SEAL_ALL)
    return fd


def sealed_executable(name: str, source: int) -> Fd:
    """Return a sealed, executable copy of the file `source`. Raises OSError (EACCES where vm.memfd_noexec is 2)."""
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        fd = Fd(os.memfd_create(name, flags | _MFD_EXEC))
    except OSError as problem:
        if problem.errno != errno.EINVAL:  # before Linux 6.3
            raise
        fd = Fd(os.memfd_create(name, flags))
    remaining = os.fstat(source).st_size
    offset = 0
    while offset < remaining:
        offset += os.sendfile(fd.fileno(), source, offset, remaining - offset)
    fcntl.fcntl(fd.fileno(), _F_ADD_SEALS, _F_SEAL_ALL)
    return fd
