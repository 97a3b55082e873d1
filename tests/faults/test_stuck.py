"""What does not let go: processes in the kernel, cgroups that are busy or frozen. Others do not wait for them."""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.silent_server import LOOKUP, WRITE, silent_server
from tests.faults.strace import strace
from tests.integration.api.test_restarting import hooked
from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon
from tests.integration.recovery.test_daemon_loss import remove, start
from tests.security.programs import build
from tests.surroundings import cgroups

_WITH_FUSE = pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="this host has no FUSE")


@_WITH_FUSE
async def test_a_payload_in_the_kernel_is_told_and_keeps_nobody_waiting(
    daemon: Daemon, rootfs: Path, tmp_path: Path
) -> None:
    daemon.stop()
    with silent_server(tmp_path / "silent", LOOKUP) as asked:  # a spawner sees what was mounted before it was there
        daemon.start()
        await daemon.answering()
        async with daemon.api() as api:
            mount = {"source": str(tmp_path / "silent"), "target": "/mnt", "type": "bind"}
            container = await start(api, rootfs, "/bin/cat", "/mnt/file", mounts=[mount])
            assert await asyncio.to_thread(asked.wait, 30)
            stopping = asyncio.ensure_future(api.post(f"/v1/containers/{container}/stop?timeout=0"))
            for _ in range(5):
                assert (await api.run(rootfs, "/bin/echo", "beside"))[1] == b"beside\n"
            assert not stopping.done()
            answer = (await stopping).error(504, "deadline_exceeded", step="kill")
            assert "state D" in answer["hint"]
    async with daemon.api() as api:
        assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 137
        await remove(api, container)


@_WITH_FUSE
@pytest.mark.xdist_group("command lines")  # every ps of the host waits for it
async def test_a_command_line_that_cannot_be_read_keeps_nobody_waiting(
    daemon: Daemon, rootfs: Path, tmp_path: Path
) -> None:
    """It is read under the lock of the payload's memory, which the payload holds while it waits for a server."""
    build("stuck_unmapping", rootfs / "bin")
    daemon.stop()
    with silent_server(tmp_path / "silent", WRITE) as asked:
        daemon.start()
        await daemon.answering()
        async with daemon.api() as api:
            mount = {"source": str(tmp_path / "silent"), "target": "/mnt", "type": "bind"}
            container = await start(api, rootfs, "/bin/stuck_unmapping", "/mnt/file", mounts=[mount])
            assert await asyncio.to_thread(asked.wait, 30)
            pid = (await api.get(f"/v1/containers/{container}")).json["pid"]
            async with asyncio.timeout(30):
                while b") D " not in Path(f"/proc/{pid}/stat").read_bytes():
                    await asyncio.sleep(0.01)
            hanging = asyncio.ensure_future(api.get(f"/v1/containers/{container}/top"))
            assert (await api.run(rootfs, "/bin/echo", "beside"))[1] == b"beside\n"
            assert not hanging.done()
            threads = len(os.listdir(f"/proc/{daemon.pid}/task"))
            for answer in [await hanging, *[await api.get(f"/v1/containers/{container}/top") for _ in range(20)]]:
                assert [one["args"] for one in answer.json["processes"]] == [["stuck_unmapping"]]
            assert len(os.listdir(f"/proc/{daemon.pid}/task")) <= threads + 1  # one waits, however many ask
            other = await start(api, rootfs, "/bin/sleep", "100")
            told = (await api.get(f"/v1/containers/{other}/top")).json["processes"]
            assert [one["args"] for one in told] == [["/bin/sleep", "100"]]
            await remove(api, other)
    async with daemon.api() as api:
        await api.post(f"/v1/containers/{container}/stop?timeout=0")
        await remove(api, container)


async def test_what_somebody_else_has_frozen_is_stopped_and_removed(api: Api, rootfs: Path) -> None:
    container = await start(api, rootfs, "/bin/sh", "-c", "while :; do sleep 0.05; done")
    paths = [Path(path) for path in (await api.get(f"/v1/containers/{container}")).json["cgroup_paths"]]
    for path in paths:
        for name, value in (("cgroup.freeze", "1"), ("freezer.state", "FROZEN")):
            with contextlib.suppress(FileNotFoundError, PermissionError):
                (path / name).open("r+").close()
                (path / name).write_text(value)
    assert (await api.post(f"/v1/containers/{container}/stop?timeout=0")).json["exit_code"] == 137
    await remove(api, container)
    assert not any(path.exists() for path in paths)


def sleeping() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["/bin/sleep", "100"])


async def test_a_stranger_in_its_cgroup_goes_with_it(api: Api, rootfs: Path) -> None:
    container = await start(api, rootfs, "/bin/sleep", "100")
    (path, *_others) = (await api.get(f"/v1/containers/{container}")).json["cgroup_paths"]
    below = Path(path, "below")
    below.mkdir()
    process = sleeping()
    try:
        (below / "cgroup.procs").write_text(str(process.pid))
        await api.post(f"/v1/containers/{container}/kill")
        await api.post(f"/v1/containers/{container}/wait")
        await remove(api, container)
        assert process.wait(timeout=30) == -9
    finally:
        process.kill()
        process.wait()
    assert not below.exists()


async def test_a_cgroup_that_is_busy_for_a_while_is_removed(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await start(api, rootfs, "/bin/true")
    await api.post(f"/v1/containers/{container}/wait")
    threads = tuple(int(task) for task in os.listdir(f"/proc/{daemon.pid}/task"))
    with strace("trace=rmdir", "inject=rmdir:error=EBUSY:when=1..6", pids=threads):
        await remove(api, container)


_ASK = """
sh -c 'for members in /sys/fs/cgroup/{name}/cgroup.procs /sys/fs/cgroup/*/{name}/cgroup.procs; do
    [ ! -e $members ] || echo $$ >$members
done
exec cat {silent}/file' &
until [ -e {flag} ]; do sleep 0.05; done
exit 1
"""


@_WITH_FUSE
@pytest.mark.parametrize("again", [False, True], ids=["by this daemon", "by the next"])
async def test_what_of_a_creation_cannot_be_undone_goes_once_it_can(
    daemon: Daemon, rootfs: Path, tmp_path: Path, *, again: bool
) -> None:
    """Also where its cgroup is a place of the caller's, which is not looked through; whoever has moved in is not killed."""
    name, flag = f"pycontainerd-test-{os.getpid()}-stuck", tmp_path / "flag"
    with silent_server(tmp_path / "silent", LOOKUP) as asked:
        async with daemon.api() as api:
            body = await hooked(api, rootfs, flag, "createRuntime", id="stuck")
            script = _ASK.format(name=name, silent=tmp_path / "silent", flag=flag)
            body["oci"]["hooks"]["createRuntime"][0]["args"] = ["sh", "-c", script]
            body["oci"]["linux"]["cgroupsPath"] = f"/{name}"
            creating = asyncio.ensure_future(api.post("/v1/containers", json=body))
            assert await asyncio.to_thread(asked.wait, 30)
            flag.touch()
            (await creating).error(400, "invalid_argument", step="hooks")
            assert (await api.get("/v1/containers")).json["containers"] == []
            (await api.post("/v1/containers", json=body)).error(409, "conflict")
        assert "cannot take back all of a creation" in daemon.log
        with moved_into(name) as stranger:
            if again:
                daemon.stop()
                daemon.start()
                await daemon.answering()
            await asyncio.sleep(2)  # in vain: longer than from one attempt to the next
            assert stranger.poll() is None
    async with asyncio.timeout(30):
        while [*cgroups(name), *os.listdir(daemon.state_dir / "containers")]:
            await asyncio.sleep(0.05)
    async with daemon.api() as api:
        await remove(api, await api.create(rootfs, "/bin/true", id="stuck"))


@contextmanager
def moved_into(name: str) -> Iterator[subprocess.Popen[bytes]]:
    """Have somebody else's process live in cgroups of that name."""
    with subprocess.Popen(["/bin/sleep", "1000"]) as process:
        try:
            for path in cgroups(name):
                Path(path, "cgroup.procs").write_text(str(process.pid))
            yield process
        finally:
            process.kill()
