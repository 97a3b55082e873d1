"""How a root file system differs from the layers that it was made of."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.api.tars import members, remove, started
from tests.integration.api_client import Api

SCRIPT = """
set -e
echo new >/etc/new
echo more >>/etc/changed
busybox rm /etc/gone
busybox rm -r /old /etc/below
busybox mkdir /old
echo 1 >/old/stays
echo 1 >/old/fresh
echo 1 >/passing
busybox rm /passing
busybox mkdir -p /a/b
"""


@pytest.fixture
def merged(rootfs: Path, tmp_path: Path) -> Iterator[Path]:
    """An overlay of three layers on `rootfs`, mounted before there is a daemon."""
    for name in ("etc/below", "old/sub"):
        (rootfs / name).mkdir(parents=True)
    for name in ("etc/changed", "etc/gone", "etc/below/x", "old/stays", "old/goes", "old/sub/x", "etc/hidden"):
        (rootfs / name).write_text("lower")
    (tmp_path / "middle:with colon/etc").mkdir(parents=True)
    os.mknod(tmp_path / "middle:with colon/etc/hidden", 0o020000, 0)  # a whiteout between
    (tmp_path / "middle:with colon/etc/between").write_text("middle")
    for name in ("upper", "work", "merged"):
        (tmp_path / name).mkdir()
    lowers = f"{tmp_path}/middle\\:with colon:{rootfs}"
    options = f"lowerdir={lowers},upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    place = tmp_path / "merged"
    subprocess.run(["/usr/bin/mount", "-t", "overlay", "none", "-o", options, str(place)], check=True)
    yield place
    subprocess.run(["/usr/bin/umount", str(place)], check=True)


async def changes(api: Api, container: str) -> list[tuple[str, str]]:
    answer = await api.get(f"/v1/containers/{container}/diff")
    assert answer.status == 200, answer.body
    return [(line["kind"], line["path"]) for line in map(json.loads, answer.body.splitlines())]


async def test_what_the_upper_layer_adds_changes_and_deletes(merged: Path, api: Api) -> None:
    script = f"{SCRIPT}\necho 1 >/etc/hidden\necho 1 >>/etc/between\nbusybox sleep 100"
    container = await api.create(merged, "/bin/sh", "-c", script)
    made_by_the_runtime = {("added", path) for path in ("/dev", "/proc", "/sys")}
    assert set(await changes(api, container)) == made_by_the_runtime
    assert (await api.post(f"/v1/containers/{container}/start")).status == 204
    for _ in ("running", "stopped"):
        await _until_written(merged / "etc/between")
        found = await changes(api, container)
        assert set(found) - made_by_the_runtime == {
            ("changed", "/etc"),
            ("added", "/etc/new"),
            ("changed", "/etc/changed"),
            ("deleted", "/etc/gone"),
            ("deleted", "/etc/below"),
            ("added", "/etc/hidden"),
            ("changed", "/etc/between"),
            ("changed", "/old"),
            ("changed", "/old/stays"),
            ("added", "/old/fresh"),
            ("deleted", "/old/goes"),
            ("deleted", "/old/sub"),
            ("added", "/a"),
            ("added", "/a/b"),
        }
        assert found.index(("changed", "/old")) < found.index(("deleted", "/old/sub"))
        exported = members((await api.get(f"/v1/containers/{container}/export")).body)
        assert {"./etc/new", "./old/fresh", "./etc/between"} <= set(exported)
        assert "./etc/gone" not in exported
        await api.post(f"/v1/containers/{container}/stop?timeout=0")
    await remove(api, container)


async def _until_written(path: Path) -> None:
    import asyncio

    async with asyncio.timeout(30):
        while path.read_text() != "middle1\n":
            await asyncio.sleep(0.02)


async def test_any_other_root_file_system_is_refused(api: Api, rootfs: Path, tmp_path: Path) -> None:
    container = await started(api, rootfs)
    answer = await api.get(f"/v1/containers/{container}/diff")
    told = answer.error(422, "not_supported", step="diff")
    assert str(rootfs) in told["message"]
    assert "overlay" in told["hint"]
    await remove(api, container)


async def test_names_are_text_whatever_they_are(merged: Path, api: Api) -> None:
    container = await started(api, merged)
    Path(os.fsdecode(os.fsencode(merged) + b"/new\nline\xff")).write_text("")
    assert ("added", "/new\nline�") in await changes(api, container)
    await remove(api, container)
