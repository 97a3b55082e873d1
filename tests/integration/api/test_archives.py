"""Files of containers as archives: out, in, in which state, and what is refused."""

import asyncio
import json
import os
import stat
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.integration.api.tars import content, fetch, get, member, members, put, remove, started, stop, tar
from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon

STRANGE = b"new\nline \xff\xe4"


@pytest_asyncio.fixture
async def container(api: Api, rootfs: Path) -> AsyncIterator[str]:
    """One that runs, with files of every kind in /data."""
    data = rootfs / "data"
    (data / "inner").mkdir(parents=True)
    (data / "file").write_bytes(b"hello")
    os.chown(data / "file", 1000, 1001)
    (data / "file").chmod(0o4751)
    os.utime(data / "file", (1_700_000_000, 1_700_000_000))
    os.setxattr(data / "file", "user.colour", b"\xffred")
    (data / "again").hardlink_to(data / "file")
    (data / "link").symlink_to("/etc/nowhere")
    (data / "way").symlink_to("inner")
    (data / "inner" / "deep").write_bytes(b"x" * 100_000)
    Path(os.fsdecode(os.fsencode(data) + b"/" + STRANGE)).write_bytes(b"strange")
    os.mkfifo(data / "pipe")
    made = await started(api, rootfs)
    yield made
    await remove(api, made)


# ── out ──


async def test_a_directory_comes_out_as_it_is(api: Api, container: str) -> None:
    data = await fetch(api, container, "/data")
    found = members(data)
    strange = "data/" + os.fsdecode(STRANGE)
    kinds = ("", "/inner", "/inner/deep", "/file", "/again", "/link", "/way", "/pipe", "/" + os.fsdecode(STRANGE))
    assert set(found) == {f"data{name}" for name in kinds}
    first, second = sorted((found["data/file"], found["data/again"]), key=lambda info: info.islnk())
    assert (first.mode, first.uid, first.gid, first.mtime, first.size) == (0o4751, 1000, 1001, 1_700_000_000, 5)
    assert first.pax_headers["SCHILY.xattr.user.colour"].encode("utf-8", "surrogateescape") == b"\xffred"
    assert second.islnk()
    assert second.linkname == first.name
    assert content(data, first.name) == b"hello"
    assert content(data, "data/inner/deep") == b"x" * 100_000
    assert content(data, strange) == b"strange"
    assert (found["data/link"].linkname, found["data/way"].linkname) == ("/etc/nowhere", "inner")
    assert found["data/pipe"].isfifo()


@pytest.mark.parametrize(
    ("path", "first"),
    [
        ("/data/inner", "inner"),
        ("/data/inner/", "inner"),
        ("/data/inner/.", "."),
        ("/data/./file", "file"),
        ("/data/inner/../file", "file"),
        ("/data/way", "way"),
        ("/data/way/", "way"),
        ("/../../data/way/deep", "deep"),
        ("/data/inner/..", "."),
        ("/bin/sh", "sh"),
    ],
)
async def test_members_begin_with_the_last_component_of_the_path(api: Api, container: str, path: str, first: str) -> None:
    found = members(await fetch(api, container, path))
    assert next(iter(found)) == first
    assert found[first].issym() is (path in ("/data/way", "/bin/sh"))


async def test_the_whole_root_has_no_files_that_the_kernel_makes_up(api: Api, container: str) -> None:
    found = members(await fetch(api, container, "/"))
    assert {"./proc", "./sys", "./dev/null", "./data/file"} <= set(found)
    assert not [name for name in found if name.startswith(("./proc/", "./sys/", "./dev/pts/"))]
    assert found["./dev/null"].ischr()
    for path in ("/proc", "/proc/cpuinfo", "/sys/kernel"):
        assert "exec" in (await get(api, container, path)).error(400, "invalid_argument")["message"]


async def test_what_stands_at_a_path_is_told(api: Api, container: str) -> None:
    async def told(path: str) -> Any:
        return (await api.get(f"/v1/containers/{container}/archive/stat?path={path}")).json

    file = await told("/data/file")
    expected = {"name": "file", "type": "file", "mode": 0o4751, "size": 5, "uid": 1000, "gid": 1001, "link_target": None}
    assert file == expected | {"mtime": "2023-11-14T22:13:20.000000Z"}
    assert (await told("/data/link"))["link_target"] == "/etc/nowhere"
    assert (await told("/data/way/"))["type"] == "directory"
    assert [(await told(f"/data/{name}"))["type"] for name in ("way", "pipe")] == ["symlink", "fifo"]
    assert (await told("/dev/null"))["type"] == "character_device"
    assert (await told("/"))["name"] == "."
    assert (await told("/data/" + quote(STRANGE)))["name"] == "new\nline ��"


async def test_a_time_that_no_calendar_has_is_null(api: Api, container: str, rootfs: Path) -> None:
    os.utime(rootfs / "data/pipe", ns=(2**62, 2**62))
    os.utime(rootfs / "data/file", ns=(-(2**62), -(2**62)))
    for name in ("pipe", "file"):
        answer = await api.get(f"/v1/containers/{container}/archive/stat?path=/data/{name}")
        assert answer.status == 200
    assert members(await fetch(api, container, "/data/file"))["file"].size == 5


async def test_an_export_has_the_root_file_system_alone(api: Api, rootfs: Path, tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume/secret").write_text("not of the root file system")
    mounts = [{"source": str(tmp_path / "volume"), "target": "/volume"}]
    container = await started(api, rootfs, mounts=mounts)
    for _ in ("running", "stopped"):
        found = members((await api.get(f"/v1/containers/{container}/export")).body)
        assert {"./bin/busybox", "./volume", "./proc"} <= set(found)
        assert not [name for name in found if name.startswith(("./proc/", "./volume/", "./dev/"))]
        await api.post(f"/v1/containers/{container}/stop?timeout=0")
    await remove(api, container)


# ── in ──


async def test_an_archive_goes_in_as_it_is(api: Api, container: str, rootfs: Path) -> None:
    data = tar(
        member("new", type=tarfile.DIRTYPE, mode=0o750, uid=7, gid=8, mtime=1_600_000_000),
        member("new/file", b"content", mode=0o6640, uid=1000, gid=1001, mtime=1_600_000_001),
        member("new/marked", b"", pax_headers={"SCHILY.xattr.user.colour": "blue"}),
        member("new/same", type=tarfile.LNKTYPE, linkname="new/file"),
        member("new/link", type=tarfile.SYMTYPE, linkname="/etc/passwd", uid=5, gid=6),
        member("new/pipe", type=tarfile.FIFOTYPE, mode=0o600, uid=3),
        member("deep/er/file", b"parents are made"),
        member("new/" + os.fsdecode(STRANGE), b"strange"),
        member("file", b"replaced", mode=0o600),
    )
    assert (await put(api, container, "/data", data)).status == 204
    new = rootfs / "data/new"
    found = new.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, found.st_mtime) == (0o750, 7, 8, 1_600_000_000)
    found = (new / "file").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (0o6640, 1000, 1001)
    assert (found.st_mtime, found.st_nlink) == (1_600_000_001, 2)
    assert (new / "file").read_bytes() == b"content"
    assert os.getxattr(new / "marked", "user.colour") == b"blue"
    assert (new / "same").samefile(new / "file")
    assert os.readlink(new / "link") == "/etc/passwd"
    assert ((new / "link").lstat().st_uid, (new / "link").lstat().st_gid) == (5, 6)
    assert stat.S_ISFIFO((new / "pipe").lstat().st_mode)
    assert (rootfs / "data/deep/er/file").read_bytes() == b"parents are made"
    assert Path(os.fsdecode(os.fsencode(new) + b"/" + STRANGE)).read_bytes() == b"strange"
    assert (rootfs / "data/file").read_bytes() == b"replaced"
    assert (rootfs / "data/again").read_bytes() == b"hello"  # the other name of what was replaced
    assert not list((rootfs / "data").rglob(".pycontainerd-*"))


@pytest.mark.parametrize("format_", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
async def test_long_names_and_what_follows_the_end_mark(api: Api, container: str, rootfs: Path, format_: int) -> None:
    name = "/".join(["d" * 60] * 5)
    data = tar(member(name, b"1"), member("l", type=tarfile.SYMTYPE, linkname="t" * 300), format_=format_)
    assert (await put(api, container, "/data/inner", data + b"rubbish" * 100_000)).status == 204
    assert (rootfs / "data/inner" / name).read_bytes() == b"1"
    assert os.readlink(rootfs / "data/inner/l") == "t" * 300


async def test_what_came_out_goes_in_again(api: Api, container: str) -> None:
    data = await fetch(api, container, "/data/.")
    assert (await put(api, container, "/data/inner", data)).status == 204
    again = await fetch(api, container, "/data/inner/.")
    before, after = members(data), members(again)
    assert set(before) <= set(after)
    for name, info in before.items():
        if name not in (".", "./inner"):  # which got more in them
            assert (info.mode, info.uid, info.mtime) == (after[name].mode, after[name].uid, after[name].mtime), name


async def test_a_body_that_comes_in_pieces(api: Api, container: str, rootfs: Path) -> None:
    data = tar(member("big", b"0123456789" * 400_000))

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 70_001):
            yield data[start : start + 70_001]
            await asyncio.sleep(0)

    assert (await put(api, container, "/data/inner", pieces())).status == 204
    assert (rootfs / "data/inner/big").read_bytes() == b"0123456789" * 400_000


async def test_curl_and_tar_alone_will_do(daemon: Daemon, container: str, rootfs: Path, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/big").write_bytes(b"0123456789" * 300_000)
    url = f"curl -sS --fail --unix-socket {daemon.socket} 'http://localhost/v1/containers/{container}"
    script = f"cd {tmp_path} && tar c app | {url}/archive?path=/data' -T - && {url}/archive?path=/data/app' | tar t"
    shell = await asyncio.create_subprocess_shell(script, stdout=asyncio.subprocess.PIPE)
    out, _err = await shell.communicate()
    shell._transport.close()  # type: ignore[attr-defined]  # or its pipe is closed by the collector only
    assert (shell.returncode, out.decode().split()) == (0, ["app/", "app/big"])
    assert (rootfs / "data/app/big").read_bytes() == (tmp_path / "app/big").read_bytes()


async def test_directories_stay_and_nothing_stands_in_for_them(api: Api, container: str, rootfs: Path) -> None:
    answer = await put(api, container, "/data", tar(member("inner", b"a file")))
    assert "'inner'" in answer.error(400, "invalid_argument", errno="EISDIR")["message"]
    assert (rootfs / "data/inner/deep").exists()
    for name in ("file", "way", "pipe"):
        answer = await put(api, container, "/data", tar(member(name, type=tarfile.DIRTYPE)))
        assert f"'{name}'" in answer.error(400, "invalid_argument", errno="ENOTDIR")["message"]
    answer = await put(api, container, "/data", tar(member("file/below", b"")))
    answer.error(400, "invalid_argument", errno="ENOTDIR")
    found = tar(member("inner", type=tarfile.DIRTYPE, mode=0o700), member("inner/more", b""))
    assert (await put(api, container, "/data", found)).status == 204
    assert {path.name for path in (rootfs / "data/inner").iterdir()} == {"deep", "more"}
    assert stat.S_IMODE((rootfs / "data/inner").stat().st_mode) == 0o700


async def test_the_directory_itself_stays_as_it_is(api: Api, container: str, rootfs: Path) -> None:
    (rootfs / "data").chmod(0o711)
    data = tar(member(".", type=tarfile.DIRTYPE, mode=0o000, uid=9), member("./in", b""))
    assert (await put(api, container, "/data", data)).status == 204
    assert ((rootfs / "data").stat().st_uid, stat.S_IMODE((rootfs / "data").stat().st_mode)) == (0, 0o711)
    assert (rootfs / "data/in").exists()


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/nowhere", 404, "not_found"),
        ("/data/file", 400, "invalid_argument"),
        ("/data/link", 404, "not_found"),
    ],
)
async def test_an_archive_needs_a_directory(api: Api, container: str, path: str, status: int, kind: str) -> None:
    assert repr(path) in (await put(api, container, path, tar(member("a", b"")))).error(status, kind)["message"]


# ── the states of a container ──


async def test_created_and_stopped_containers(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sleep", "100")
    assert (await put(api, container, "/", tar(member("one", b"1")))).status == 204
    assert set(members(await fetch(api, container, "/dev/null"))) == {"null"}  # its mounts are there already
    assert (await api.post(f"/v1/containers/{container}/start")).status == 204
    await stop(api, container)
    assert content(await fetch(api, container, "/one"), "one") == b"1"
    assert (await put(api, container, "/", tar(member("two", b"2")))).status == 204
    assert (rootfs / "two").read_bytes() == b"2"
    await remove(api, container)


async def test_what_a_mount_would_hide_is_refused_where_there_is_none(api: Api, rootfs: Path, tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume/inside").write_text("of the volume")
    (rootfs / "way").symlink_to("volume")
    container = await started(api, rootfs, mounts=[{"source": str(tmp_path / "volume"), "target": "/volume"}])
    assert content(await fetch(api, container, "/volume/inside"), "inside") == b"of the volume"
    await stop(api, container)
    (rootfs / "volume/sub").mkdir()
    for path in ("/volume", "/volume/sub", "/way/sub", "/dev"):
        assert "while the container lives" in (await get(api, container, path)).error(409, "conflict")["message"]
    for path, name in (
        ("/volume", "a"),
        ("/volume/sub", "a"),
        ("/", "volume/a"),
        ("/", "way/b/c"),
        ("/", "./volume/sub/a"),
    ):
        assert "'/volume'" in (await put(api, container, path, tar(member(name, b"")))).error(409, "conflict")["message"]
    assert os.listdir(rootfs / "volume") == ["sub"]
    assert os.listdir(rootfs / "volume/sub") == []
    await remove(api, container)


async def test_what_is_read_only_is_a_conflict(api: Api, rootfs: Path, tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    mounts = [{"source": str(tmp_path / "volume"), "target": "/volume", "options": ["ro"]}]
    container = await started(api, rootfs, mounts=mounts, read_only=True)
    for path in ("/volume", "/bin"):
        (await put(api, container, path, tar(member("a", b"")))).error(409, "conflict", errno="EROFS")
    await stop(api, container)
    assert "read-only" in (await put(api, container, "/bin", tar(member("a", b"")))).error(409, "conflict")["message"]
    assert (await get(api, container, "/bin")).status == 200
    await remove(api, container)
    assert os.listdir(tmp_path / "volume") == []
    assert not (rootfs / "bin/a").exists()


async def test_no_room_is_told_with_the_member(api: Api, rootfs: Path) -> None:
    mounts = [{"type": "tmpfs", "target": "/small", "options": ["size=64k"]}]
    container = await started(api, rootfs, mounts=mounts)
    answer = await put(api, container, "/small", tar(member("first", b"1"), member("second", b"2" * 1_000_000)))
    assert "'second'" in answer.error(507, "out_of_space", errno="ENOSPC")["message"]
    found = members(await fetch(api, container, "/small"))
    assert set(found) == {"small", "small/first"}
    await remove(api, container)


async def test_paused_containers_can_be_read_only(api: Api, container: str) -> None:
    assert (await api.post(f"/v1/containers/{container}/pause")).status == 204
    assert content(await fetch(api, container, "/data/inner/deep"), "deep") == b"x" * 100_000
    assert (await api.get(f"/v1/containers/{container}/archive/stat?path=/data")).status == 200
    assert (await api.get(f"/v1/containers/{container}/export")).status == 200
    assert "paused" in (await put(api, container, "/data", tar(member("a", b"")))).error(409, "conflict")["message"]
    assert (await api.post(f"/v1/containers/{container}/resume")).status == 204
    assert (await put(api, container, "/data", tar(member("a", b"")))).status == 204


# ── user namespaces ──

FIRST = 100_000
MAPPED = [{"containerID": 0, "hostID": FIRST, "size": 65_536}]


async def test_ids_are_those_of_the_containers_user_namespace(api: Api, rootfs: Path) -> None:
    for path in (rootfs, *rootfs.rglob("*")):
        os.chown(path, FIRST, FIRST, follow_symlinks=False)
    kinds = ("pid", "mount", "uts", "ipc", "network", "user")
    linux = {"namespaces": [{"type": kind} for kind in kinds], "uidMappings": MAPPED, "gidMappings": MAPPED}
    document: dict[str, Any] = {
        "ociVersion": "1.2.0",
        "root": {"path": str(rootfs)},
        "process": {"args": ["/bin/sleep", "100"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
        "mounts": [{"destination": "/proc", "type": "proc"}],
        "linux": linux,
    }
    answer = await api.post("/v1/containers", json={"oci": document})
    assert answer.status == 201, answer.body
    container = answer.json["id"]
    assert (await api.post(f"/v1/containers/{container}/start")).status == 204
    for state in ("running", "stopped"):
        data = tar(member(f"root-{state}", b"0"), member(f"user-{state}", b"1", uid=1000, gid=1000))
        assert (await put(api, container, "/", data)).status == 204
        assert (rootfs / f"root-{state}").stat().st_uid == FIRST
        assert (rootfs / f"user-{state}").stat().st_gid == FIRST + 1000
        assert members(await fetch(api, container, f"/user-{state}"))[f"user-{state}"].uid == 1000
        exported = members((await api.get(f"/v1/containers/{container}/export")).body)
        assert (exported["./bin/busybox"].uid, exported[f"./user-{state}"].gid) == (0, 1000)
        beyond = await put(api, container, "/", tar(member("beyond", b"", uid=70_000)))
        told = beyond.error(400, "invalid_argument", errno="EINVAL")["message"]
        assert "'beyond': its owner 70000:0 is none of the container's user namespace" in told
        device = await put(api, container, "/", tar(member("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)))
        device.error(400, "invalid_argument", errno="EPERM")
        await api.post(f"/v1/containers/{container}/stop?timeout=0")
    assert not (rootfs / "beyond").exists()
    await remove(api, container)


# ── bad requests ──


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", "missing"),
        ("?path=", "begins with '/'"),
        ("?path=data", "begins with '/'"),
        ("?path=/a%00b", "NUL"),
        ("?path=/a&path=/b", "2 times"),
        ("?path=/a&colour=red", "colour"),
        ("?path=/" + "a" * 5000, "longer"),
    ],
)
async def test_wrong_paths_are_refused(api: Api, container: str, query: str, told: str) -> None:
    for method, route in (("GET", "archive"), ("PUT", "archive"), ("GET", "archive/stat")):
        answer = await api.request(method, f"/v1/containers/{container}/{route}{query}")
        assert told in answer.error(400, "invalid_argument")["message"]


async def test_what_is_not_there_is_told(api: Api, container: str) -> None:
    magic = await api.get(f"/v1/containers/{container}/archive/stat?path=/proc/1/root")
    assert magic.error(400, "invalid_argument", errno="EACCES")["message"].endswith(": Permission denied")
    assert "'/nope'" in (await get(api, container, "/nope")).error(404, "not_found", errno="ENOENT")["message"]
    (await get(api, container, "/data/file/x")).error(400, "invalid_argument", errno="ENOTDIR")
    (await get(api, container, "/data/link/")).error(404, "not_found")
    (await get(api, container, "/" + "n" * 300)).error(400, "invalid_argument", errno="ENAMETOOLONG")
    for method, route in (("GET", "archive?path=/"), ("PUT", "archive?path=/"), ("GET", "archive/stat?path=/")):
        (await api.request(method, f"/v1/containers/nobody/{route}")).error(404, "not_found", step="find")
    for route in ("export", "diff"):
        (await api.get(f"/v1/containers/nobody/{route}")).error(404, "not_found", step="find")
        (await api.get(f"/v1/containers/{container}/{route}?x=1")).error(400, "invalid_argument")


async def test_an_event_tells_what_was_put(api: Api, container: str) -> None:
    assert (await put(api, container, "/data", tar(member("one", b"1")))).status == 204
    assert (await put(api, container, "/data", tar(member("two", b"2"), member("../up", b"3")))).status == 400
    assert (await put(api, container, "/nope", tar(member("three", b"3")))).status == 404
    lines = (await api.get("/v1/events?since_id=0&follow=false&type=container.unpacked")).body.splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["attributes"] for event in events] == [
        {"path": "/data", "whole": "true"},
        {"path": "/data", "whole": "false"},
    ]
    assert {event["id"] for event in events} == {container}
    assert {event["asked_by"]["pid"] for event in events} == {os.getpid()}
