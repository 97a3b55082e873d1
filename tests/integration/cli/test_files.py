"""cp, diff and export against a real daemon."""

import asyncio
import os
import stat
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.integration.api.tars import member, members, remove, started, stop, tar
from tests.integration.api_client import Api
from tests.integration.cli.test_pyctr import PYCTR, pyctr
from tests.integration.daemon_process import Daemon


@pytest_asyncio.fixture
async def web(api: Api, rootfs: Path) -> AsyncIterator[Path]:
    """The root file system of a container that runs by the name "web"."""
    (rootfs / "data/sub").mkdir(parents=True)
    (rootfs / "data/file").write_text("inside")
    os.chown(rootfs / "data/file", 1000, 1000)
    (rootfs / "data/sub/deep").write_text("deep")
    (rootfs / "way").symlink_to("data")
    (rootfs / "last").symlink_to("/data/file")
    container = await started(api, rootfs, name="web")
    yield rootfs
    await remove(api, container)


async def cp(daemon: Daemon, *arguments: str | Path, stdin: bytes = b"") -> str:
    ended = await pyctr(daemon, "cp", *map(str, arguments), stdin=stdin)
    assert (ended.code, ended.out) == (0, ""), ended.err
    return ended.err


async def test_out(daemon: Daemon, web: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    await cp(daemon, "web:/data/file", here)
    assert ((here / "file").read_text(), (here / "file").stat().st_uid) == ("inside", os.geteuid())
    await cp(daemon, "-a", "web:data/file", here / "renamed")
    assert (here / "renamed").stat().st_uid == 1000
    await cp(daemon, "web:/data", here / "new")
    assert (here / "new/sub/deep").read_text() == "deep"
    await cp(daemon, "web:/data", here / "new")
    assert (here / "new/data/sub/deep").read_text() == "deep"
    await cp(daemon, "web:/data/.", here)
    assert (here / "sub/deep").read_text() == "deep"
    await cp(daemon, "web:/last", here)
    assert os.readlink(here / "last") == "/data/file"
    await cp(daemon, "-L", "web:/last", here / "followed")
    assert (here / "followed").read_text() == "inside"


async def test_in(daemon: Daemon, web: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    (here / "sub").mkdir(parents=True)
    (here / "file").write_text("outside")
    (here / "file").chmod(0o640)
    os.chown(here / "file", 7, 7)
    (here / "sub/deep").write_text("deeper")
    (here / "link").symlink_to("file")
    await cp(daemon, here / "file", "web:/data")
    found = (web / "data/file").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (0, 0, 0o640)
    assert (web / "data/file").read_text() == "outside"
    await cp(daemon, "-a", here / "file", "web:/data/new")
    assert (web / "data/new").stat().st_uid == 7
    await cp(daemon, here / "file", "web:/way")  # the destination is followed
    await cp(daemon, here / "file", "web:/last")
    assert os.readlink(web / "last") == "/data/file"
    await cp(daemon, here, "web:/made")
    assert (web / "made/sub/deep").read_text() == "deeper"
    await cp(daemon, here, "web:/made/")
    assert (web / "made/here/sub/deep").read_text() == "deeper"
    await cp(daemon, f"{here}/.", "web:/data")
    assert (web / "data/sub/deep").read_text() == "deeper"
    await cp(daemon, here / "link", "web:/data/asis")
    assert os.readlink(web / "data/asis") == "file"
    await cp(daemon, "-L", here / "link", "web:/data/what")
    assert (web / "data/what").read_text() == "outside"


async def test_archives_by_pipes(daemon: Daemon, web: Path) -> None:
    await cp(daemon, "-", "web:/data", stdin=tar(member("piped", b"x" * 200_000, uid=9)))
    assert ((web / "data/piped").stat().st_size, (web / "data/piped").stat().st_uid) == (200_000, 9)
    process = await _raw(daemon, "cp", "web:/data", "-")
    assert members(process)["data/piped"].size == 200_000


async def _raw(daemon: Daemon, *arguments: str) -> bytes:
    environment = os.environ | {"PYCONTAINERD_SOCKET": str(daemon.socket)}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*PYCTR, *arguments, stdout=pipe, env=environment)
    out, _err = await process.communicate()
    process._transport.close()  # type: ignore[attr-defined]  # or its pipe is closed by the collector only
    assert process.returncode == 0
    return out


async def test_export(daemon: Daemon, api: Api, web: Path, tmp_path: Path) -> None:
    ended = await pyctr(daemon, "export", "-o", str(tmp_path / "root.tar"), "web")
    assert (ended.code, ended.err) == (0, "")
    with tarfile.open(tmp_path / "root.tar") as archive:
        assert {"./data/file", "./bin/busybox"} <= set(archive.getnames())
    assert {"./data/file", "./bin/busybox"} <= set(members(await _raw(daemon, "export", "web")))
    await stop(api, "web")
    assert "./data/file" in members(await _raw(daemon, "export", "web"))
    ended = await pyctr(daemon, "export", "-o", str(tmp_path / "nowhere/root.tar"), "web")
    assert ended.code == 1
    assert "nowhere" in ended.err
    ended = await pyctr(daemon, "export", "-o", str(tmp_path / "other.tar"), "nobody")
    assert ended.code == 1
    assert sorted(path.name for path in tmp_path.glob("*.tar*")) == ["root.tar"]


async def test_what_is_refused(daemon: Daemon, web: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "locked").mkdir()
    os.mkfifo(tmp_path / "pipe")
    here = str(tmp_path)
    for arguments, told in (
        (("web:/data", "web:/other"), "from a container to a container"),
        (("a", "b"), "CONTAINER:PATH"),
        (("web:/nope", here), "'/nope'"),
        ((f"{here}/nope", "web:/data"), "nope"),
        (("web:/data", f"{here}/file"), "it is a directory"),
        (("web:/data/file", f"{here}/none/"), "no such directory"),
        (("web:/data/file", f"{here}/none/file"), "none"),
        ((f"{here}/file", "web:/none/file"), "'/none'"),
        ((f"{here}/file", "web:/none/"), "no such directory"),
        ((here, "web:/data/file"), "it is a directory"),
        ((f"{here}/file", "nobody:/"), "no such container"),
        (("nobody:/x", here), "no such container"),
        (("-", "web:/data/file"), "no such directory"),
        ((f"{here}/file", "web:/proc/nope"), "cannot"),
    ):
        ended = await pyctr(daemon, "cp", *arguments)
        assert (ended.code, ended.out) == (1, ""), arguments
        assert told in ended.err, (arguments, ended.err)
        assert ended.err.count("\n") == 1
    ended = await pyctr(daemon, "cp", "-", "web:/data", stdin=b"no archive" * 1000)
    assert "no tar archive" in ended.err
    ended = await pyctr(daemon, "diff", "web")
    assert (ended.code, ended.out) == (1, "")
    assert "overlay" in ended.err
