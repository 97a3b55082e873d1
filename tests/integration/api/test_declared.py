"""Containers that files declare: made, kept running, made anew, and gone with their file."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon


class Declarer:
    """The administrator: writes files, and has the daemon read them again."""

    def __init__(self, daemon: Daemon, folder: Path, rootfs: Path) -> None:
        self.daemon = daemon
        self.folder = folder
        self._rootfs = rootfs

    def write(self, file: str, **fields: Any) -> Path:
        lines = {"rootfs": str(self._rootfs), "args": ["/bin/sleep", "1000"]} | fields
        path = self.folder / file
        path.write_text("".join(f"{key} = {value(one)}\n" for key, one in lines.items()))
        path.chmod(0o644)
        return path

    async def reload(self) -> dict[str, Any]:
        """Return what has come of each file."""
        async with self.daemon.api() as api:
            before = (await api.get("/v1/declared")).json["reconciled_at"]
            os.kill(self.daemon.pid, signal.SIGHUP)
            return await reconciled(api, before)


def value(one: Any) -> str:
    if isinstance(one, bool):
        return str(one).lower()
    if isinstance(one, list):
        return "[" + ", ".join(map(value, one)) + "]"
    if isinstance(one, dict):
        return "{" + ", ".join(f"{key} = {value(inner)}" for key, inner in one.items()) + "}"
    return repr(one) if isinstance(one, int | float) else '"' + one + '"'


async def reconciled(api: Api, before: str | None) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while (told := (await api.get("/v1/declared")).json)["reconciled_at"] == before:
            await asyncio.sleep(0.02)
    return {one["file"]: one for one in told["files"]}


@pytest.fixture
async def declarer(tmp_path: Path, rootfs: Path) -> AsyncIterator[Declarer]:
    folder = tmp_path / "declared"
    folder.mkdir(mode=0o755)
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "password").write_text("s3cret")
    place = tmp_path / "daemon"
    place.mkdir()
    daemon = Daemon(place)
    daemon.start(PYCONTAINERD_DECLARED_DIR=str(folder), CREDENTIALS_DIRECTORY=str(secrets))
    try:
        await daemon.answering()
        yield Declarer(daemon, folder, rootfs)
        async with daemon.api() as api:
            for container in (await api.get("/v1/containers")).json["containers"]:
                await api.delete(f"/v1/containers/{container['id']}?force=true")
        assert daemon.stop() == 0, daemon.log
    finally:
        daemon.close()


async def test_a_file_is_a_container(declarer: Declarer) -> None:
    declarer.write("web.toml", labels={"tier": "front"})
    (declarer.folder / "notes.txt").write_text("no declaration")
    found = await declarer.reload()
    assert set(found) == {"web.toml"}
    assert (found["web.toml"]["status"], found["web.toml"]["problem"]) == ("running", None)
    async with declarer.daemon.api() as api:
        detail = (await api.get("/v1/containers/web")).json
        assert (detail["restart"], detail["labels"]) == ("always", {"tier": "front"})
    again = await declarer.reload()
    assert again["web.toml"]["container"] == detail["id"]  # nothing has changed


async def test_a_changed_file_makes_it_anew_and_a_removed_one_takes_it_away(declarer: Declarer) -> None:
    path = declarer.write("web.toml")
    other = (await declarer.reload())["web.toml"]["container"]
    declarer.write("web.toml", env={"A": "1"})
    found = (await declarer.reload())["web.toml"]
    assert found["container"] != other
    assert found["status"] == "running"
    path.unlink()
    assert await declarer.reload() == {}
    async with declarer.daemon.api() as api:
        assert (await api.get("/v1/containers")).json["containers"] == []


async def test_its_name_may_go_to_another_file(declarer: Declarer) -> None:
    path = declarer.write("a.toml", name="web")
    await declarer.reload()
    path.rename(declarer.folder / "b.toml")
    found = await declarer.reload()
    assert [(one["name"], one["status"], one["problem"]) for one in found.values()] == [("web", "running", None)]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("rootfs = ", "cannot parse declaration: Invalid value"),
        ('rootfs = "/nowhere"\n', "args: Field required"),
        ('rootfs = "/nowhere"\nargs = ["a"]\n', "/nowhere"),
        ('rootfs = "/nowhere"\nargs = ["a"]\nsurprise = 1\n', "surprise: Extra inputs are not permitted"),
        ('args = ["a"]\n', "one of 'rootfs', 'bundle' and 'oci' is needed"),
        ('rootfs = "/r"\nargs = ["a"]\nid = "x"\n', "id: it is the daemon's to choose"),
        ('rootfs = "/r"\nargs = ["a"]\ncredentials = "x"\n', "a list of names is needed"),
        ('rootfs = "/r"\nargs = ["a"]\ncredentials = ["no-such"]\n', "cannot use credential 'no-such'"),
        ('rootfs = "/r"\nargs = ["a"]\ncredentials = ["../password"]\n', "that is no name of one"),
        ('rootfs = "/r"\nargs = ["a"]\ndurable = true\ncredentials = ["password"]\n', "one with credentials cannot be"),
        ("\udcff", "cannot parse declaration"),
    ],
)
async def test_a_wrong_file_is_told_and_what_it_said_before_stays(declarer: Declarer, content: str, problem: str) -> None:
    path = declarer.write("web.toml")
    before = (await declarer.reload())["web.toml"]["container"]
    path.write_bytes(content.encode(errors="surrogateescape"))
    other = declarer.write("other.toml")
    found = await declarer.reload()
    assert problem in found["web.toml"]["problem"]
    assert (found["web.toml"]["container"], found["web.toml"]["status"]) == (before, "running")
    assert (found["other.toml"]["status"], found["other.toml"]["problem"]) == ("running", None)
    async with declarer.daemon.api() as api:
        (check,) = (one for one in (await api.get("/v1/doctor")).json["checks"] if one["name"] == "declared")
        assert check["status"] == "warn"
        assert problem in check["found"]
    assert problem.split("'")[0] in declarer.daemon.log
    other.unlink()


@pytest.mark.parametrize("mode", [0o666, 0o664])
async def test_a_file_that_others_can_write_is_not_used(declarer: Declarer, mode: int) -> None:
    declarer.write("web.toml").chmod(mode)
    assert "others could change it" in (await declarer.reload())["web.toml"]["problem"]


async def test_what_is_made_by_a_reload_has_its_hooks_executed(declarer: Declarer, tmp_path: Path, rootfs: Path) -> None:
    """A signal's callback is no part of the daemon's main task."""
    document = {
        "ociVersion": "1.1.0",
        "root": {"path": str(rootfs)},
        "process": {"args": ["/bin/sleep", "1000"], "cwd": "/"},
        "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]},
        "hooks": {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "cat >/dev/null"]}]},
    }
    (tmp_path / "config.json").write_text(json.dumps(document))
    file = declarer.folder / "hooked.toml"
    file.write_text(f'bundle = "{tmp_path}"\n')
    file.chmod(0o644)
    told = (await declarer.reload())["hooked.toml"]
    assert (told["problem"], told["status"]) == (None, "running")


async def test_a_directory_that_others_can_write_changes_nothing(declarer: Declarer) -> None:
    declarer.write("web.toml")
    await declarer.reload()
    declarer.folder.chmod(0o777)
    os.kill(declarer.daemon.pid, signal.SIGHUP)
    async with declarer.daemon.api() as api, asyncio.timeout(30):
        while (told := (await api.get("/v1/declared")).json)["problem"] is None:
            await asyncio.sleep(0.02)
        assert "others could change it" in told["problem"]
        assert [one["status"] for one in told["files"]] == ["running"]


async def test_a_name_of_another_container_is_left_alone(declarer: Declarer, rootfs: Path) -> None:
    async with declarer.daemon.api() as api:
        container = await api.create(rootfs, "/bin/true", name="web")
        declarer.write("web.toml")
        found = await declarer.reload()
        assert "the name is taken by" in found["web.toml"]["problem"]
        assert found["web.toml"]["container"] is None
        assert (await api.get("/v1/containers/web")).json["id"] == container


async def test_two_files_of_one_name(declarer: Declarer) -> None:
    declarer.write("a.toml", name="web")
    declarer.write("b.toml", name="web")
    found = await declarer.reload()
    assert (found["a.toml"]["status"], found["a.toml"]["problem"]) == ("running", None)
    assert "'a.toml' declares 'web' too" in found["b.toml"]["problem"]


async def test_always_means_always_and_what_is_done_stays_done(declarer: Declarer) -> None:
    declarer.write("always.toml", stop_timeout_s=0)
    declarer.write("once.toml", args=["/bin/true"], restart="on-failure")
    declarer.write("removed.toml")
    await declarer.reload()
    async with declarer.daemon.api() as api:
        await api.post("/v1/containers/always/stop")
        await api.delete("/v1/containers/removed?force=true")
        await api.post("/v1/containers/once/wait")
    found = await declarer.reload()
    assert {name: one["status"] for name, one in found.items()} == {
        "always.toml": "running",
        "once.toml": "stopped",
        "removed.toml": "running",
    }


async def test_the_next_daemon_knows_what_is_declared(declarer: Declarer) -> None:
    path = declarer.write("web.toml")
    declarer.write("other.toml")
    before = await declarer.reload()
    declarer.daemon.kill()
    path.unlink()
    declarer.daemon.start(PYCONTAINERD_DECLARED_DIR=str(declarer.folder))
    await declarer.daemon.answering()
    async with declarer.daemon.api() as api:
        found = await reconciled(api, None)
    assert {name: one["container"] for name, one in found.items()} == {"other.toml": before["other.toml"]["container"]}


async def test_credentials_are_files_that_the_payload_alone_can_read(declarer: Declarer) -> None:
    script = "cat $CREDENTIALS_DIRECTORY/password; ls -ln $CREDENTIALS_DIRECTORY/password; sleep 1000"
    declarer.write("web.toml", args=["/bin/sh", "-c", script], user="1000:1000", credentials=["password"])
    found = (await declarer.reload())["web.toml"]
    assert (found["status"], found["problem"]) == ("running", None)
    async with declarer.daemon.api() as api:
        async with asyncio.timeout(20):
            while b"\n" not in (body := (await api.get("/v1/containers/web/logs")).body):
                await asyncio.sleep(0.02)
        assert body.startswith(b"s3cret-r--------")
        assert b" 1000     1000 " in body
        assert b"s3cret" not in (await api.get("/v1/containers/web")).body
        record = declarer.daemon.state_dir / "containers" / found["container"]
        assert (record / "credentials/password").read_text() == "s3cret"
        await api.delete("/v1/containers/web?force=true")
        assert not record.exists()
    assert "s3cret" not in declarer.daemon.log


async def test_another_content_of_a_credential_makes_it_anew(declarer: Declarer, tmp_path: Path) -> None:
    declarer.write("web.toml", credentials=["password"])
    before = (await declarer.reload())["web.toml"]["container"]
    (tmp_path / "secrets/password").write_text("another")
    found = (await declarer.reload())["web.toml"]
    assert found["container"] != before
    assert (declarer.daemon.state_dir / "containers" / found["container"] / "credentials/password").read_text() == "another"
