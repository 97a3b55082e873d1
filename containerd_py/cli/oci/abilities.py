"""The features document (features.md). What a configuration may ask for is found out by asking our own checks."""

from __future__ import annotations

from containerd_py import __version__
from containerd_py.cli.oci.versions import libseccomp
from containerd_py.errors import InvalidArgument, NotSupported
from containerd_py.runtime.cgroups.systemd.annotated import PREFIX as UNIT_ANNOTATIONS
from containerd_py.runtime.checkpoint.criu import is_usable
from containerd_py.runtime.checkpoint.dump import CONFIG_ANNOTATION
from containerd_py.runtime.host import probe
from containerd_py.runtime.spec.defaults import OWN_ANNOTATIONS, UNKNOWN_CALLS_ANNOTATION
from containerd_py.runtime.spec.linux import (
    MEMORY_POLICIES,
    MEMORY_POLICY_FLAGS,
    NAMESPACE_TYPES,
    SECCOMP_ACTIONS,
    SECCOMP_OPERATORS,
)
from containerd_py.runtime.spec.models import parse
from containerd_py.runtime.spec.mount_options import KNOWN_OPTIONS
from containerd_py.runtime.spec.process import CAPABILITIES
from containerd_py.runtime.spec.validate import validate
from containerd_py.runtime.spec.version import OCI_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
_HEEDED = (CONFIG_ANNOTATION, OWN_ANNOTATIONS, UNIT_ANNOTATIONS, UNKNOWN_CALLS_ANNOTATION)
"""Annotations that change what is done; a name that ends with "." stands for all that begin with it."""

_FLAGS = tuple(f"SECCOMP_FILTER_FLAG_{name}" for name in ("TSYNC", "LOG", "SPEC_ALLOW", "WAIT_KILLABLE_RECV"))
_ARCHITECTURES = tuple(
    f"SCMP_ARCH_{name}"
    for name in (
        *("AARCH64", "ARM", "LOONGARCH64", "M68K", "MIPS", "MIPS64", "MIPS64N32", "MIPSEL", "MIPSEL64", "MIPSEL64N32"),
        *("PARISC", "PARISC64", "PPC", "PPC64", "PPC64LE", "RISCV64", "S390", "S390X", "SHEB", "X32", "X86", "X86_64"),
    )
)


def document() -> dict[str, Any]:
    """Return what this version serves, on this host."""
    return {
        "ociVersionMin": "1.0.0",
        "ociVersionMax": OCI_VERSION,
        "hooks": [name for name in _HOOKS if serves({"hooks": {name: [{"path": "/bin/true"}]}})],
        "mountOptions": sorted(name for name in KNOWN_OPTIONS if _serves_option(name)),
        "linux": _linux(),
        "annotations": {
            "io.github.seccomp.libseccomp.version": libseccomp(),
            "org.pycontainerd.pyrunc.version": __version__,
            "org.opencontainers.runc.checkpoint.enabled": "true" if is_usable() else "false",
        },
        "potentiallyUnsafeConfigAnnotations": list(_HEEDED),
    }


def _linux() -> dict[str, Any]:
    host = probe()
    return {
        "namespaces": sorted(kind for kind in NAMESPACE_TYPES if _serves_namespace(kind)),
        "capabilities": list(CAPABILITIES),
        "cgroup": {
            "v1": bool(host.cgroups.v1),
            "v2": host.cgroups.v2 is not None,
            "systemd": host.cgroups.v2 is not None,
            "systemdUser": host.cgroups.v2 is not None,
            "rdma": serves_linux({"resources": {"rdma": {"mlx5_1": {"hcaHandles": 1}}}}),
        },
        "seccomp": _seccomp(),
        "apparmor": {"enabled": serves({"process": {"args": ["x"], "apparmorProfile": "unconfined"}})},
        "selinux": {"enabled": serves({"process": {"args": ["x"], "selinuxLabel": "system_u:system_r:container_t:s0"}})},
        "intelRdt": {
            "enabled": serves_linux({"intelRdt": {"closID": "x"}}),
            "schemata": serves_linux({"intelRdt": {"schemata": ["L3:0=f"]}}),
            "monitoring": serves_linux({"intelRdt": {"enableMonitoring": True}}),
        },
        "memoryPolicy": {"modes": sorted(MEMORY_POLICIES), "flags": sorted(MEMORY_POLICY_FLAGS)},
        "mountExtensions": {"idmap": {"enabled": _serves_option("idmap")}},
        "netDevices": {"enabled": serves_linux({"netDevices": {"eth0": {}}})},
    }


def _seccomp() -> dict[str, Any]:
    return {
        "enabled": True,
        "actions": sorted(name for name in SECCOMP_ACTIONS if _serves_action(name)),
        "operators": sorted(SECCOMP_OPERATORS),
        "archs": [name for name in _ARCHITECTURES if _serves_seccomp({"architectures": [name]})],
        "knownFlags": list(_FLAGS),
        "supportedFlags": [name for name in _FLAGS if _serves_seccomp({"flags": [name]})],
    }


def _serves_action(name: str) -> bool:
    """One that asks an agent needs to know where that listens."""
    agent = {"listenerPath": "/run/agent.sock"} if name == "SCMP_ACT_NOTIFY" else {}
    return _serves_seccomp({"syscalls": [{"names": ["getpid"], "action": name}], **agent})


def serves(changes: dict[str, Any]) -> bool:
    """Tell whether a configuration with these parts is served."""
    from containerd_py.runtime.seccomp.compile import compile_profile

    made = {"root": {"path": "rootfs"}, "process": {"args": ["x"]}, "linux": _own("mount"), **changes}
    try:
        spec = parse(made)
        validate(spec)
        if spec.linux.seccomp:
            compile_profile(spec.linux.seccomp)
    except (InvalidArgument, NotSupported, OSError):  # OSError: libseccomp is older than the architecture
        return False
    return True


def serves_linux(changes: dict[str, Any]) -> bool:
    return serves({"linux": {**_own("mount", "network"), **changes}})


def _own(*kinds: str) -> dict[str, Any]:
    return {"namespaces": [{"type": kind} for kind in kinds]}


def _serves_namespace(kind: str) -> bool:
    mapping = [{"containerID": 0, "hostID": 0, "size": 1}]
    kinds = _own(*{"mount", kind})
    return serves({"linux": {**kinds, **({"uidMappings": mapping, "gidMappings": mapping} if kind == "user" else {})}})


def _serves_option(name: str) -> bool:
    """As an option of a bind mount, or of a new one."""
    bind: dict[str, Any] = {"destination": "/x", "type": "bind", "source": "/", "options": [name, "rbind"]}
    if name in ("idmap", "ridmap"):
        bind |= {f"{kind}Mappings": [{"containerID": 0, "hostID": 1, "size": 1}] for kind in ("uid", "gid")}
    new = {"destination": "/x", "type": "tmpfs", "source": "tmpfs", "options": [name]}
    return serves({"mounts": [bind]}) or serves({"mounts": [new]})


def _serves_seccomp(changes: dict[str, Any]) -> bool:
    return serves_linux({"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", **changes}})
