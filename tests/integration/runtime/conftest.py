"""A BusyBox root file system, and plans made by hand."""

from pathlib import Path

import pytest

APPLETS = ("sh", "true", "false", "echo", "cat", "ls", "sleep", "id", "hostname", "mount", "ps", "grep", "stty", "seq")


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    """A root file system with BusyBox and nothing else."""
    binaries = tmp_path / "rootfs" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "busybox").write_bytes(Path("/usr/bin/busybox").read_bytes())
    (binaries / "busybox").chmod(0o755)
    for name in APPLETS:
        (binaries / name).symlink_to("busybox")
    return tmp_path / "rootfs"
