"""A container has nothing of how its daemon was started."""

from pathlib import Path

from tests.integration.api.tars import remove, started
from tests.integration.daemon_process import Daemon
from tests.security.daemon.many import execute
from tests.security.test_inherited import LEFT, SHOW


async def shown(folder: Path, rootfs: Path, before: str) -> tuple[bytes, bytes]:
    """Return what a container of a daemon that is started like that shows, and what is run in one further."""
    folder.mkdir()
    daemon = Daemon(folder, before=before)
    daemon.start()
    script = ("/bin/busybox", "sh", "-c", f"PATH=/applets; {SHOW}")
    try:
        await daemon.answering()
        async with daemon.api() as api:
            _ended, output = await api.run(rootfs, *script, hostname="box", id="box")
            container = await started(api, rootfs, hostname="box", id="box")
            _code, further = await execute(api, container, *script)
            await remove(api, container)
        assert daemon.stop() == 0, daemon.log
    finally:
        daemon.close()
    return output, further


async def test_containers_of_a_daemon_however_it_was_started(tmp_path: Path, rootfs: Path) -> None:
    (rootfs / "applets").mkdir()
    for name in ("grep", "cut", "cat", "ls", "env", "pwd", "ionice"):
        (rootfs / "applets" / name).symlink_to("/bin/busybox")
    before = "; ".join(command for what, command in LEFT.items() if what != "descriptors")
    usual = await shown(tmp_path / "usual", rootfs, "true")
    assert b"Umask" in usual[0]
    assert await shown(tmp_path / "other", rootfs, before) == usual
