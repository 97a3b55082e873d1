"""The host and the daemon itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from containerd_py.wire.common import Strings, Wire
from containerd_py.wire.containers import Status

CheckStatus = Literal["ok", "warn", "fail"]


class Version(Wire):
    version: str
    api_version: str
    oci_version: str
    python: str
    kernel: str
    machine: str


class Info(Wire):
    """The host as probed, and the daemon's own state."""

    containers: dict[Status, int]
    state_dir: str
    data_dir: str
    cgroup_driver: str
    cgroup_controllers: Strings
    cgroup_parent: str
    features: dict[str, bool]
    """What this host has: kernel features by name, each true or false."""
    daemon_pid: int
    spawner_pid: int | None
    daemon_rss_bytes: int
    spawner_rss_bytes: int | None


class DeclaredFile(Wire):
    """What has come of a file. container: the id of what was made from it; problem: why it is not as the file says."""

    file: str
    container: str | None
    name: str | None
    status: Status | None
    problem: str | None


class Declared(Wire):
    """reconciled_at: when all of it was looked at last. problem: why the directory could not be read."""

    directory: str | None
    reconciled_at: str | None
    problem: str | None
    files: Annotated[tuple[DeclaredFile, ...], Field(strict=False)]


class Check(Wire):
    """One thing of the host that was looked at. hint: what to do about it."""

    name: str
    status: CheckStatus
    found: str
    meaning: str
    hint: str | None


class Doctor(Wire):
    """What this host can and cannot do. status: the worst of the checks."""

    status: CheckStatus
    checks: Annotated[tuple[Check, ...], Field(strict=False)]
