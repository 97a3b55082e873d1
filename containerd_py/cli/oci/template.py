"""The config.json of `pyrunc spec`: runc's, but no harder to start from."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CAPABILITIES = ("CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE")
_SETS = ("bounding", "effective", "permitted")


def template() -> dict[str, Any]:
    """Return a document for a shell at a terminal, with a root file system that cannot be written to."""
    from containerd_py.runtime.spec import defaults
    from containerd_py.runtime.spec.version import OCI_VERSION

    mounts = [mount.document() for mount in defaults.mounts()]
    return {
        "ociVersion": OCI_VERSION,
        "process": {
            "terminal": True,
            "user": {"uid": 0, "gid": 0},
            "args": ["sh"],
            "env": [f"PATH={defaults.PATH}", "TERM=xterm"],
            "cwd": "/",
            "capabilities": {name: list(_CAPABILITIES) for name in _SETS},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "pyrunc",
        "mounts": [*mounts, _cgroup()],
        "linux": {
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "namespaces": [{"type": each.type} for each in defaults.namespaces() if each.type != "cgroup" or _only_v2()],
            "maskedPaths": list(defaults.MASKED_PATHS),
            "readonlyPaths": list(defaults.READONLY_PATHS),
        },
    }


def _only_v2() -> bool:
    """As runc has it: beside v1, the cgroup namespace is left to who asks for it."""
    return os.path.exists("/sys/fs/cgroup/cgroup.controllers")


def _cgroup() -> dict[str, Any]:
    options = ["nosuid", "noexec", "nodev", "relatime", "ro"]
    return {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": options}


def rootless(document: dict[str, Any], *, uid: int, gid: int) -> dict[str, Any]:
    """Return the document for a user who is root in the container alone: one id is mapped, and no limits are set."""
    linux = {key: value for key, value in document["linux"].items() if key != "resources"}
    kinds = [{"type": "user"}, *(each for each in linux["namespaces"] if each["type"] != "network")]
    linux |= {
        "namespaces": kinds,
        "uidMappings": [{"containerID": 0, "hostID": uid, "size": 1}],
        "gidMappings": [{"containerID": 0, "hostID": gid, "size": 1}],
    }
    return {**document, "mounts": [_rootless_mount(mount) for mount in document["mounts"]], "linux": linux}


def _rootless_mount(mount: dict[str, Any]) -> dict[str, Any]:
    """/sys is the host's, since sysfs belongs to the network namespace; ids that are not mapped are left out."""
    if mount["destination"] == "/sys":
        options = ["rbind", "nosuid", "noexec", "nodev", "ro"]
        return {"destination": "/sys", "type": "none", "source": "/sys", "options": options}
    kept = [option for option in mount.get("options", ()) if not option.startswith(("gid=", "uid="))]
    return {**mount, **({"options": kept} if kept else {})}
