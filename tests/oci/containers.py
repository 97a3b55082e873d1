"""Containers of a test: made through the runtime's command line, looked at from outside, deleted at the end."""

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.oci import bundle as bundles
from tests.oci.bundle import Changes
from tests.oci.runtime import Result, Running, Runtime

_PATIENCE_S = 25.0  # each look may be a command of its own, on a machine that does much else
_CGROUPS = Path("/sys/fs/cgroup")


def eventually(true: Callable[[], object], *, what: str, timeout_s: float = _PATIENCE_S) -> None:
    """Wait until something holds; fail with `what` was waited for."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"in vain, waited for {what}"
        time.sleep(0.01)


@dataclass
class Container:
    """A container by its id; `made` is the command that created it, whose files take the payload's output."""

    runtime: Runtime
    id: str
    bundle: Path
    made: Running

    def start(self) -> "Container":
        self.runtime("start", self.id).ok()
        return self

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.runtime("state", self.id).ok().json()
        return state

    def status(self) -> str:
        return str(self.state()["status"])

    @property
    def pid(self) -> int:
        return int(self.state()["pid"])

    def kill(self, signal: str = "KILL") -> Result:
        return self.runtime("kill", self.id, signal)

    def delete(self, *options: str) -> Result:
        return self.runtime("delete", *options, self.id)

    def exec(self, *arguments: str, **process: Any) -> Result:
        """exec("--cwd", "/tmp", "--", "pwd"): what stands before "--" are options."""
        options, _, command = _split(arguments)
        return self.runtime("exec", *options, self.id, *command, **process)

    def sh(self, script: str) -> str:
        """Run a script in the container; return what it wrote."""
        return self.exec("/bin/sh", "-c", script).ok().stdout.strip()

    def output(self) -> str:
        return self.made.output()

    def await_status(self, status: str) -> "Container":
        eventually(lambda: self.status() == status, what=f"status {status}")
        return self

    def await_output(self, text: str) -> "Container":
        eventually(lambda: text in self.output(), what=f"{text!r} in the output, which is {self.output()!r}")
        return self

    def cgroup(self, controller: str, name: str) -> str:
        """Return the content of a file of the container's cgroup (v1)."""
        return (_CGROUPS / controller / self.id / name).read_text().strip()


def _split(arguments: tuple[str, ...]) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    if "--" not in arguments:
        return (), "", arguments
    at = arguments.index("--")
    return arguments[:at], "--", arguments[at + 1 :]


@dataclass
class Containers:
    """The containers of one test. The bundle is shared: its config.json is written anew for each of them."""

    runtime: Runtime
    bundle: Path
    prefix: str
    made: list[Container] = field(default_factory=list)
    count: int = 0

    @property
    def rootfs(self) -> Path:
        return self.bundle / "rootfs"

    def fresh_id(self) -> str:
        self.count += 1
        return f"{self.prefix}-{self.count}"

    def configure(self, changes: Changes, container_id: str) -> None:
        bundles.write(self.bundle, {"linux.cgroupsPath": f"/{container_id}", **changes})

    def begin(self, verb: str, changes: Changes, *options: str | Path, **process: Any) -> "Container":
        """Start `create` or `run` of a new container; it may still be under way, or fail."""
        container_id = self.fresh_id()
        self.configure(changes, container_id)
        command = (verb, "--bundle", self.bundle, *options, container_id)
        container = Container(self.runtime, container_id, self.bundle, self.runtime.begin(*command, **process))
        self.made.append(container)
        return container

    def create(self, changes: Changes | None = None, *options: str | Path, **process: Any) -> "Container":
        container = self.begin("create", changes or {}, *options, **process)
        container.made.wait().ok()
        return container

    def start(self, changes: Changes | None = None, *options: str | Path, **process: Any) -> "Container":
        """Create and start a container; it sleeps unless `changes` say what else it does."""
        sleeping = {"process.args": ["/bin/sleep", "1000"]}
        return self.create({**sleeping, **(changes or {})}, *options, **process).start()

    def run(self, changes: Changes | None = None, *options: str | Path, **process: Any) -> Result:
        """Run a container in the foreground to its end."""
        return self.begin("run", changes or {}, *options, **process).made.wait()

    def sh(self, script: str, changes: Changes | None = None, *options: str | Path, **process: Any) -> str:
        """Run a script in a container of its own; return what it wrote."""
        asked = {"process.args": ["/bin/sh", "-c", script], **(changes or {})}
        return self.run(asked, *options, **process).ok().stdout.strip()

    def refused(self, changes: Changes, *options: str | Path, **process: Any) -> str:
        """Try to create a container, which must fail and leave nothing; return what was told."""
        container = self.begin("create", changes, *options, **process)
        result = container.made.wait()
        assert result.code == 1 or (result.code and self.runtime.kind == "crun"), result
        self.nothing_left(container.id)
        return result.stderr

    def state_files(self) -> list[Path]:
        """What is in the state directory."""
        assert self.runtime.root is not None
        return list(self.runtime.root.glob("*"))

    def nothing_left(self, container_id: str) -> None:
        """Neither a state nor a cgroup."""
        assert self.runtime("state", container_id).code == 1
        assert not list(cgroups_of(container_id))

    def close(self) -> None:
        deleted = [self.runtime("delete", "--force", container.id) for container in self.made]
        left = [path for container in self.made for path in cgroups_of(container.id)]
        self.made.clear()
        for path in left:
            end(path)
        assert not left, f"cgroups left: {list(map(str, left))}"
        assert not (failed := [result for result in deleted if result.code]), f"cannot be deleted: {failed}"


def end(cgroup: Path) -> None:
    """Kill what a runtime has left in a cgroup, and remove it: later tests find the machine as they would without."""
    members = [int(pid) for pid in (cgroup / "cgroup.procs").read_text().split()]
    for pid in members:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for _ in range(100):
        with suppress(OSError):
            cgroup.rmdir()
            return
        time.sleep(0.01)


def cgroups_of(container_id: str) -> Iterable[Path]:
    for kernels_own in ("cgroup.clone_children", "cgroup.controllers"):  # v1, v2; crun makes plain directories too
        for depth in ("", "*/", "*/*/"):
            yield from (found.parent for found in _CGROUPS.glob(f"{depth}{container_id}/{kernels_own}"))
