"""Making containers of the library in tests, and destroying them."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from containerd_py.runtime import Container, WaitStatus, parse
from containerd_py.runtime.spec.process import Process

PROC = {"destination": "/proc", "type": "proc"}
DEV = {"destination": "/dev", "type": "tmpfs", "options": ["nosuid", "mode=755"]}
DEVPTS = {"destination": "/dev/pts", "type": "devpts", "options": ["newinstance", "ptmxmode=0666"]}
PLACE = f"/pycontainerd-test-{os.getpid()}"
"""A cgroup for a test's own choice of a container's: other runs of the same test have others."""
OWN = [{"type": kind} for kind in ("mount", "pid", "ipc", "uts", "network", "cgroup")]


def document(changes: dict[str, Any]) -> dict[str, Any]:
    """Return an OCI document with values set by JSON path."""
    made: dict[str, Any] = {
        "ociVersion": "1.2.0",
        "root": {"path": "rootfs"},
        "process": {"args": ["/bin/true"], "env": ["PATH=/bin"]},
        "mounts": [PROC, DEV],
        "linux": {"namespaces": OWN},
    }
    for path, value in changes.items():
        *parents, name = path.split(".")
        place = made
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = value
    return made


def process(*arguments: str, **fields: Any) -> Process:
    return Process.parse({"args": list(arguments), "env": ["PATH=/bin"], "cwd": "/", **fields})


@dataclass
class Workshop:
    """Makes containers with the BusyBox root of one bundle, and destroys them."""

    bundle: Path
    read: Callable[[], str]
    made: list[Container] = field(default_factory=list)

    def create(
        self, changes: dict[str, Any], *, container_id: str = "box", state: str = "state", **options: Any
    ) -> Container:
        spec = parse(document(changes))
        container = Container.create(
            container_id, spec, state_root=str(self.bundle / state), bundle=str(self.bundle), **options
        )
        self.made.append(container)
        return container

    def sleeping(self, changes: dict[str, Any] | None = None, **options: Any) -> Container:
        """Return a started container that sleeps."""
        container = self.create({"process.args": ["sleep", "60"], **(changes or {})}, **options)
        container.start()
        return container

    def load(self, container_id: str = "box", *, state: str = "state") -> Container:
        container = Container.load(container_id, state_root=str(self.bundle / state))
        self.made.append(container)
        return container

    def run(self, script: str, changes: dict[str, Any] | None = None) -> tuple[WaitStatus, str]:
        """Return how a shell script ended and what it wrote."""
        with self.create({"process.args": ["/bin/sh", "-c", script], **(changes or {})}) as container:
            container.start()
            status = container.wait()
        return status, self.read()


@contextmanager
def open_workshop(rootfs: Path, read: Callable[[], str]) -> Iterator[Workshop]:
    workshop = Workshop(rootfs.parent, read)
    yield workshop
    cgroups = [path for container in workshop.made for path in container.cgroups]
    for container in reversed(workshop.made):  # the first process of a pid namespace ends after all others in it
        container.destroy(force=True)
        container.close()
    assert sorted(path.name for path in rootfs.parent.iterdir() if path.name.startswith("state")) == []
    assert not [path for path in cgroups if os.path.exists(path)]
