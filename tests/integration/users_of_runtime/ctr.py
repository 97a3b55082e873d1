"""containerd, with everything of it below one folder, and its client `ctr`."""

import itertools
import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tests.criu import search_path
from tests.integration.users_of_runtime.podman import eventually
from tests.integration.users_of_runtime.programs import OciRuntime, call
from tests.oci.runtime import Result

IMAGE = "localhost/box:1"
_PATIENCE_S = 20.0
_NUMBERS = itertools.count()
_SETTINGS = """
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = [{disabled}]

[grpc]
  address = "{folder}/sock"

[ttrpc]
  address = "{folder}/sock.ttrpc"
"""
_DISABLED = (
    *("io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"),
    *(f"io.containerd.snapshotter.v1.{name}" for name in ("aufs", "btrfs", "devmapper", "zfs")),
)


class Containerd:
    """The daemon; it ends with this process's use of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.namespace = f"pycontainerd-{os.getpid()}"
        self._settings = folder / "config.toml"
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed at its end
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        disabled = ", ".join(f'"{name}"' for name in _DISABLED)
        self._settings.write_text(_SETTINGS.format(folder=self.folder, disabled=disabled))
        command = ("containerd", "--config", str(self._settings))
        environment = os.environ | {"PATH": search_path()}  # its shims' too
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, env=environment
        )
        eventually(lambda: self._answers(), f"containerd answers; {self.told()}")
        return self

    def __exit__(self, _kind: type[BaseException] | None, _value: BaseException | None, _tb: TracebackType | None) -> None:
        assert self._process
        self._process.terminate()
        self._process.wait(_PATIENCE_S)
        self._log.close()
        with suppress(FileNotFoundError):  # a shim makes it whatever --runc-root says; it is empty
            Path("/run/containerd/runc", self.namespace).rmdir()

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self.told()
        return self.ctr("version").code == 0

    def told(self) -> str:
        return os.pread(self._log.fileno(), 2**20, 0).decode(errors="replace")

    def words(self, *arguments: str | Path) -> tuple[str | Path, ...]:
        return ("ctr", "--address", f"{self.folder}/sock", "--namespace", self.namespace, *arguments)

    def ctr(self, *arguments: str | Path) -> Result:
        return call(*self.words(*arguments))


class Ctr:
    """The client, with a runtime that its containers get."""

    def __init__(self, containerd: Containerd, runtime: OciRuntime) -> None:
        self.containerd = containerd
        self.parent = f"pycontainerd-ctr-{os.getpid()}"
        self._runtime = runtime
        self._state = runtime.state / containerd.namespace  # the shim adds the latter
        self.fifos = containerd.folder / "fifos"

    def __call__(self, *arguments: str | Path) -> Result:
        return self.containerd.ctr(*arguments)

    def run_words(self, *options: str | Path) -> tuple[str | Path, ...]:
        """options: then the container's id and its program."""
        runtime = ("--runc-binary", self._runtime.program, "--runc-root", self._runtime.state)
        return ("run", "--snapshotter=native", *runtime, "--fifo-dir", self.fifos, *options)

    def run(self, *words: str, options: tuple[str | Path, ...] = ()) -> Result:
        name = new_name()
        return self(*self.run_words("--rm", "--cgroup", f"/{self.parent}/{name}", *options, IMAGE, name, *words))

    def box(self, script: str, *options: str) -> str:
        """Begin a container in the background and return its name."""
        name = new_name()
        place = f"/{self.parent}/{name}"
        self(*self.run_words("--detach", "--cgroup", place, *options, IMAGE, name, "/bin/sh", "-c", script)).ok()
        return name

    def exec(self, name: str, *words: str, options: tuple[str, ...] = ()) -> Result:
        return self("tasks", "exec", "--exec-id", new_name(), "--fifo-dir", self.fifos, *options, name, *words)

    def status(self, name: str) -> str:
        """Return such as RUNNING; "" where there is no task."""
        lines = [line.split() for line in self("tasks", "list").ok().stdout.splitlines()]
        return next((line[2] for line in lines if line[0] == name), "")

    def pid(self, name: str) -> int:
        lines = [line.split() for line in self("tasks", "list").ok().stdout.splitlines()]
        return next(int(line[1]) for line in lines if line[0] == name)

    def ended(self, name: str) -> Result:
        """Wait for a task's end, delete it, and return what was told."""
        eventually(lambda: self.status(name) == "STOPPED", f"{name} has stopped")
        return self("tasks", "delete", name)

    def remove_all(self) -> None:
        for name in self("containers", "list", "--quiet").ok().stdout.split():
            self("tasks", "delete", "--force", name)
            self("containers", "delete", name).ok()

    def state_of(self, name: str) -> Path:
        return self._state / name / "state.json"

    def left(self) -> list[str]:
        """Return what is there still of tasks, if anything: what the runtime keeps, and shims."""
        if self._state.exists():
            eventually(lambda: not os.listdir(self._state), f"no container is in {self._state}")
            self._state.rmdir()
        return [
            line
            for line in call("ps", "-eo", "pid,args").stdout.splitlines()
            if "containerd-shim" in line and f" {self.containerd.namespace} " in line
        ]


def new_name() -> str:
    return f"box{next(_NUMBERS)}"
