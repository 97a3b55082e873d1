"""podman with directories of its own, of which nothing is left. It has runc: Debian's crun refuses a hybrid layout."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench import cgroups, memory
from tests.bench.connection import Failed
from tests.bench.peers.debian import program
from tests.bench.volatile import volatile

_NAME = "pycontainerd-bench"
_PATIENCE_S = 10.0
_PARENT = "pycontainerd-bench-podman"
# Limits are given since it would raise them, which not every root may.
_LIMITS = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")


class Podman:
    """Everything of it is below `folder`."""

    def __init__(self, folder: Path, rootfs: Path) -> None:
        self._folder = str(folder)
        self._rootfs = str(rootfs)
        self._command = (
            *(program("podman"), "--root", f"{folder}/root"),
            *("--runroot", str(volatile(folder) / "run"), "--tmpdir", str(volatile(folder) / "tmp")),
            *("--cgroup-manager=cgroupfs", "--storage-driver=vfs", "--events-backend=none"),
            *("--runtime", program("runc")),
        )

    def command(self, *arguments: str) -> tuple[str, ...]:
        return (*self._command, *arguments)

    def run_command(self, *args: str) -> tuple[str, ...]:
        """Return what runs a container and removes it; it has no log."""
        return self.command("run", "--rm", "--log-driver=none", *self._container(_NAME), *args)

    def start(self, name: str, *args: str) -> None:
        """Begin a container in the background, with a log."""
        self.call("run", "--detach", "--log-driver=k8s-file", *self._container(name), *args)

    def remove(self, name: str) -> None:
        """Its own clean-up after a container's end may be at work, which makes the removal fail."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return self.call("rm", "--force", "--time", "0", name)
            except Failed:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def call(self, *arguments: str) -> None:
        done = subprocess.run(
            self.command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
        )
        if done.returncode != 0:
            raise Failed(f"cannot run podman {' '.join(arguments)}: {done.stderr.strip()}")

    def pid(self, name: str) -> int:
        command = self.command("container", "inspect", "--format", "{{.State.Pid}}", name)
        return int(subprocess.run(command, capture_output=True, check=True).stdout)

    def memory(self) -> memory.Memory:
        """Of its monitors, a conmon for each container: there is no daemon."""
        return sum(map(memory.of_process, self._monitors()), memory.Memory(0, 0))

    def _container(self, name: str) -> tuple[str, ...]:
        place = ("--network=none", f"--cgroup-parent=/{_PARENT}")
        return ("--name", name, *place, *_LIMITS, "--rootfs", self._rootfs)

    def _monitors(self) -> list[int]:
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self._monitors_for_us(pid)]

    def _monitors_for_us(self, pid: int) -> bool:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:  # it has ended
            return False
        return b"conmon" in words.split(b"\0", 1)[0] and self._folder.encode() in words

    def end(self) -> None:
        subprocess.run(self.command("rm", "--all", "--force", "--time", "0"), capture_output=True, check=False)
        cgroups.remove(_PARENT)  # podman leaves it


@contextmanager
def installed(folder: Path, rootfs: Path) -> Iterator[Podman]:
    """Raises Absent."""
    program("conmon")
    podman = Podman(folder, rootfs)
    folder.mkdir()
    try:
        yield podman
    finally:
        podman.end()
