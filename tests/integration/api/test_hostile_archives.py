"""Archives, trees and clients that mean harm: nothing outside is read or written, nothing hangs, nothing is left."""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import struct
import tarfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.integration.api.tars import content, fetch, get, member, members, put, remove, started, stop, tar
from tests.integration.api_client import BASE, Answer, Api
from tests.integration.daemon_process import Daemon

SECRET = b"of the host, and nobody else's"
BROKEN_OFF = r"payload|transfer|disconnected|closed|reset"
_BLOCK = 512


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory of the host's, beside the root file system."""
    made = tmp_path / "outside"
    made.mkdir()
    (made / "sentinel").write_bytes(SECRET)
    return made


@pytest_asyncio.fixture
async def container(api: Api, rootfs: Path) -> AsyncIterator[str]:
    (rootfs / "target/sub").mkdir(parents=True)
    (rootfs / "etc").mkdir()
    (rootfs / "etc/passwd").write_text("root\n")
    made = await started(api, rootfs)
    yield made
    await remove(api, made)


async def eventually(true: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(30):
        while not await true():
            await asyncio.sleep(0.02)


async def workers(api: Api) -> list[int]:
    """Those of the daemon's workers that are no container's first process."""
    spawner = (await api.get("/v1/info")).json["spawner_pid"]
    known = {one["pid"] for one in (await api.get("/v1/containers")).json["containers"]}
    return [
        pid for pid in map(int, Path(f"/proc/{spawner}/task/{spawner}/children").read_text().split()) if pid not in known
    ]


async def no_worker(api: Api) -> bool:
    return not await workers(api)


# ── archives ──


def header(name: bytes, size: bytes, kind: bytes = b"0") -> bytes:
    """A ustar header with any bytes as its size."""
    made = bytearray(_BLOCK)
    made[0 : len(name)] = name
    made[100:108], made[108:116], made[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    made[124 : 124 + len(size)] = size
    made[136:148], made[156:157], made[257:265] = b"00000000000\0", kind, b"ustar\x0000"
    made[148:156] = b" " * 8
    made[148:156] = b"%06o\0 " % sum(made)
    return bytes(made)


def pax(**records: bytes) -> bytes:
    lines = b""
    for key, value in records.items():
        body = b" " + key.encode() + b"=" + value + b"\n"
        length = len(body) + len(str(len(body) + 2))
        lines += str(length).encode() + body
    return header(b"pax", b"%011o\0" % len(lines), b"x") + lines + bytes(-len(lines) % _BLOCK)


END = bytes(2 * _BLOCK)
NEGATIVE = b"\xff" + bytes([255] * 10) + b"\xf0"
HUGE = b"\x80" + bytes(3) + struct.pack(">Q", 2**62)

HOSTILE: dict[str, tuple[bytes, str]] = {
    "a way up": (tar(member("../up", b"x")), "'..'"),
    "a way up in the middle": (tar(member("sub/../../up", b"x")), "'..'"),
    "a way up by a link": (tar(member("l", type=tarfile.LNKTYPE, linkname="../etc/passwd")), "'..'"),
    "a hard link to what is outside": (tar(member("l", type=tarfile.LNKTYPE, linkname="/etc/passwd")), "not there"),
    "a hard link to itself": (tar(member("l", type=tarfile.LNKTYPE, linkname="l")), "not there"),
    "a hard link to a directory": (tar(member("l", type=tarfile.LNKTYPE, linkname="sub")), "'l'"),
    "a hard link to the directory itself": (tar(member("l", type=tarfile.LNKTYPE, linkname="/")), "hard link"),
    "a file through an absolute symlink": (
        tar(member("s", type=tarfile.SYMTYPE, linkname="/etc"), member("s/passwd", b"owned")),
        "'s/passwd': it leads out",
    ),
    "a file through a relative symlink": (
        tar(member("s", type=tarfile.SYMTYPE, linkname="sub/../../etc"), member("s/passwd", b"owned")),
        "'s/passwd': it leads out",
    ),
    "a directory over a symlink": (
        tar(member("s", type=tarfile.SYMTYPE, linkname="/etc"), member("s", type=tarfile.DIRTYPE, mode=0o777)),
        "something that is no directory stands there",
    ),
    "a hard link through a symlink": (
        tar(member("s", type=tarfile.SYMTYPE, linkname="/etc"), member("l", type=tarfile.LNKTYPE, linkname="s/passwd")),
        "leads out",
    ),
    "a symlink that leads to itself": (
        tar(member("s", type=tarfile.SYMTYPE, linkname="s"), member("s/x", b"")),
        "'s/x'",
    ),
    "a device": (tar(member("d", type=tarfile.BLKTYPE, devmajor=8, devminor=0)), "'d'"),
    "a device without a number": (tar(member("d", type=tarfile.CHRTYPE, devmajor=1 << 20)), "device number"),
    "an unknown type": (tar(member("u", type=b"V")), "unknown type"),
    "an owner beyond": (tar(member("o", b"", uid=2**31)), "owner"),
    "a group below": (header(b"g", b"00000000000\0").replace(b"0000000\0", b"\xff" * 8, 1) + END, "byte 0"),
    "a time beyond": (tar(member("t", b"", mtime=2**40)), "time"),
    "a time that is none": (pax(mtime=b"nan") + header(b"t", b"00000000000\0") + END, "time"),
    "a NUL in a name": (pax(path=b"a\0b") + header(b"t", b"00000000000\0") + END, "NUL"),
    "a NUL in a link": (pax(linkpath=b"a\0b") + header(b"t", b"00000000000\0", b"2") + END, "NUL"),
    "a NUL in an attribute": (pax(**{"SCHILY.xattr.user.a\0b": b"x"}) + header(b"t", b"00000000000\0") + END, "NUL"),
    "a name that is too long": (tar(member("n" * 300, b"")), "name too long"),
    "a sparse file": (pax(**{"GNU.sparse.map": b"0,1"}) + header(b"s", b"00000000000\0") + END, "sparse"),
    "a header without an end": (header(b"h", HUGE, b"x"), "larger"),
    "a long name without an end": (header(b"h", HUGE, b"L"), "larger"),
    "headers of headers": (pax(comment=b"x") * 3000 + header(b"h", b"00000000000\0") + END, "headers of headers"),
    "a negative size": (header(b"n", NEGATIVE) + END, "byte 0"),
    "a file without an end": (header(b"huge", HUGE) + b"x" * 4096, "'huge'"),
    "cut off in a file": (tar(member("c", b"x" * 4096))[:2048], "cut off"),
    "cut off in a header": (tar(member("c", b"x"))[:100], "cut off"),
    "cut off before the end mark": (tar(member("c", b"x"))[:1024], "cut off"),
    "nothing": (b"", "cut off"),
    "no archive": (b"hello, world\n" * 100, "no tar archive"),
    "gzip": (b"\x1f\x8b\x08\0" + bytes(600), "gzip"),
    "xz": (b"\xfd7zXZ\0" + bytes(600), "xz"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(600), "zstd"),
}


async def test_hostile_archives_are_refused_and_leave_nothing(
    api: Api, container: str, rootfs: Path, outside: Path
) -> None:
    for what, (data, told) in HOSTILE.items():
        answer = await put(api, container, "/target", data)
        assert told.lower() in answer.error(400, "invalid_argument")["message"].lower(), what
        left = {path.name for path in (rootfs / "target").iterdir()} - {"sub", "s"}
        assert left <= {"c"}, what  # whole, and before the archive was cut off
        (rootfs / "target/s").unlink(missing_ok=True)
        (rootfs / "target/c").unlink(missing_ok=True)
    assert os.listdir(rootfs / "target/sub") == []
    assert (rootfs / "etc/passwd").read_text() == "root\n"
    assert not (rootfs / "up").exists()
    assert (outside / "sentinel").read_bytes() == SECRET
    await eventually(lambda: no_worker(api))
    assert (await put(api, container, "/target", tar(member("fine", b"")))).status == 204


async def test_names_from_the_root_stay_below_the_directory(api: Api, container: str, rootfs: Path, outside: Path) -> None:
    data = tar(
        member(f"{outside}/sentinel", b"written"),
        member("//etc//./passwd", b"written"),
        member("way", type=tarfile.SYMTYPE, linkname="sub"),
        member("way/through", b"beneath"),
    )
    assert (await put(api, container, "/target", data)).status == 204
    assert (outside / "sentinel").read_bytes() == SECRET
    assert (rootfs / "target" / str(outside).lstrip("/") / "sentinel").read_bytes() == b"written"
    assert (rootfs / "target/etc/passwd").read_bytes() == b"written"
    assert (rootfs / "target/sub/through").read_bytes() == b"beneath"


async def test_symlinks_of_the_root_lead_into_the_root(api: Api, container: str, rootfs: Path, outside: Path) -> None:
    for state in ("running", "stopped"):
        for link in (str(outside), "../../../../../../.." + str(outside)):
            (rootfs / "way").unlink(missing_ok=True)
            (rootfs / "way").symlink_to(link)
            inside = rootfs / str(outside).lstrip("/")
            inside.mkdir(parents=True, exist_ok=True)
            (inside / "sentinel").write_text("of the container")
            assert (await put(api, container, "/", tar(member("way/new", state.encode())))).status == 204
            assert (await put(api, container, "/way", tar(member("newer", state.encode())))).status == 204
            assert (inside / "new").read_text() == (inside / "newer").read_text() == state
            data = await fetch(api, container, "/way/sentinel")
            assert content(data, "sentinel") == b"of the container"
            assert os.listdir(outside) == ["sentinel"]
        await api.post(f"/v1/containers/{container}/stop?timeout=0")


async def test_devices_are_made_where_the_container_may_make_them(api: Api, rootfs: Path) -> None:
    """Where it has stopped its device rules would hold for nobody."""
    names = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_MKNOD"]
    sets = dict.fromkeys(("bounding", "effective", "permitted"), names)
    document: dict[str, Any] = {
        "ociVersion": "1.2.0",
        "root": {"path": str(rootfs)},
        "process": {"args": ["/bin/sleep", "100"], "cwd": "/", "user": {"uid": 0, "gid": 0}, "capabilities": sets},
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "uts", "ipc", "network")]},
    }
    container = (await api.post("/v1/containers", json={"oci": document})).json["id"]
    assert (await api.post(f"/v1/containers/{container}/start")).status == 204
    null = tar(member("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3, uid=4))
    assert (await put(api, container, "/", null)).status == 204
    assert ((rootfs / "null").stat().st_rdev, (rootfs / "null").stat().st_uid) == (os.makedev(1, 3), 4)
    (rootfs / "null").unlink()
    await stop(api, container)
    (await put(api, container, "/", null)).error(400, "invalid_argument", errno="EPERM")
    assert not list(rootfs.glob("null")) + list(rootfs.glob(".pycontainerd*"))
    await remove(api, container)


# ── trees ──


@contextlib.contextmanager
def flipping(one: Path, other: Path) -> Iterator[list[int]]:
    """Exchange two names as fast as it goes (renameat2(2), RENAME_EXCHANGE); yield how often it was done."""
    renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    ending, count = threading.Event(), [0]

    def flip() -> None:
        while not ending.is_set():
            assert renameat2(-100, os.fsencode(one), -100, os.fsencode(other), 2) == 0
            count[0] += 1

    thread = threading.Thread(target=flip)
    thread.start()
    try:
        yield count
    finally:
        ending.set()
        thread.join()


@pytest.mark.parametrize("state", ["running", "stopped"])
@pytest.mark.parametrize("way", ["absolute", "relative"])
async def test_no_flipper_leads_out(api: Api, rootfs: Path, outside: Path, tmp_path: Path, state: str, way: str) -> None:
    """A directory that is a symlink to the host's every other moment, in a volume that others share."""
    volume = rootfs / "shared" if state == "stopped" else tmp_path / "volume"
    (volume / "real").mkdir(parents=True)
    (volume / "real/sentinel").write_bytes(b"of the volume")
    up = "../" * 12
    (volume / "other").symlink_to(outside if way == "absolute" else up + str(outside).lstrip("/"))
    mounts = [] if state == "stopped" else [{"source": str(volume), "target": "/shared"}]
    container = await started(api, rootfs, mounts=mounts)
    if state == "stopped":
        await stop(api, container)
    tasks: tuple[Callable[[], Awaitable[Answer]], ...] = (
        lambda: get(api, container, "/shared/real/sentinel"),
        lambda: get(api, container, "/shared"),
        lambda: put(api, container, "/shared/real", tar(member("sentinel", b"owned"), member("planted", b"owned"))),
        lambda: put(api, container, "/shared", tar(member("real/planted", b"owned"))),
        lambda: put(api, container, "/", tar(member("shared/real/sub/planted", b"owned"))),
    )
    statuses: list[int] = []
    with flipping(volume / "real", volume / "other") as count:
        for _ in range(12):
            answers = await asyncio.gather(*(task() for task in tasks))
            statuses += [answer.status for answer in answers]
            assert not [answer for answer in answers if SECRET in answer.body]
    assert count[0] > 1000
    assert set(statuses) <= {200, 204, 400, 404, 503}
    assert 200 in statuses
    assert 204 in statuses
    assert os.listdir(outside) == ["sentinel"]
    assert (outside / "sentinel").read_bytes() == SECRET
    assert not list(volume.rglob(".pycontainerd-*"))
    await remove(api, container)


async def test_fifos_are_told_and_never_waited_for(api: Api, container: str, rootfs: Path) -> None:
    os.mkfifo(rootfs / "target/pipe")
    assert members(await fetch(api, container, "/target/pipe"))["pipe"].isfifo()
    assert "target/pipe" in members(await fetch(api, container, "/target"))
    assert (await put(api, container, "/target", tar(member("pipe", b"a file now")))).status == 204
    assert (rootfs / "target/pipe").read_bytes() == b"a file now"
    (rootfs / "target/pipe").unlink()
    os.mkfifo(rootfs / "target/pipe")
    (rootfs / "target/file").write_bytes(b"x")
    with flipping(rootfs / "target/pipe", rootfs / "target/file"):
        for _ in range(10):
            await fetch(api, container, "/target")
    (await get(api, container, "/target/pipe/x")).error(400, "invalid_argument", errno="ENOTDIR")


async def test_sockets_and_depths(api: Api, container: str, rootfs: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, contextlib.chdir(rootfs / "target"):
        listener.bind("socket")
    assert set(members(await fetch(api, container, "/target"))) == {"target", "target/sub"}
    assert "socket" in (await get(api, container, "/target/socket")).error(400, "invalid_argument")["message"]
    current = os.open(rootfs / "target", os.O_RDONLY)
    for _ in range(260):
        os.mkdir("d", dir_fd=current)
        below = os.open("d", os.O_RDONLY, dir_fd=current)
        os.close(current)
        current = below
    os.close(current)
    with pytest.raises(Exception, match=BROKEN_OFF):
        await get(api, container, "/target")
    deep = tar(member("/".join("e" * 300), b"deep"))
    assert (await put(api, container, "/target", deep)).status == 204
    await eventually(lambda: no_worker(api))


# ── clients ──


async def test_a_worker_has_no_more_rights_than_it_needs(api: Api, container: str, rootfs: Path) -> None:
    with (rootfs / "target/big").open("wb") as file:
        file.truncate(64 << 20)
    url = f"{BASE}/v1/containers/{container}/archive?path=/target/big"
    shown = (await api.get(f"/v1/containers/{container}")).json
    async with api.session.get(url) as response:
        await response.content.readexactly(1000)
        (worker,) = await workers(api)
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{worker}/status").read_text().splitlines())
        assert {status[f"Cap{kind}"] for kind in ("Eff", "Prm", "Bnd")} == {f"{1 << 2:016x}"}  # CAP_DAC_READ_SEARCH
        assert status["NoNewPrivs"] == "1"
        mount = "/proc/{}/ns/mnt"
        assert os.readlink(mount.format(worker)) == os.readlink(mount.format(shown["pid"]))
        members_of_cgroup = Path(shown["cgroup_paths"][0], "cgroup.procs").read_text().split()
        assert str(worker) in members_of_cgroup
    await eventually(lambda: no_worker(api))


async def test_clients_that_leave_take_their_workers_with_them(api: Api, container: str, rootfs: Path) -> None:
    with (rootfs / "target/big").open("wb") as file:
        file.truncate(64 << 20)
    route = f"{BASE}/v1/containers/{container}/archive?path=/target"
    async with api.session.get(route) as response:
        await response.content.readexactly(1000)
        assert len(await workers(api)) == 1
    await eventually(lambda: no_worker(api))

    arrived = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield tar(member("new", b"x" * 3_000_000))[:1_000_000]
        arrived.set()
        await asyncio.Event().wait()

    async def send() -> None:
        await api.session.put(route, data=half())

    task = asyncio.ensure_future(send())
    await arrived.wait()

    async def begun() -> bool:
        return bool(list((rootfs / "target").glob(".pycontainerd-*")))

    await eventually(begun)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await eventually(lambda: no_worker(api))
    assert {path.name for path in (rootfs / "target").iterdir()} == {"big", "sub"}


async def test_pausing_and_stopping_end_a_transfer(api: Api, container: str, rootfs: Path) -> None:
    with (rootfs / "target/big").open("wb") as file:
        file.truncate(64 << 20)
    for action in ("pause", "stop?timeout=0"):
        async with api.session.get(f"{BASE}/v1/containers/{container}/archive?path=/target") as response:
            await response.content.readexactly(1000)
            assert (await api.post(f"/v1/containers/{container}/{action}")).status in (200, 204)
            with pytest.raises(Exception, match=BROKEN_OFF):
                await response.read()
        if action == "pause":
            assert (await api.post(f"/v1/containers/{container}/resume")).status == 204
        await eventually(lambda: no_worker(api))


async def test_what_is_unpacked_counts_as_the_containers_own(api: Api, rootfs: Path) -> None:
    mounts = [{"type": "tmpfs", "target": "/memory", "options": ["size=200m"]}]
    container = await started(api, rootfs, mounts=mounts, resources={"memory_bytes": 100 << 20})

    async def used() -> int:
        return int((await api.get(f"/v1/containers/{container}/stats")).json["memory"]["usage_bytes"])

    assert await used() < 16 << 20
    assert (await put(api, container, "/memory", tar(member("some", b"x" * (16 << 20))))).status == 204
    assert await used() >= 16 << 20
    await remove(api, container)


async def test_more_than_the_containers_memory_is_refused(api: Api, rootfs: Path) -> None:
    mounts = [{"type": "tmpfs", "target": "/memory", "options": ["size=200m"]}]
    container = await started(api, rootfs, mounts=mounts, resources={"memory_bytes": 40 << 20})
    answer = await put(api, container, "/memory", tar(member("much", bytes(100 << 20))))
    assert answer.json["kind"] in ("invalid_argument", "conflict", "out_of_space"), answer.body
    await eventually(lambda: no_worker(api))
    await remove(api, container)


async def test_a_lost_spawner_costs_what_is_under_way(daemon: Daemon, api: Api, container: str, rootfs: Path) -> None:
    """The next transfer goes by another spawner; the container lives on."""
    daemon.expect_errors()
    spawner = (await api.get("/v1/info")).json["spawner_pid"]
    os.kill(spawner, signal.SIGKILL)

    async def served() -> bool:
        return (await get(api, container, "/etc/passwd")).status == 200

    await eventually(served)


async def test_a_lost_daemon_leaves_nothing_under_way(daemon: Daemon, api: Api, container: str, rootfs: Path) -> None:
    with (rootfs / "target/big").open("wb") as file:
        file.truncate(64 << 20)
    url = f"{BASE}/v1/containers/{container}/archive?path=/target"
    arrived = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield tar(member("new", b"x" * 3_000_000))[:1_000_000]
        arrived.set()
        await asyncio.Event().wait()

    async def begun() -> bool:
        return bool(list((rootfs / "target").glob(".pycontainerd-*")))

    sending = asyncio.ensure_future(put(api, container, "/target", half()))
    async with api.session.get(url) as response:
        await response.content.readexactly(1000)
        await arrived.wait()
        await eventually(begun)
        daemon.kill()
        with pytest.raises(Exception, match=BROKEN_OFF):
            await sending
        with pytest.raises(Exception, match=BROKEN_OFF):
            await response.read()
    daemon.start()
    await daemon.answering()
    await eventually(lambda: no_worker(api))
    assert {path.name for path in (rootfs / "target").iterdir()} == {"big", "sub"}
    assert (await put(api, container, "/target", tar(member("fine", b"")))).status == 204
