"""podman, where it is installed: a container's output into its log by conmon, and out of it again."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.figures import Logged, Volume

_NAME = "pycontainerd-bench"
_PARENT = "/pycontainerd-bench-podman"


def logged(rootfs: Path, mebibytes: int) -> Logged | str:
    """Return the figures, or why there are none."""
    with everything_below() as podman:
        if podman is None:
            return "podman is not installed"
        try:
            return podman.logged(rootfs, mebibytes)
        except subprocess.CalledProcessError as failure:
            return f"podman cannot: {failure.stderr.decode(errors='replace').strip()}"


@contextmanager
def everything_below() -> Iterator["Podman | None"]:
    """Have a podman with directories of its own, of which nothing is left; None where it is not installed."""
    program = shutil.which("podman")
    if program is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="pycontainerd-podman.", dir="/tmp") as folder:
        podman = Podman(program, Path(folder))
        try:
            yield podman
        finally:
            podman.end()


class Podman:
    """Everything of it is below `folder`. Limits are given since it would raise them, which not every root may."""

    def __init__(self, program: str, folder: Path) -> None:
        self._command = (
            *(program, "--root", str(folder / "root"), "--runroot", str(folder / "run"), "--tmpdir", str(folder / "tmp")),
            *("--cgroup-manager=cgroupfs", "--storage-driver=vfs", "--events-backend=none", "--runtime", _runtime()),
        )

    def logged(self, rootfs: Path, mebibytes: int) -> Logged:
        begin = time.perf_counter()
        write = ("/bin/dd", "if=/dev/zero", "bs=1M", f"count={mebibytes}")
        self._run("run", "--detach", "--log-driver=k8s-file", *self._container(rootfs), *write)
        self._run("wait", _NAME)
        written = time.perf_counter()
        self._run("logs", _NAME)
        return Logged(Volume(mebibytes, written - begin), Volume(mebibytes, time.perf_counter() - written))

    def run_command(self, rootfs: Path, *args: str) -> tuple[str, ...]:
        """Return the command line that runs a container and removes it; its output goes nowhere."""
        return (*self._command, "run", "--rm", "--log-driver=none", *self._container(rootfs), *args)

    def _container(self, rootfs: Path) -> tuple[str, ...]:
        limits = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")
        return ("--name", _NAME, "--network=none", f"--cgroup-parent={_PARENT}", *limits, "--rootfs", str(rootfs))

    def end(self) -> None:
        subprocess.run([*self._command, "rm", "--force", _NAME], capture_output=True, check=False)
        for path in sorted(Path("/sys/fs/cgroup").glob(f"*{_PARENT}/**/"), reverse=True):  # podman leaves it
            path.rmdir()

    def _run(self, *arguments: str) -> None:
        subprocess.run([*self._command, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)


def _runtime() -> str:
    """runc, since Debian's crun refuses a hybrid layout of cgroups."""
    return shutil.which("runc", path="/usr/bin:/usr/sbin:/bin:/sbin") or "runc"
