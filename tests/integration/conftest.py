"""A BusyBox root file system, and a daemon."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon

APPLETS = (
    "sh",
    "true",
    "false",
    "echo",
    "cat",
    "ls",
    "sleep",
    "id",
    "hostname",
    "mount",
    "ps",
    "grep",
    "stty",
    "seq",
    "pwd",
    "wc",
    "tty",
)


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    """A root file system with BusyBox and nothing else."""
    return make_rootfs(tmp_path)


def make_rootfs(folder: Path) -> Path:
    binaries = folder / "rootfs" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "busybox").write_bytes(Path("/usr/bin/busybox").read_bytes())
    (binaries / "busybox").chmod(0o755)
    for name in APPLETS:
        (binaries / name).symlink_to("busybox")
    return folder / "rootfs"


def has_ended(pid: int) -> bool:
    """True where a process is gone, or only waits for its parent to take notice: PID 1 takes seconds on some machines."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest_asyncio.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    """A daemon that is stopped at the end, with no container left in it, and leaves no spawner."""
    folder = tmp_path / "daemon"
    folder.mkdir()
    running = Daemon(folder)
    running.start()
    try:
        await running.answering()
        yield running
        async with running.api() as api:
            left = (await api.get("/v1/containers")).json["containers"]
            for container in left:
                await api.delete(f"/v1/containers/{container['id']}?force=true")
            spawner = (await api.get("/v1/info")).json["spawner_pid"]
        assert running.stop() == 0, running.log
        assert not left, "the test left containers"
        assert has_ended(spawner), "the spawner did not end"
        assert running.errors_expected or "level=error" not in running.log, running.log
    finally:
        running.close()


@pytest_asyncio.fixture
async def api(daemon: Daemon) -> AsyncIterator[Api]:
    async with daemon.api() as client:
        yield client
