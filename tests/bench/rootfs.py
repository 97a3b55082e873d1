"""The root file system that everybody runs."""

from pathlib import Path

from tests.bench.runtimes import found


def make_rootfs(folder: Path) -> Path:
    """Make a root file system with BusyBox and nothing else."""
    binaries = folder / "rootfs" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "busybox").write_bytes(Path(found("busybox")).read_bytes())
    (binaries / "busybox").chmod(0o755)
    for name in ("sh", "cat", "true", "sleep", "dd", "head", "echo"):
        (binaries / name).symlink_to("busybox")
    return folder / "rootfs"
