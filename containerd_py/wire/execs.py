"""Further processes in containers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from containerd_py.wire.common import AbsolutePath, Strings, Text, Wire
from containerd_py.wire.containers import Exit

ExecStatus = Literal["created", "starting", "running", "stopped"]


class ExecSpec(Wire):
    """A further process for a running container. What is not given is as for the container's own process."""

    args: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]
    env: dict[Text, Text] = Field(default_factory=dict)
    """Beside, or in place of, the container's own."""
    cwd: AbsolutePath | None = None
    user: Text | None = None
    additional_groups: Strings = ()
    """Numbers, or names of the container's /etc/group."""
    terminal: bool = False
    stdin: bool = False
    detach: bool = False
    """Nobody looks at it: no input, and its output is thrown away."""
    privileged: bool = False
    """All capabilities that the daemon has, and no_new_privs off; the container's seccomp filter stays."""
    capabilities: Strings | None = None
    """Exactly these, which must be among the container's."""


class ExecCreated(Wire):
    id: str


class ExecDetail(Wire):
    id: str
    container_id: str
    status: ExecStatus
    args: Strings
    terminal: bool
    stdin: bool
    detach: bool
    pid: int | None
    created_at: str
    started_at: str | None
    exit: Exit | None
    process: dict[str, Any]
    """The OCI document of the process."""
    output_bytes: int
    lost_output_bytes: int
    running_s: float | None = None
    """How long it has run so far, as `Exit.ran_s`; None unless it runs."""


class ExecList(Wire):
    execs: Annotated[tuple[ExecDetail, ...], Field(strict=False)]
