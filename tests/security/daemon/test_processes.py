"""R1, R2, R3, R18: the daemon's processes, what they have open, and the ways to them."""

import fcntl
import hashlib
import os
import re
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.integration.api.tars import remove, started
from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon
from tests.security.conftest import Attack, Often
from tests.security.daemon.many import done, each, execute
from tests.security.test_interpreter import LOADERS, OVERWRITE

HALVES = ("pycontainerd-ca", f"nary-{os.getpid()}")
CANARY = "".join(HALVES)
_F_GET_SEALS, _ALL_SEALS = 1034, 0xF


def seals(pid: int) -> int:
    with Path(f"/proc/{pid}/exe").open("rb") as program:
        return fcntl.fcntl(program, _F_GET_SEALS) & _ALL_SEALS


async def pid_of(api: Api, container: str) -> int:
    return int((await api.get(f"/v1/containers/{container}")).json["pid"])


async def test_spawner_and_worker_are_sealed_copies(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/true")
    for pid in ((await api.get("/v1/info")).json["spawner_pid"], await pid_of(api, container)):
        assert seals(pid) == _ALL_SEALS
    await remove(api, container)


async def test_no_interpreter_is_written_to(api: Api, rootfs: Path, attack: Attack) -> None:
    """What a container runs, and what is run in it further, are /proc/self/exe, with a loader of the image's."""
    interpreter = Path(sys.executable).resolve()
    before = hashlib.sha256(interpreter.read_bytes()).digest()
    for loader in LOADERS:
        attack("loader", rootfs / loader)
    (rootfs / "overwrite").write_text(OVERWRITE)
    _ended, output = await api.run(rootfs, "/proc/self/exe")
    container = await started(api, rootfs)
    _code, further = await execute(api, container, "/proc/self/exe")
    for told in (output, further):
        assert b"tried" in told, "the attack was not made"
        assert b"written" not in told
    assert hashlib.sha256(interpreter.read_bytes()).digest() == before
    await remove(api, container)


async def test_the_last_of_many_containers_has_nothing_of_the_others_open(api: Api, rootfs: Path, often: Often) -> None:
    """Created, started, and entered: the spawner has three pipes and a pidfd of each of the others."""
    boxes: list[str] = []

    async def make(number: int) -> None:
        boxes.append(await started(api, rootfs, id=f"box{number}"))

    await each(range(often(15, 200)), make)
    last = await api.create(rootfs, "/bin/ls", "/proc/self/fd")
    here = Path(f"/proc/{await pid_of(api, last)}")
    waiting = {os.readlink(path) for path in (here / "fd").iterdir() if not path.samefile(here / "root")}
    assert not [target for target in waiting if not target.startswith(("pipe:", "socket:", "/dev/null"))], waiting
    assert len([target for target in waiting if target.startswith("pipe:")]) <= 3
    await done(api.post(f"/v1/containers/{last}/start"))
    await done(api.post(f"/v1/containers/{last}/wait"))
    assert (await api.get(f"/v1/containers/{last}/logs")).body.split() == [b"0", b"1", b"2", b"3"]  # 3 is ls's own
    assert await execute(api, boxes[0], "/bin/ls", "/proc/self/fd") == (0, b"0\n1\n2\n3\n")
    await each(range(len(boxes)), lambda number: remove(api, boxes[number]))
    await remove(api, last)


@pytest_asyncio.fixture
async def secretive(tmp_path: Path) -> AsyncIterator[Daemon]:
    """A daemon with a secret in its environment, and the most open umask."""
    folder = tmp_path / "secretive"
    folder.mkdir()
    running = Daemon(folder, before="umask 0")
    running.start(CANARY=CANARY)
    try:
        await running.answering()
        yield running
        assert running.stop() == 0, running.log
    finally:
        running.close()


async def test_no_secret_is_in_what_enters(secretive: Daemon, rootfs: Path, attack: Attack, often: Often) -> None:
    """Of the daemon's environment and another container's, for a container that may trace whatever it sees."""
    attack("watcher", rootfs / "bin/watcher")
    async with secretive.api() as api:
        other = await started(api, rootfs, env={"CANARY": CANARY})
        box = await api.create(rootfs, "/bin/watcher", *HALVES, cap_add=["SYS_PTRACE"])
        await done(api.post(f"/v1/containers/{box}/start"))
        for _ in range(often(25, 500)):
            assert (await execute(api, box, "/bin/true"))[0] in (0, None)  # None: the watcher held it
        (rootfs / "stop").touch()
        await done(api.post(f"/v1/containers/{box}/wait"))
        told = (await api.get(f"/v1/containers/{box}/logs")).body.decode()
        counted = {name: int(value) for name, value in re.findall(r"(\w+) (\d+)", told.splitlines()[-1])}
        assert (counted["found"], counted["written"]) == (0, 0), told
        assert counted["seen"] > 3, told
        for container in (other, box):
            await remove(api, container)


async def test_nothing_of_it_is_open_to_others(secretive: Daemon, rootfs: Path) -> None:
    async with secretive.api() as api:
        container = await started(api, rootfs)
        for folder in (secretive.state_dir, secretive.data_dir):
            for path in (folder, *folder.rglob("*")):
                if not path.is_symlink():
                    assert not stat.S_IMODE(path.stat().st_mode) & 0o022, path
        assert stat.S_IMODE(secretive.state_dir.stat().st_mode) == 0o700
        assert stat.S_IMODE(secretive.socket.stat().st_mode) == 0o600
        pids = [secretive.pid, (await api.get("/v1/info")).json["spawner_pid"]]
        ours = {os.readlink(path) for pid in pids for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()}
        lines = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()]
        assert not [line for line in lines if f"socket:[{line[6]}]" in ours and line[-1].startswith("@")]
        await remove(api, container)


async def test_with_the_hosts_network_no_socket_of_the_daemons_is_there(api: Api, rootfs: Path) -> None:
    """[CVE-2020-15257] By its name alone, without a file."""
    _ended, output = await api.run(rootfs, "/bin/cat", "/proc/net/unix", network="host")
    assert b"RefCount" in output
    assert not [line for line in output.splitlines() if b"@" in line and b"containerd" in line]


async def test_with_the_hosts_processes_the_daemons_are_closed(api: Api, daemon: Daemon, rootfs: Path) -> None:
    """Without CAP_SYS_PTRACE, which makes its root as good as the host's."""
    spawner = (await api.get("/v1/info")).json["spawner_pid"]
    names = ("fd/0", "mem", "environ", "maps", "root/etc/passwd", "exe")
    paths = [f"/proc/{pid}/{name}" for pid in (spawner, daemon.pid) for name in names]
    _ended, output = await api.run(rootfs, "/bin/cat", *paths, pid="host")
    assert output.count(b"denied") == len(paths), output
