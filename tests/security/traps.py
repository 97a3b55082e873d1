"""Traps in an image, wherever a program of the host's would look that finds itself in there (SECURITY R4).

Modules of Python, the libraries that a C library loads by itself, their settings, helpers, and FIFOs at the runtime's own
source files, for whoever reads these to tell of an error.
"""

import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import containerd_py
from tests.security.conftest import Attack

LIBRARIES = ("lib", "lib64", "usr/lib", "usr/lib64", "usr/local/lib", "lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")
NAMES = ("libnss_files.so.2", "libnss_trap.so.2", "libnss_dns.so.2", "libgcc_s.so.1", "libseccomp.so.2", "gconv/TRAP.so")
CONVERSIONS = "module INTERNAL TRAP// TRAP 1\nmodule TRAP// INTERNAL TRAP 1\nalias UTF-8// TRAP//\n"
MODULE = "open('/sprung-module', 'w').close()\n"
MODULES = ("sitecustomize", "usercustomize", "encodings/idna", "pwd", "grp", "traceback", "linecache", "socket", "os")
PROGRAMS = ("usr/bin/xz", "usr/bin/gzip", "bin/xz", "bin/gzip", "bin/tar", "usr/bin/tar", "usr/bin/newuidmap", "bin/ps")


def inside(rootfs: Path, path: str | Path) -> Path:
    """Return the place in the root, with its directory; what stood there is gone."""
    made = rootfs / str(path).lstrip("/")
    made.parent.mkdir(parents=True, exist_ok=True)
    made.unlink(missing_ok=True)
    return made


def sources() -> Iterator[Path]:
    """Files of our own, and of the interpreter's library, that are looked at when something is told of an error."""
    package = Path(containerd_py.__path__[0])
    yield from package.rglob("*.py")
    library = Path(sysconfig.get_path("stdlib"))
    yield from (library / name for name in ("os.py", "traceback.py", "tokenize.py", "ctypes/__init__.py", "signal.py"))


def trap(rootfs: Path, attack: Attack) -> Path:
    """Set them all in a root file system."""
    library = attack("trap", rootfs / "trap")
    for folder in LIBRARIES:
        for name in NAMES:
            inside(rootfs, f"{folder}/{name}").hardlink_to(library)
        inside(rootfs, f"{folder}/gconv/gconv-modules").write_text(CONVERSIONS)
    for path in {*filter(None, sys.path), *(str(Path(sys.prefix) / "lib/python3"), "/usr/lib/python3")}:
        for name in MODULES:
            inside(rootfs, f"{path}/{name}.py").write_text(MODULE)
    for source in sources():
        os.mkfifo(inside(rootfs, source))
    for program in PROGRAMS:
        place = inside(rootfs, program)
        place.write_text("#!/bin/sh\ntouch /sprung-program\n")
        place.chmod(0o755)
    inside(rootfs, "etc/nsswitch.conf").write_text("passwd: trap\ngroup: trap\nhosts: trap\n")
    inside(rootfs, "etc/ld.so.preload").write_text("/lib/libnss_trap.so.2\n")
    for name in ("etc/localtime", "etc/hosts", "etc/resolv.conf", "etc/gai.conf", "etc/ld.so.cache", "etc/locale.alias"):
        os.mkfifo(inside(rootfs, name))
    return rootfs


def sprung(rootfs: Path) -> list[str]:
    return [path.name for path in rootfs.glob("sprung-*")]
