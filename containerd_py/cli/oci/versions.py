"""Which version this is, and of what."""

from __future__ import annotations

import platform

from containerd_py import __version__


def versions() -> str:
    """Return the text of `--version`: runc's lines, of which callers read the first three."""
    from containerd_py.runtime.spec.version import OCI_VERSION

    lines = (
        f"pyrunc version {__version__}",
        f"commit: v{__version__}",
        f"spec: {OCI_VERSION}",
        f"python: {platform.python_version()}",
        f"libseccomp: {libseccomp()}",
    )
    return "".join(f"{line}\n" for line in lines)


def libseccomp() -> str:
    """Return the version of libseccomp, which compiles the filters."""
    import ctypes
    import ctypes.util

    class Version(ctypes.Structure):
        """struct scmp_version (seccomp.h)."""

        _fields_ = tuple((name, ctypes.c_uint) for name in ("major", "minor", "micro"))

    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_version.restype = ctypes.POINTER(Version)
    found = library.seccomp_version().contents
    return f"{found.major}.{found.minor}.{found.micro}"
