"""What does not let go: processes in the kernel, cgroups that are busy or frozen. Others do not wait for them."""

import asyncio
import contextlib
import errno
import os
import select
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from containerd_py.runtime.linux.fd import Fd
from tests.faults.strace import strace
from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon
from tests.integration.mounted import mounted
from tests.integration.recovery.test_daemon_loss import remove, start

# linux/fuse.h
_LOOKUP, _FORGET, _GETATTR, _INIT, _INTERRUPT, _BATCH_FORGET = 1, 2, 3, 26, 36, 42
_IN, _OUT = struct.Struct("<IIQQIIII"), struct.Struct("<IiQ")
_INIT_OUT = struct.Struct("<IIIIHHIIHHI28x").pack(7, 31, 65_536, 0, 12, 10, 65_536, 1, 0, 0, 0)
_ATTR_OUT = struct.Struct("<QII6Q10I").pack(3600, 0, 0, 1, *[0] * 5, *[0] * 3, 0o40755, 2, *[0] * 5)
_ANSWERS = {_INIT: _INIT_OUT, _GETATTR: _ATTR_OUT}
_SILENT = (_LOOKUP, _FORGET, _INTERRUPT, _BATCH_FORGET)


@contextlib.contextmanager
def silent_server(place: Path) -> Iterator[threading.Event]:
    """A file system whose server takes a look-up and never answers it; give what is set once it has one.

    Who asks, and is killed, is in state D then until the server is gone: what a server has taken cannot be taken back.
    """
    place.mkdir()
    asked = threading.Event()
    with Fd(os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)) as server, Fd(os.eventfd(0)) as over:
        thread = threading.Thread(target=serve, args=(server.fileno(), over.fileno(), asked))
        with mounted("fuse", place, f"fd={server.fileno()},rootmode=40000,user_id=0,group_id=0,allow_other"):
            thread.start()
            try:
                yield asked
            finally:
                os.eventfd_write(over.fileno(), 1)
                thread.join()
                server.close()
    place.rmdir()


def serve(server: int, over: int, asked: threading.Event) -> None:
    while over not in select.select([server, over], [], [])[0]:
        _length, kind, unique, *_rest = _IN.unpack_from(os.read(server, 1 << 18))
        answer = _ANSWERS.get(kind, b"")
        if kind == _LOOKUP:
            asked.set()
        if kind not in _SILENT:
            os.write(server, _OUT.pack(_OUT.size + len(answer), 0 if answer else -errno.ENOSYS, unique) + answer)


@pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="this host has no FUSE")
async def test_a_payload_in_the_kernel_is_told_and_keeps_nobody_waiting(
    daemon: Daemon, rootfs: Path, tmp_path: Path
) -> None:
    daemon.stop()
    with silent_server(tmp_path / "silent") as asked:  # a spawner sees what was mounted before it was there
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
