"""A BusyBox root file system, and a daemon."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon
from tests.integration.warm_daemon import WarmDaemon
from tests.surroundings import cgroups

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


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmDaemon]:
    with WarmDaemon() as process:
        yield process


@pytest_asyncio.fixture
async def daemon(tmp_path: Path, warm: WarmDaemon) -> AsyncIterator[Daemon]:
    """A daemon that is stopped at the end, with no container left in it, and leaves neither a spawner nor a cgroup."""
    folder = tmp_path / "daemon"
    folder.mkdir()
    running = Daemon(folder, warm)
    running.start()
    try:
        await running.answering()
        yield running
        async with running.api() as api:
            left = (await api.get("/v1/containers")).json["containers"]
            for container in left:
                await api.delete(f"/v1/containers/{container['id']}?force=true")
            info = (await api.get("/v1/info")).json
        assert running.stop() == 0, running.log
        assert not left, "the test left containers"
        assert has_ended(info["spawner_pid"]), "the spawner did not end"
        assert not list(cgroups(info["cgroup_parent"].strip("/"))), "the daemon left its cgroup"
        assert running.errors_expected or not running.errors, running.log
    finally:
        running.close()


@pytest_asyncio.fixture
async def api(daemon: Daemon) -> AsyncIterator[Api]:
    async with daemon.api() as client:
        yield client
