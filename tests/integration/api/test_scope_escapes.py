"""Ways out of a limited socket by what its containers, which are root in their trees, do on the way to a path of theirs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.integration.api.tars import member, put, tar
from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon

SETTINGS = """
[[sockets]]
path = "{folder}/web.sock"
labels = ["team=web"]
host_paths = ["{folder}/rootfs"]
"""
SENTINEL = "of the host"


@pytest_asyncio.fixture
async def web(daemon: Daemon, tmp_path: Path) -> AsyncIterator[Api]:
    daemon.stop()
    file = tmp_path / "config.toml"
    file.write_text(SETTINGS.format(folder=tmp_path))
    daemon.start(PYCONTAINERD_CONFIG=str(file))
    await daemon.answering()
    async with daemon.api(tmp_path / "web.sock") as api:
        yield api


async def done(api: Api, container: str) -> None:
    assert (await api.post(f"/v1/containers/{container}/start")).status == 204
    await api.post(f"/v1/containers/{container}/wait")


async def exchange(web: Api, rootfs: Path, instead: Path) -> None:
    """As a payload does whose root file system is around them: put a symlink in the place of what leads to others."""
    script = f"/bin/busybox mv /way /away; /bin/busybox ln -s {instead} /way"
    ended, _output = await web.run(rootfs, "/bin/sh", "-c", script)
    assert ended["exit_code"] == 0
    assert (rootfs / "way").is_symlink()


async def test_a_source_that_has_become_a_symlink_is_refused(web: Api, rootfs: Path, tmp_path: Path) -> None:
    (tmp_path / "host/tree").mkdir(parents=True)
    (tmp_path / "host/tree/secret").write_text(SENTINEL)
    (rootfs / "way/tree").mkdir(parents=True)
    container = await web.create(
        rootfs, "/bin/cat", "/mnt/secret", mounts=[{"target": "/mnt", "source": str(rootfs / "way/tree")}]
    )
    await done(web, container)
    await exchange(web, rootfs, tmp_path / "host")
    told = (await web.post(f"/v1/containers/{container}/start")).error(400, "invalid_argument", errno="ELOOP")
    assert f"{rootfs}/way/tree" in told["message"]
    assert "a symlink stands on the way" in told["hint"]
    assert SENTINEL.encode() not in (await web.get(f"/v1/containers/{container}/logs")).body
    await web.delete(f"/v1/containers/{container}")


async def test_a_conflict_does_not_tell_whose_name_it_is(web: Api, daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        other = await api.create(rootfs, "/bin/true", name="other")
        mine = await web.create(rootfs, "/bin/true", name="mine")
        made = await web.post("/v1/containers", json={"rootfs": str(rootfs), "args": ["/bin/true"], "name": "other"})
        renamed = await web.post(f"/v1/containers/{mine}/rename?name=other")
        for answer in (made, renamed):
            told = answer.error(409, "conflict")
            assert "is taken" in told["message"]
            assert other[:8] not in answer.body.decode()
        again = await api.post("/v1/containers", json={"rootfs": str(rootfs), "args": ["/bin/true"], "name": "mine"})
        assert mine[:12] in again.error(409, "conflict")["message"]
        for container in (other, mine):
            await api.delete(f"/v1/containers/{container}")


async def test_a_root_that_has_become_a_symlink_is_neither_read_nor_written(web: Api, rootfs: Path, tmp_path: Path) -> None:
    (tmp_path / "host/tree").mkdir(parents=True)
    (tmp_path / "host/tree/secret").write_text(SENTINEL)
    tree = rootfs / "way/tree"
    (tree / "bin").mkdir(parents=True)
    (tree / "bin/true").write_bytes((rootfs / "bin/busybox").read_bytes())
    (tree / "bin/true").chmod(0o755)
    container = await web.create(tree, "/bin/true")
    await done(web, container)
    await exchange(web, rootfs, tmp_path / "host")
    for path in ("archive?path=/secret", "archive/stat?path=/secret", "export"):
        answer = await web.get(f"/v1/containers/{container}/{path}")
        assert str(tree) in answer.error(400, "invalid_argument", errno="ELOOP")["message"]
    answer = await put(web, container, "/", tar(member("planted", b"x")))
    answer.error(400, "invalid_argument", errno="ELOOP")
    assert not (tmp_path / "host/tree/planted").exists()
    await web.delete(f"/v1/containers/{container}")
