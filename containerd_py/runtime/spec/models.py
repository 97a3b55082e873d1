"""The whole document: config.json of the OCI runtime specification 1.2 and 1.3."""

from __future__ import annotations

from containerd_py.runtime.spec.base import Oci, of
from containerd_py.runtime.spec.hooks import Hooks
from containerd_py.runtime.spec.kinds import FLAG, OTHER, TEXT, TEXTS, Many, Table, Text
from containerd_py.runtime.spec.linux import IdMapping, Linux
from containerd_py.runtime.spec.process import Process
from containerd_py.runtime.spec.version import OCI_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Root(Oci):
    path: str = of(TEXT)
    readonly: bool = of(FLAG, default=False)


class Mount(Oci):
    destination: str = of(TEXT)
    source: str | None = of(TEXT, default=None)
    type: str | None = of(TEXT, default=None)
    options: tuple[str, ...] = of(TEXTS, default=())
    uid_mappings: tuple[IdMapping, ...] = of(Many(IdMapping), default=())
    gid_mappings: tuple[IdMapping, ...] = of(Many(IdMapping), default=())


class Spec(Oci):
    """config.json. Parts for other platforms and parts not served yet are held as given, to be refused by name."""

    oci_version: str = of(Text(prefix="1."), default=OCI_VERSION)
    root: Root = of(Root)
    process: Process | None = of(Process, default=None)
    hostname: str | None = of(TEXT, default=None)
    domainname: str | None = of(TEXT, default=None)
    mounts: tuple[Mount, ...] = of(Many(Mount), default=())
    hooks: Hooks = of(Hooks, default=Hooks())
    annotations: dict[str, str] = of(Table(TEXT, TEXT), default={})
    linux: Linux = of(Linux, default=Linux())
    solaris: dict[str, Any] | None = of(OTHER, default=None)
    windows: dict[str, Any] | None = of(OTHER, default=None)
    vm: dict[str, Any] | None = of(OTHER, default=None)
    zos: dict[str, Any] | None = of(OTHER, default=None)
    freebsd: dict[str, Any] | None = of(OTHER, default=None)


def parse(document: object, *, ignored: list[str] | None = None) -> Spec:
    """Read a JSON document. Raises InvalidArgument naming the JSON path of each problem, five at most.

    ignored: where it is given, what the specification does not have is told there, and is no problem (`Findings`).
    """
    return Spec.parse(document, what="OCI document", ignored=ignored)
