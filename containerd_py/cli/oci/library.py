"""What the commands ask of the runtime package: the seam at which unit tests put a fake."""

from __future__ import annotations

from containerd_py.typed import Protocol, cast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from containerd_py.runtime.beginning import Beginning
    from containerd_py.runtime.checkpoint.options import CheckpointOptions, RestoreOptions
    from containerd_py.runtime.linux.pidfd import WaitStatus
    from containerd_py.runtime.plan.plan import Plan
    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.spec.process import Process
    from containerd_py.runtime.spec.resources import Resources
    from containerd_py.runtime.streams import Streams
    from containerd_py.runtime.timing import TimedStep


class Snapshot(Protocol):
    """The state of a container at one moment. status: created, running, paused or stopped; created: RFC 3339."""

    @property
    def id(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def pid(self) -> int: ...
    @property
    def bundle(self) -> str: ...
    @property
    def rootfs(self) -> str: ...
    @property
    def created(self) -> str: ...
    @property
    def owner(self) -> int: ...
    @property
    def annotations(self) -> Mapping[str, str]: ...


class Statistics(Protocol):
    def document(self) -> dict[str, Any]: ...


class OomNotification(Protocol):
    """fileno: readable when a process was killed for want of memory; killed: how many there were so far."""

    def fileno(self) -> int: ...
    def killed(self) -> int: ...
    def close(self) -> None: ...


class Execution(Protocol):
    @property
    def pid(self) -> int: ...
    def wait(self) -> WaitStatus: ...
    def kill(self, number: int) -> None: ...


class Container(Protocol):
    @property
    def pid(self) -> int: ...
    @property
    def first_pid(self) -> int: ...
    @property
    def spec(self) -> Spec: ...
    def state(self) -> Snapshot: ...
    def start(self, beginning: Beginning | None = None) -> None: ...
    def wait(self, *, recorded: bool = True) -> WaitStatus: ...
    def kill(self, number: int, *, everything: bool = False) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def destroy(self, *, force: bool = False) -> None: ...
    def exec(
        self,
        document: Process,
        *,
        streams: Streams | None = None,
        console_socket: str | None = None,
        preserve_fds: int = 0,
        cgroup: Mapping[str, str] = ...,
        paused: bool = False,
        beginning: Beginning | None = None,
    ) -> Execution: ...
    def checkpoint(self, options: CheckpointOptions) -> None: ...
    def update(self, resources: Resources) -> None: ...
    def share(self, asked: Mapping[str, str]) -> None: ...
    def stats(self) -> Statistics: ...
    def oom(self) -> OomNotification: ...
    def processes(self) -> tuple[int, ...]: ...
    def timeline(self) -> tuple[TimedStep, ...]: ...


class Containers(Protocol):
    """The class `Container` of the library, through which containers are made and found."""

    def create(
        self,
        container_id: str,
        spec: Spec,
        *,
        state_root: str,
        bundle: str = ".",
        streams: Streams | None = None,
        console_socket: str | None = None,
        preserve_fds: int = 0,
        systemd_cgroup: bool = False,
        no_pivot: bool = False,
        new_keyring: bool = True,
    ) -> Container: ...
    def restore(
        self,
        container_id: str,
        spec: Spec,
        options: RestoreOptions,
        *,
        state_root: str,
        bundle: str = ".",
        streams: Streams | None = None,
        console_socket: str | None = None,
        systemd_cgroup: bool = False,
        beginning: Beginning | None = None,
    ) -> Container: ...
    def explain(
        self, container_id: str, spec: Spec, *, state_root: str, bundle: str = ".", systemd_cgroup: bool = False
    ) -> Plan: ...
    def load(self, container_id: str, *, state_root: str) -> Container: ...
    def forget(self, container_id: str, *, state_root: str, force: bool = False) -> bool: ...
    def discard(self, container_id: str, *, state_root: str) -> tuple[str, ...]: ...
    def list(self, state_root: str) -> tuple[Snapshot, ...]: ...


class _Library:
    """The library, imported when it is asked; by `create`, once the container is made."""

    def __getattr__(self, name: str) -> Any:
        from containerd_py.runtime import Container as Library

        return getattr(Library, name)

    def create(self, container_id: str, spec: Spec, *, state_root: str, **options: Any) -> Any:
        from containerd_py.runtime import making

        made = making.make(container_id, spec, state_root=state_root, **options)
        return self.of(made, container_id, state_root=state_root)


def library() -> Containers:
    """Return the library itself."""
    return cast("Containers", _Library())
