"""The kernel's own cost of a container's life: floor.c, which does the same in C and nothing else."""

import subprocess
from pathlib import Path

from containerd_py.runtime.seccomp.compile import default_filter
from tests.bench.connection import Failed
from tests.bench.peers.debian import program

BARE = "the same by the kernel alone"
_SOURCE = Path(__file__).with_name("floor.c")


class Bare:
    """Compiled in a folder; a life a time. Raises Absent where there is no compiler."""

    def __init__(self, folder: Path, rootfs: Path) -> None:
        self._program = folder / "floor"
        self._filter = folder / "filter"
        self._rootfs = rootfs
        self._filter.write_bytes(default_filter().program)
        subprocess.run([program("gcc"), "-O2", "-o", str(self._program), str(_SOURCE)], check=True)

    def live(self) -> float:
        """Return the seconds from clone to the end of `/bin/true`; the start of the program is not counted."""
        command = (str(self._program), "1", str(self._rootfs), str(self._filter), "/bin/true")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"cannot measure the kernel's own cost: {done.stderr.strip()}")
        return int(done.stdout) / 1e9
