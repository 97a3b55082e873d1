"""The whole document: config.json of the OCI runtime specification 1.2 and 1.3."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, ValidationError

from containerd_py.errors import InvalidArgument
from containerd_py.problems import describe
from containerd_py.runtime.spec.base import Many, Oci, Text
from containerd_py.runtime.spec.hooks import Hooks
from containerd_py.runtime.spec.linux import IdMapping, Linux
from containerd_py.runtime.spec.process import Process
from containerd_py.runtime.spec.version import OCI_VERSION


class Root(Oci):
    path: Text
    readonly: bool = False


class Mount(Oci):
    destination: Text
    source: Text | None = None
    type: Text | None = None
    options: Many[Text] = ()
    uid_mappings: Many[IdMapping] = ()
    gid_mappings: Many[IdMapping] = ()


class Spec(Oci):
    """config.json. Parts for other platforms and parts not served yet are held as given, to be refused by name."""

    oci_version: Annotated[Text, Field(pattern=r"^1\.")] = OCI_VERSION
    root: Root
    process: Process | None = None
    hostname: Text | None = None
    domainname: Text | None = None
    mounts: Many[Mount] = ()
    hooks: Hooks = Hooks()
    annotations: dict[Text, Text] = Field(default_factory=dict)
    linux: Linux = Linux()
    solaris: dict[str, Any] | None = None
    windows: dict[str, Any] | None = None
    vm: dict[str, Any] | None = None
    zos: dict[str, Any] | None = None
    freebsd: dict[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        """Return config.json as JSON values, without what was not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)


def parse(document: object, *, ignored: list[str] | None = None) -> Spec:
    """Read a JSON document. Raises InvalidArgument naming the JSON path of each problem, five at most.

    ignored: where it is given, what the specification does not have is put there, and is no problem.
    """
    try:
        return Spec.model_validate(document, context=ignored)
    except ValidationError as problem:
        raise InvalidArgument(f"cannot read OCI document: {describe(problem)}", step="parse") from problem
