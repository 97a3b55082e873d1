"""A peer's daemon: started in a mount namespace of its own, and ended with all that it has started."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench import memory
from tests.bench.connection import Failed

_PATIENCE_S = 30.0
_PAUSE_S = 0.02
# /run is empty there: what daemons and shims leave in it goes with the namespace, and so do their mounts.
_HIDING = 'mount -t tmpfs tmpfs /run && { umount /sys/fs/cgroup/unified 2>/dev/null || true; } && exec "$@"'


class Service:
    """cgroup2 is out of its sight on a hybrid layout, as it is for crun and runc."""

    def __init__(self, command: tuple[str, ...], log: Path) -> None:
        self._log = log
        with log.open("wb") as told:
            self._process = subprocess.Popen(
                ["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", _HIDING, "sh", *command],
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=told,
                start_new_session=True,
            )

    def wait_until(self, answers: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"it does not start: {self._told()}")
            time.sleep(_PAUSE_S)

    def memory(self) -> memory.Memory:
        """Of the daemon, of those that it has started, and of shims: payloads live in namespaces of their own."""
        return sum(map(memory.of_process, self._members()), memory.Memory(0, 0))

    def stop(self) -> None:
        """Its containers are to be gone before."""
        members = self._members()
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid in members:
            self._end(pid)

    def _end(self, pid: int) -> None:
        """A shim, or the containerd of dockerd, that has stayed."""
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            if "containerd" in Path(f"/proc/{pid}/comm").read_text():
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            return
        finally:
            os.close(descriptor)

    def _members(self) -> list[int]:
        """Return all processes of its mount namespace."""
        if self._process.poll() is not None:
            return []
        own = os.readlink(f"/proc/{self._process.pid}/ns/mnt")
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _namespace(pid) == own]

    def _told(self) -> str:
        return self._log.read_text(errors="replace")[-1000:].strip()


def _namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/mnt")
    except OSError:  # it has ended
        return ""
