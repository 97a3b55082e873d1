"""R4, R8, R9, R16: root file systems that mean harm, by way of the daemon."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.tars import fetch, get, member, put, remove, started, tar
from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon
from tests.security.conftest import SENTINEL, Attack, untouched
from tests.security.daemon.many import done, execute
from tests.security.test_clean_up import bound
from tests.security.test_seccomp import ASKED, DENIED, table
from tests.security.traps import inside, sprung, trap


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    made = tmp_path / "outside"
    made.mkdir()
    (made / "sentinel").write_text(SENTINEL)
    return made


async def test_no_trap_is_sprung(api: Api, rootfs: Path, attack: Attack) -> None:
    """By what runs, fails, is entered, looked at, and copied from and to."""
    trap(rootfs, attack)
    (rootfs / "target").mkdir()
    container = await started(api, rootfs)
    assert await execute(api, container, "/bin/echo", "in") == (0, b"in\n")
    failed = (await api.post(f"/v1/containers/{container}/exec", json={"args": ["/bin/none"]})).json.get("id")
    if failed:
        assert (await api.post(f"/v1/exec/{failed}/start")).status == 400
    for path in ("top", "stats?stream=false", "diff", "archive/stat?path=/etc/passwd", "archive/stat?path=/etc/localtime"):
        await api.get(f"/v1/containers/{container}/{path}")
    await put(api, container, "/target", tar(member("a", b"x"), member("b", b"y", uname="root", gname="root")))
    for kind in (b"\x1f\x8b\x08\0", b"\xfd7zXZ\0", b"BZh9", b"\x28\xb5\x2f\xfd"):
        assert (await put(api, container, "/target", kind + bytes(600))).status == 400
    await fetch(api, container, "/target")
    await get(api, container, "/etc")
    await api.get(f"/v1/containers/{container}/export")
    await remove(api, container)
    for wrong in (
        {"args": ["/bin/none"]},
        {"args": ["/bin/true"], "user": "nobody-here"},
        {"args": ["/bin/true"], "working_directory": "/bin/busybox"},
        {"args": ["/bin/true"], "mounts": [{"target": "/etc/localtime/x", "type": "tmpfs"}]},
    ):
        assert (await api.post("/v1/containers", json={"rootfs": str(rootfs), **wrong})).status == 400
    assert sprung(rootfs) == []


LISTS: dict[str, tuple[str, int | None]] = {
    "evil:x:0:0::/:/bin/sh\n1000:x:0:0::/:/bin/sh\n": ("1000", 1000),
    "evil:x:4294967296:0::/:/bin/sh\n": ("evil", None),
    "evil:x:-1:0::/:/bin/sh\n": ("evil", None),
    "evil:x:2147483648:0::/:/bin/sh\n": ("evil", None),
    "evil:x: 0:0::/:/bin/sh\n": ("evil", None),
    "evil:x::0::/:/bin/sh\n": ("evil", None),
    "evil:x:٠:0::/:/bin/sh\n": ("evil", None),
    "evil\n": ("evil", None),
    "evil:x:1000:1000::/:/bin/sh\nevil:x:0:0::/:/bin/sh\n": ("evil", 1000),
}


async def test_a_list_of_users_makes_nobody_root(api: Api, rootfs: Path) -> None:
    """Numbers come first, the first line counts, and what is no number is no user. [CVE-2024-40635]"""
    for text, (user, expected) in LISTS.items():
        inside(rootfs, "etc/passwd").write_text(text)
        if expected is None:
            asked = {"rootfs": str(rootfs), "args": ["/bin/true"], "user": user}
            assert (await api.post("/v1/containers", json=asked)).status == 400, text
        else:
            _ended, output = await api.run(rootfs, "/bin/id", "-u", user=user)
            assert int(output) == expected, text


@pytest.mark.parametrize("name", ["passwd", "group"])
async def test_a_list_that_is_none_is_not_read(api: Api, rootfs: Path, outside: Path, name: str) -> None:
    place = inside(rootfs, f"etc/{name}")
    user = "ann" if name == "passwd" else "0:ann"

    def huge() -> None:
        with place.open("wb") as file:
            file.truncate(1 << 30)

    def line() -> None:
        place.write_text("ann:x:" + "9" * (11 << 20))

    makers: tuple[Any, ...] = (
        lambda: os.mkfifo(place),
        lambda: place.symlink_to("/dev/zero"),
        lambda: place.symlink_to(outside / "sentinel"),
        lambda: os.mknod(place, 0o20666, os.makedev(1, 5)),
        place.mkdir,
        huge,
        line,
    )
    for make in makers:
        make()
        answer = await api.post("/v1/containers", json={"rootfs": str(rootfs), "args": ["/bin/true"], "user": user})
        assert answer.status == 400, answer.body
        shutil.rmtree(place) if place.is_dir() and not place.is_symlink() else place.unlink()


async def test_the_default_filter_holds_by_every_way_into_the_kernel(api: Api, rootfs: Path, attack: Attack) -> None:
    """For what a container runs and what is run in it further, also where root has its usual rights."""
    attack("calls", rootfs / "bin/calls")
    _ended, output = await api.run(rootfs, "/bin/calls", *ASKED)
    container = await started(api, rootfs)
    _code, further = await execute(api, container, "/bin/calls", *ASKED)
    _code, as_user = await execute(api, container, "/bin/calls", *ASKED, user="1000:1000")
    await remove(api, container)
    assert table(output.decode()) == table(further.decode()) == table(as_user.decode())
    for (way, name), result in table(output.decode()).items():
        if name in DENIED and name not in ("mkdirat", "ptrace"):  # these two anybody may make
            assert result in ("EPERM", "ENOSYS", "SIGSYS"), (way, name)
        if name == "getpid" and way != "x32":
            assert result == "0", way


async def test_nothing_below_a_live_mount_is_deleted(api: Api, daemon: Daemon, rootfs: Path, outside: Path) -> None:
    """In what the daemon keeps of a container, and in its root file system. [CVE-2024-23652]"""
    container = await started(api, rootfs, mounts=[{"source": str(outside), "target": "/mnt"}])
    (found,) = (daemon.state_dir / "containers").iterdir()
    folder = found if found.is_dir() else daemon.data_dir / "containers" / container
    (folder / "below").mkdir()
    with bound(outside, folder / "below"):
        answer = await api.delete(f"/v1/containers/{container}?force=true")
        untouched(outside)
        assert answer.status in (204, 409, 500), answer.body
    daemon.expect_errors()
    if (folder / "below").exists():
        (folder / "below").rmdir()
    await api.delete(f"/v1/containers/{container}?force=true")
    untouched(outside)
    assert (rootfs / "bin/busybox").exists()


async def test_a_rootfs_is_never_deleted(api: Api, rootfs: Path) -> None:
    await remove(api, await started(api, rootfs))
    await done(api.post("/v1/prune"))
    assert (rootfs / "bin/busybox").exists()
