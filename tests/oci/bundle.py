"""Bundles: BusyBox as root file system, and a config.json that every runtime takes, with changes by JSON path."""

import copy
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Changes = Mapping[str, Any]

CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SYS_CHROOT"]
PROC = {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]}
DEV = {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755"]}
DEVPTS = {
    "destination": "/dev/pts",
    "type": "devpts",
    "source": "devpts",
    "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
}
SYS = {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]}
MOUNTS = [PROC, DEV, DEVPTS, SYS]
KINDS = ("pid", "network", "ipc", "uts", "mount")

_DOCUMENT: dict[str, Any] = {
    "ociVersion": "1.0.2",  # crun 1.8 refuses later ones
    "root": {"path": "rootfs"},
    "process": {
        "cwd": "/",
        "args": ["/bin/true"],
        "env": ["PATH=/bin", "HOME=/"],
        "user": {"uid": 0, "gid": 0},
        "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), CAPABILITIES),
        "noNewPrivileges": True,
    },
    "mounts": MOUNTS,
    "linux": {"namespaces": [{"type": kind} for kind in KINDS]},
}


def namespaces(*without: str, **paths: str) -> list[dict[str, str]]:
    """The usual namespaces but some, and some joined by path or (path "") new."""
    kinds = [kind for kind in KINDS if kind not in without and kind not in paths]
    joined = [{"type": kind, "path": path} if path else {"type": kind} for kind, path in paths.items()]
    return [{"type": kind} for kind in kinds] + joined


def document(changes: Changes) -> dict[str, Any]:
    """Return config.json with values set by JSON path ("process.user.uid"); None removes."""
    made = copy.deepcopy(_DOCUMENT)
    for path, value in changes.items():
        *parents, name = path.split(".")
        place = made
        for parent in parents:
            place = place.setdefault(parent, {})
        if value is None:
            place.pop(name, None)
        else:
            place[name] = value
    return made


def write(bundle: Path, changes: Changes) -> None:
    """Write config.json into a bundle, in place of the one that is there."""
    (bundle / "config.json").write_text(json.dumps(document(changes), indent=2))


def make_rootfs(rootfs: Path) -> None:
    """Fill a root file system with BusyBox, all of its applets, and the usual directories."""
    busybox = shutil.which("busybox")
    assert busybox, "cannot find busybox: `make packages` installs it"
    for name in ("bin", "dev", "etc", "proc", "sys", "tmp", "root"):
        (rootfs / name).mkdir(parents=True)
    shutil.copy(busybox, rootfs / "bin/busybox")
    for applet in subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
        if applet != "busybox":
            (rootfs / "bin" / applet).symlink_to("busybox")
    (rootfs / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n")
    (rootfs / "etc/group").write_text("root:x:0:\nann:x:1000:\n")


def copy_rootfs(template: Path, rootfs: Path) -> None:
    """Make a root file system of a test's own from the template; the program itself is shared by a hard link."""
    shutil.copytree(template, rootfs, symlinks=True, copy_function=os.link)
