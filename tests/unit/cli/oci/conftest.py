"""The library as a fake that writes down what it is asked, and a way to call `pyrunc` on it."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from containerd_py.cli.oci.main import main
from containerd_py.errors import ContainerdError, NotFound
from containerd_py.runtime.linux.pidfd import WaitStatus
from containerd_py.runtime.plan.operations import LoopbackUp, SetHostname
from containerd_py.runtime.plan.plan import Plan
from containerd_py.runtime.spec.models import parse
from containerd_py.runtime.timing import TimedStep

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from containerd_py.cli.oci.containers import Container, Containers, Execution, OomNotification, Snapshot
    from containerd_py.runtime.beginning import Beginning
    from containerd_py.runtime.checkpoint.options import CheckpointOptions, RestoreOptions
    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.spec.process import Process
    from containerd_py.runtime.spec.resources import Resources
    from containerd_py.runtime.streams import Streams

DOCUMENT: dict[str, Any] = {
    "ociVersion": "1.2.0",
    "root": {"path": "rootfs"},
    "process": {"args": ["/bin/true"], "env": ["PATH=/bin"], "user": {"uid": 5, "gid": 6}},
    "linux": {"namespaces": [{"type": "mount"}]},
}


@dataclass(frozen=True)
class FakeState:
    id: str
    status: str
    pid: int
    bundle: str = "/bundle"
    rootfs: str = "/bundle/rootfs"
    created: str = "2026-01-02T03:04:05.000006Z"
    owner: int = 0
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass
class FakeExecution:
    pid: int
    status: WaitStatus

    def wait(self) -> WaitStatus:
        return self.status

    def kill(self, number: int) -> None:
        raise AssertionError(number)


class FakeStats:
    def document(self) -> dict[str, Any]:
        return {"pids": {"current": 3}}


class FakeOom:
    """One that is never woken."""

    def __init__(self) -> None:
        self._silent, self._other = os.pipe()

    def fileno(self) -> int:
        return self._silent

    def killed(self) -> int:
        return 0

    def close(self) -> None:
        os.close(self._silent)
        os.close(self._other)


class FakeContainer:
    """heard: what it was asked, in order; `fails` with an error where one is set for what it is asked."""

    def __init__(self, state: FakeState, spec: Spec) -> None:
        self.known = state
        self.spec = spec
        self.heard: list[Any] = []
        self.fails: dict[str, ContainerdError] = {}
        self.status = WaitStatus(0, None)

    @property
    def pid(self) -> int:
        return self.known.pid

    @property
    def first_pid(self) -> int:
        return self.known.pid

    def _hear(self, what: str, *arguments: Any) -> None:
        self.heard.append((what, *arguments))
        if what in self.fails:
            raise self.fails[what]

    def state(self) -> Snapshot:
        return self.known

    def start(self, _beginning: Beginning | None = None) -> None:
        self._hear("start")

    def wait(self, *, recorded: bool = True) -> WaitStatus:
        self._hear("wait", *([] if recorded else ["unrecorded"]))
        return self.status

    def kill(self, number: int, *, everything: bool = False) -> None:
        self._hear("kill", number, everything)

    def pause(self) -> None:
        self._hear("pause")

    def resume(self) -> None:
        self._hear("resume")

    def destroy(self, *, force: bool = False) -> None:
        self._hear("destroy", force)

    def exec(self, document: Process, **options: Any) -> Execution:
        self._hear("exec", document, options)
        return FakeExecution(os.getpid(), self.status)

    def checkpoint(self, options: CheckpointOptions) -> None:
        self._hear("checkpoint", options)

    def update(self, resources: Resources) -> None:
        self._hear("update", resources.document())

    def share(self, asked: Mapping[str, str]) -> None:
        self._hear("share", dict(asked))

    def stats(self) -> FakeStats:
        self._hear("stats")
        return FakeStats()

    def oom(self) -> OomNotification:
        return FakeOom()

    def processes(self) -> tuple[int, ...]:
        return (os.getpid(),)

    def timeline(self) -> tuple[TimedStep, ...]:
        return TimedStep("create", "mount", "mount proc on /proc", 1500, 250), TimedStep(
            "start", "exec", "go\n", 9000, 1000
        )


@dataclass
class Library:
    """containers: by id; made: the arguments of each creation; leftovers: ids of creations that were killed.

    damaged: what load raises; discarded: ids of what was removed in spite of it.
    """

    containers: dict[str, FakeContainer] = field(default_factory=dict)
    made: list[dict[str, Any]] = field(default_factory=list)
    leftovers: set[str] = field(default_factory=set)
    refuses: ContainerdError | None = None
    damaged: ContainerdError | None = None
    discarded: list[str] = field(default_factory=list)

    def has(self, container_id: str = "box", status: str = "running", **known: Any) -> FakeContainer:
        state = FakeState(container_id, status, 0 if status == "stopped" else os.getpid(), **known)
        made = self.containers[container_id] = FakeContainer(state, parse(DOCUMENT))
        return made

    def create(self, container_id: str, spec: Spec, *, streams: Streams | None = None, **options: Any) -> Container:
        if self.refuses:
            raise self.refuses
        self.made.append({"id": container_id, "spec": spec, "streams": streams, **options})
        return self.has(container_id, "created")

    def explain(self, container_id: str, spec: Spec, **options: Any) -> Plan:
        self.made.append({"explained": container_id, **options})
        operations = (LoopbackUp(), SetHostname(spec.hostname or "box", origin="hostname"))
        return Plan(namespaces=("mount", "uts"), operations=operations)

    def restore(self, container_id: str, spec: Spec, options: RestoreOptions, **given: Any) -> Container:
        if self.refuses:
            raise self.refuses
        self.made.append({"id": container_id, "spec": spec, "options": options, **given})
        return self.has(container_id)

    def load(self, container_id: str, *, state_root: str) -> Container:
        if self.damaged:
            raise self.damaged
        if container_id not in self.containers:
            raise NotFound(f"cannot find container {container_id!r}: {state_root}")
        return self.containers[container_id]

    def forget(self, container_id: str, *, state_root: str, force: bool = False) -> bool:
        assert state_root
        assert force in (False, True)
        return container_id in self.leftovers

    def discard(self, container_id: str, *, state_root: str) -> tuple[str, ...]:
        assert state_root
        self.discarded.append(container_id)
        return ("state.json", "plan.json")

    def list(self, state_root: str) -> tuple[Snapshot, ...]:
        assert state_root
        return tuple(each.known for each in self.containers.values())


@dataclass(frozen=True)
class Called:
    code: int
    stdout: str
    stderr: str


class Pyrunc:
    def __init__(self, library: Library, capfd: pytest.CaptureFixture[str], root: Path) -> None:
        self.library = library
        self._capfd = capfd
        self.root = root

    def __call__(self, *arguments: str) -> Called:
        self._capfd.readouterr()
        library = cast("Containers", self.library)
        code = main(["--root", str(self.root), *arguments], containers=lambda: library)
        return Called(code, *self._capfd.readouterr())


def _close_on_exec() -> None:
    """Who started the tests may have left them descriptors: for `--preserve-fds` they would be the caller's."""
    for fd in map(int, os.listdir("/proc/self/fd")):
        with suppress(OSError):  # the listing's own is closed by now
            os.set_inheritable(fd, fd < 3)


@pytest.fixture
def library() -> Library:
    return Library()


@pytest.fixture
def pyrunc(library: Library, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Pyrunc:
    _close_on_exec()
    (tmp_path / "state").mkdir()
    return Pyrunc(library, capfd, tmp_path / "state")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    made = tmp_path / "bundle"
    (made / "rootfs").mkdir(parents=True)
    (made / "config.json").write_text(json.dumps(DOCUMENT))
    return made
