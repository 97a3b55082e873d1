"""What a payload does to its own container: it has only itself of it, and can be looked at, stopped and removed."""

import asyncio
from pathlib import Path

import pytest

from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon
from tests.integration.mounted import mounted
from tests.integration.recovery.test_daemon_loss import remove, start

GAMES = {
    "no right to the root": "chmod 0 /; chmod 0 /bin",
    "nothing is left of it": "busybox rm -rf /bin/ls /bin/cat /etc /dev/shm 2>/dev/null; busybox rm -rf / 2>/dev/null",
    "its programs have other names": "busybox mv /bin /nib",
    "a root of its own": "mkdir -p /a/b; busybox chroot /a /b 2>/dev/null",
    "links in place of directories": "busybox rm -rf /tmp; busybox ln -s /proc/self /tmp; busybox ln -s / /loop",
    "no descriptor is left": 'i=3; while [ $i -lt 200 ]; do eval "exec $i</dev/null"; i=$((i+1)); done',
    "standard streams are closed": "exec <&- >&- 2>&-",
    "signals are ignored": "trap '' TERM INT HUP QUIT",
    "deep directories": "i=0; while [ $i -lt 300 ]; do busybox mkdir d; cd d; i=$((i+1)); done",
}


@pytest.mark.parametrize("game", GAMES)
async def test_it_is_stopped_and_removed(api: Api, rootfs: Path, game: str) -> None:
    other = await start(
        api,
        rootfs,
        "/bin/sh",
        "-c",
        "while :; do sleep 0.05; done",
    )
    own = rootfs.with_name("own")
    own.mkdir()
    await asyncio.to_thread(copy, rootfs, own)
    script = f"{game_of(game)}; echo played >>/dev/console; while :; do busybox sleep 0.1 || /nib/busybox sleep 0.1; done"
    container = await start(api, own, "/bin/busybox", "sh", "-c", script)
    for path in ("", "/stats", "/top", "/logs"):
        assert (await api.get(f"/v1/containers/{container}{path}")).status == 200
    executed = await api.post(f"/v1/containers/{container}/exec", json={"args": ["/bin/busybox", "true"]})
    assert executed.status == 201
    assert (await api.post(f"/v1/exec/{executed.json['id']}/start")).status in (204, 400)
    assert (await api.post(f"/v1/containers/{container}/stop?timeout=0")).json["signal"] == "SIGKILL"
    await remove(api, container)
    assert (await api.get(f"/v1/containers/{other}")).json["status"] == "running"
    await remove(api, other)
    assert (rootfs / "bin/busybox").exists()


def game_of(name: str) -> str:
    return f"({GAMES[name]})" if "exec" not in GAMES[name] and "trap" not in GAMES[name] else GAMES[name]


def copy(rootfs: Path, own: Path) -> None:
    (own / "bin").mkdir()
    (own / "bin/busybox").hardlink_to(rootfs / "bin/busybox")
    for name in ("sh", "sleep", "cat", "ls"):
        (own / "bin" / name).symlink_to("busybox")


async def test_a_fork_bomb_is_its_own_affair(api: Api, rootfs: Path) -> None:
    bomb = "bomb() { bomb | bomb & }; (while :; do bomb; done) & read forever"
    container = await start(api, rootfs, "/bin/sh", "-c", bomb, stdin=True, resources={"pids": 40})
    async with asyncio.timeout(30):
        while (await api.get(f"/v1/containers/{container}/stats")).json["pids"]["current"] < 30:
            await asyncio.sleep(0.01)
    assert (await api.run(rootfs, "/bin/echo", "beside"))[1] == b"beside\n"
    assert (await api.post(f"/v1/containers/{container}/stop?timeout=0")).json["exit_code"] == 137
    await remove(api, container)


async def test_a_full_root_is_its_own_affair(daemon: Daemon, rootfs: Path, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    daemon.stop()
    with mounted("tmpfs", full, "size=4m,nr_inodes=200"):  # a spawner sees what was mounted before it was there
        await asyncio.to_thread(copy_whole, rootfs, full)
        daemon.start()
        await daemon.answering()
        async with daemon.api() as api:
            await fill_and_remove(api, full)
        daemon.stop()
    daemon.start()
    await daemon.answering()


async def fill_and_remove(api: Api, full: Path) -> None:
    script = "busybox dd if=/dev/zero of=/filler bs=64k 2>/dev/null; i=0; while : >/f$i; do i=$((i+1)); done; echo full"
    container = await start(api, full, "/bin/sh", "-c", f"({script}); exec sleep 100")
    async with asyncio.timeout(30):
        while b"No space" not in (await api.get(f"/v1/containers/{container}/logs")).body:
            await asyncio.sleep(0.01)
    executed = (await api.post(f"/v1/containers/{container}/exec", json={"args": ["/bin/sh", "-c", "exit 4"]})).json["id"]
    assert (await api.post(f"/v1/exec/{executed}/start")).status == 204
    assert (await api.post(f"/v1/exec/{executed}/wait")).json["exit_code"] == 4
    await remove(api, container)


def copy_whole(rootfs: Path, other: Path) -> None:
    (other / "bin").mkdir()
    (other / "bin/busybox").write_bytes((rootfs / "bin/busybox").read_bytes())
    (other / "bin/busybox").chmod(0o755)
    for name in ("sh", "sleep"):
        (other / "bin" / name).symlink_to("busybox")
