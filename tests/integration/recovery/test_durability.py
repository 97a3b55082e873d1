"""A boot: the state directory is empty, no process of ours is there; what was asked for as durable comes back."""

import asyncio
import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.restarts import events, output, remove, started, until
from tests.integration.api_client import Api
from tests.integration.conftest import has_ended
from tests.integration.daemon_process import Daemon

SLEEP = "echo up; exec sleep 100"


async def boot(daemon: Daemon, *, serving: bool = True) -> None:
    """Lose what a boot loses: processes, and what is below /run."""
    if serving:
        async with daemon.api() as api:
            info = (await api.get("/v1/info")).json
            alive = [one["pid"] for one in (await api.get("/v1/containers")).json["containers"] if one["pid"]]
        daemon.kill()
        for pid in (info["spawner_pid"], *alive):
            os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(30):
            while not all(map(has_ended, (info["spawner_pid"], *alive))):
                await asyncio.sleep(0.01)
    shutil.rmtree(daemon.state_dir)
    daemon.start()
    await daemon.answering()


async def again(daemon: Daemon) -> None:
    """Another daemon in the same boot."""
    daemon.kill()
    daemon.start()
    await daemon.answering()


async def names(api: Api) -> dict[str, str]:
    return {one["name"]: one["status"] for one in (await api.get("/v1/containers")).json["containers"]}


def definition(daemon: Daemon, container: str) -> Path:
    return daemon.data_dir / "definitions" / f"{container}.json"


def kept(daemon: Daemon, container: str) -> Any:
    return json.loads(definition(daemon, container).read_text())["record"]


async def test_what_a_policy_says_holds_after_a_boot(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        for name, policy in (("a", "always"), ("u", "unless-stopped"), ("n", "no"), ("f", "on-failure")):
            await started(api, rootfs, SLEEP, name=name, restart=policy, durable=True)
            await started(api, rootfs, SLEEP, name=f"{name}-stopped", restart=policy, durable=True)
            await api.post(f"/v1/containers/{name}-stopped/stop?timeout=0")
        await api.create(rootfs, "/bin/true", name="never", restart="always", durable=True)
        await started(api, rootfs, SLEEP, name="lost", restart="always")
    await boot(daemon)
    async with daemon.api() as api:
        for name in ("a", "a-stopped", "u"):
            await until(api, name, status="running", restart_count=1)
        assert await names(api) == {
            **dict.fromkeys(("a", "a-stopped", "u"), "running"),
            **dict.fromkeys(("u-stopped", "n", "n-stopped", "f", "f-stopped", "never"), "stopped"),
        }
        found = (await api.get("/v1/containers/n")).json
        assert (found["exit"]["exit_code"], found["exit"]["reason"]) == (None, "lost")
        assert (await api.get("/v1/containers/n-stopped")).json["exit"]["reason"] == "signaled"
        assert (await api.post("/v1/containers/n/wait")).json["reason"] == "lost"
    await boot(daemon)
    async with daemon.api() as api:
        for name in ("a", "a-stopped", "u"):
            await until(api, name, status="running")
        for name in await names(api):
            await remove(api, name)


async def test_it_is_the_same_container(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        body = {"rootfs": str(rootfs), "args": ["/bin/sh", "-c", SLEEP], "labels": {"a": "b"}, "durable": True}
        body |= {"restart": "unless-stopped", "stop_signal": "KILL", "resources": {"pids": 20}, "notify": True}
        body |= {"health": {"exec": ["/bin/true"], "interval_s": 1}}
        key = {"Idempotency-Key": "k"}
        container = (await api.post("/v1/containers", json=body, headers=key)).json["id"]
        await api.post(f"/v1/containers/{container}/start")
        await output(api, container, 1)
        await api.post(f"/v1/containers/{container}/rename?name=other")
        await api.post(f"/v1/containers/{container}/update", json={"resources": {"pids": 30}})
        before = (await api.get(f"/v1/containers/{container}")).json
    await boot(daemon)
    async with daemon.api() as api:
        found = await until(api, "other", status="running")
        same = {"id", "name", "labels", "restart", "stop_signal", "durable", "args", "created_at", "spec", "oci", "rootfs"}
        assert {name: found[name] for name in same} == {name: before[name] for name in same}
        assert found["oci"]["linux"]["resources"]["pids"]["limit"] == 30
        assert await output(api, "other", 2) == b"up\n" * 2
        assert (await api.post("/v1/containers", json=body, headers=key)).json == {"id": container, "name": "other"}
        await remove(api, container)


async def test_one_that_ended_for_good_is_remembered_so(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await started(api, rootfs, "echo last; exit 3", durable=True)
        await until(api, container, status="stopped")
    await boot(daemon)
    async with daemon.api() as api:
        assert (await until(api, container, status="stopped"))["exit"]["exit_code"] == 3
        assert (await api.get(f"/v1/containers/{container}/logs")).body == b"last\n"
        assert (await api.post(f"/v1/containers/{container}/start")).status == 204
        await until(api, container, status="stopped")
        await remove(api, container)


async def test_what_is_deleted_does_not_come_back(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        deleted = await started(api, rootfs, SLEEP, restart="always", durable=True)
        pruned = await api.create(rootfs, "/bin/true", durable=True)
        await api.post(f"/v1/containers/{pruned}/stop")
        await remove(api, deleted)
        assert (await api.post("/v1/prune")).json["removed"] == [pruned]
        failed = await api.post("/v1/containers", json={"rootfs": str(rootfs), "args": ["/bin/none"], "durable": True})
        assert failed.status == 400
    assert os.listdir(daemon.data_dir / "definitions") == []
    await boot(daemon)
    async with daemon.api() as api:
        assert await names(api) == {}


async def test_a_definition_that_is_broken_costs_only_itself(daemon: Daemon, rootfs: Path) -> None:
    daemon.expect_errors()
    async with daemon.api() as api:
        broken = await api.create(rootfs, "/bin/true", name="broken", durable=True)
        await api.create(rootfs, "/bin/true", name="whole", durable=True)
    definition(daemon, broken).write_text(definition(daemon, broken).read_text()[:100])
    await boot(daemon)
    async with daemon.api() as api:
        assert await names(api) == {"whole": "stopped"}
        (aside,) = os.listdir(daemon.data_dir / "quarantine")
        assert aside.startswith(f"{broken}.")
        (line,) = [line for line in daemon.log.splitlines() if "definition set aside" in line]
        assert broken in line
        assert aside in line
        await remove(api, "whole")


async def test_one_that_was_set_aside_finds_its_output_again(daemon: Daemon, rootfs: Path) -> None:
    """Such as one of a later version, where an older one is started by mistake; and what is not ours is left alone."""
    daemon.expect_errors()
    async with daemon.api() as api:
        container = await started(api, rootfs, SLEEP, durable=True)
        await output(api, container, 1)
    place = definition(daemon, container)
    written = place.read_text()
    place.write_text(json.dumps(json.loads(written) | {"schema": 2}))
    (place.parent / "README").write_text("of the administrator")
    for _ in range(2):
        await boot(daemon)
        async with daemon.api() as api:
            assert await names(api) == {}
    (aside,) = (daemon.data_dir / "quarantine").iterdir()
    aside.unlink()
    place.write_text(written)
    await boot(daemon)
    async with daemon.api() as api:
        assert (await api.get(f"/v1/containers/{container}/logs")).body == b"up\n"
        await remove(api, container)
    assert (place.parent / "README").read_text() == "of the administrator"
    place.parent.joinpath("README").unlink()


async def test_the_record_is_right_where_both_are_there(daemon: Daemon, rootfs: Path) -> None:
    """Killed between the two writes of a rename, or of a creation: whatever was written, the next daemon agrees with it."""
    async with daemon.api() as api:
        renamed = await api.create(rootfs, "/bin/true", name="one", durable=True)
        made = await api.create(rootfs, "/bin/true", name="two", durable=True)
    document = json.loads(definition(daemon, renamed).read_text())
    document["record"]["name"] = "ahead"
    definition(daemon, renamed).write_text(json.dumps(document))
    definition(daemon, made).unlink()
    definition(daemon, made).with_suffix(".json.new").write_text("{")
    await again(daemon)
    async with daemon.api() as api:
        assert await names(api) == {"one": "created", "two": "created"}
    assert (kept(daemon, renamed)["name"], kept(daemon, made)["name"]) == ("one", "two")
    assert len(os.listdir(daemon.data_dir / "definitions")) == 2
    await boot(daemon)
    async with daemon.api() as api:
        assert await names(api) == {"one": "stopped", "two": "stopped"}
        for container in (renamed, made):
            await remove(api, container)


async def test_it_is_switched_while_it_runs_and_while_it_does_not(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        for name, durable in (("kept", False), ("lost", True)):
            await started(api, rootfs, SLEEP, name=name, durable=durable)
        await api.create(rootfs, "/bin/true", name="back")
        for name, changes in (("kept", {"durable": True}), ("lost", {"durable": False}), ("back", {"durable": True})):
            answer = await api.post(f"/v1/containers/{name}/update", json=changes | {"restart": "always"})
            assert answer.status == 204, answer.body
            found = (await api.get(f"/v1/containers/{name}")).json
            assert (found["durable"], found["restart"]) == (changes["durable"], "always")
        assert ("updated", {"fields": "restart,durable"}) in await events(api)
        left = {one.name for one in (daemon.data_dir / "definitions").iterdir()}
        assert left == {f"{(await api.get(f'/v1/containers/{name}')).json['id']}.json" for name in ("kept", "back")}
    await boot(daemon)
    async with daemon.api() as api:
        await until(api, "kept", status="running")
        assert await names(api) == {"kept": "running", "back": "stopped"}
        for name in await names(api):
            await remove(api, name)


async def test_a_definition_that_its_record_does_not_want_is_removed(daemon: Daemon, rootfs: Path) -> None:
    """Killed between the two writes of a switch: the definition was written, the record was not."""
    async with daemon.api() as api:
        container = await api.create(rootfs, "/bin/true")
        await api.post(f"/v1/containers/{container}/update", json={"durable": True})
    record = daemon.state_dir / "containers" / container / "state.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"durable": False}))
    await again(daemon)
    async with daemon.api() as api:
        assert (await api.get(f"/v1/containers/{container}")).json["durable"] is False
    assert not definition(daemon, container).exists()
    await boot(daemon)
    async with daemon.api() as api:
        assert await names(api) == {}


async def test_a_creation_that_was_cut_off_leaves_no_ghost(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await api.create(rootfs, "/bin/true", durable=True)
    path = daemon.state_dir / "containers" / container / "state.json"
    daemon.kill()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"status": "creating"}))
    daemon.start()
    await daemon.answering()
    assert os.listdir(daemon.data_dir / "definitions") == []
    async with daemon.api() as api:
        assert await names(api) == {}


async def test_a_deletion_that_was_cut_off_can_be_done_again(daemon: Daemon, rootfs: Path) -> None:
    """The definition goes before the record: else the container would come back after the next boot."""
    async with daemon.api() as api:
        container = await started(api, rootfs, "exit 0", durable=True)
        await until(api, container, status="stopped")
    daemon.kill()
    definition(daemon, container).unlink()
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        assert list((await names(api)).values()) == ["stopped"]
        await remove(api, container)
    assert os.listdir(daemon.data_dir / "definitions") == []


async def test_a_record_that_is_broken_is_made_of_the_definition(daemon: Daemon, rootfs: Path) -> None:
    daemon.expect_errors()
    async with daemon.api() as api:
        running = await started(api, rootfs, SLEEP, name="running", labels={"a": "b"}, durable=True)
        ended = await started(api, rootfs, "exit 4", name="ended", durable=True)
        await until(api, ended, status="stopped")
        pid = (await api.get("/v1/containers/running")).json["pid"]
    daemon.kill()
    for container in (running, ended):
        (daemon.state_dir / "containers" / container / "state.json").write_text("{")
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        found = (await api.get("/v1/containers/running")).json
        assert (found["status"], found["pid"], found["labels"]) == ("running", pid, {"a": "b"})
        assert (await api.get("/v1/containers/ended")).json["exit"]["exit_code"] == 4
        for container in (running, ended):
            await remove(api, container)


async def test_what_cannot_be_defined_is_not_made(daemon: Daemon, api: Api, rootfs: Path) -> None:
    daemon.expect_errors()

    async def create(name: str) -> Any:
        return await api.post(
            "/v1/containers", json={"rootfs": str(rootfs), "args": ["/bin/true"], "name": name, "durable": True}
        )

    assert (await create("one")).status == 201
    folder = daemon.data_dir / "definitions"
    folder.rename(f"{folder}.away")
    answer = await create("two")
    assert "cannot record definition" in answer.error(500, "internal", step="store")["message"]
    renamed = await api.post("/v1/containers/one/rename?name=other")
    renamed.error(500, "internal", step="store")
    assert await names(api) == {"one": "created"}
    assert len(os.listdir(daemon.state_dir / "containers")) == 1
    assert (await api.post("/v1/containers/one/start")).status == 204  # what has happened is told all the same
    await until(api, "one", status="stopped")
    Path(f"{folder}.away").rename(folder)
    await remove(api, "one")
    assert os.listdir(folder) == []


async def test_a_root_that_is_gone_is_told_and_tried_again(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await started(api, rootfs, SLEEP, restart="always", durable=True)
    rootfs.rename(f"{rootfs}.away")
    await boot(daemon)
    async with daemon.api() as api:
        async with asyncio.timeout(30):
            while b"container.restart_failed" not in (await api.get("/v1/events?since_id=0&follow=false")).body:
                await asyncio.sleep(0.01)
        Path(f"{rootfs}.away").rename(rootfs)
        await until(api, container, status="running")
        await remove(api, container)


@pytest.mark.parametrize("events", [1, 7, 16, 30])
async def test_killed_at_any_moment_what_was_answered_holds(daemon: Daemon, rootfs: Path, events: int) -> None:
    """events: after so many it is killed, whatever is under way: creations, renames, deletions."""
    there: dict[str, set[str]] = {}
    """The names that each may have: one where the last rename was answered."""
    leaving: set[str] = set()

    async def work(api: Api, number: int) -> None:
        for turn in range(100):
            container = await api.create(rootfs, "/bin/true", name=f"w{number}-{turn}", durable=True)
            there[container] = {f"w{number}-{turn}"}
            there[container].add(f"x{number}-{turn}")
            assert (await api.post(f"/v1/containers/{container}/rename?name=x{number}-{turn}")).status == 204
            there[container] = {f"x{number}-{turn}"}
            if turn % 2:
                leaving.add(container)
                assert (await api.delete(f"/v1/containers/{container}")).status == 204
                del there[container]

    async with daemon.api() as api:
        info = (await api.get("/v1/info")).json
        working = [asyncio.ensure_future(work(api, number)) for number in range(3)]
        log = daemon.state_dir / "events.jsonl"
        async with asyncio.timeout(30):
            while not log.exists() or log.read_bytes().count(b"\n") < events:
                await asyncio.sleep(0)
        daemon.kill()
        await asyncio.gather(*working, return_exceptions=True)
    os.kill(info["spawner_pid"], signal.SIGKILL)
    async with asyncio.timeout(30):
        while not has_ended(info["spawner_pid"]):
            await asyncio.sleep(0.01)
    await boot(daemon, serving=False)
    async with daemon.api() as api:
        found = {one["id"]: one["name"] for one in (await api.get("/v1/containers")).json["containers"]}
        assert not {container for container in there if container not in found} - leaving
        for container, name in found.items():
            assert name in there.get(container, {name}), "an answered rename is lost"
            assert container in there or container not in leaving, "an answered deletion is undone"
        assert {path.removesuffix(".json") for path in os.listdir(daemon.data_dir / "definitions")} == set(found)
        for container in found:
            await remove(api, container)


@pytest.mark.parametrize("other", ["state", "data"])
async def test_another_daemon_has_it(daemon: Daemon, tmp_path: Path, other: str) -> None:
    second = Daemon(tmp_path / "daemon")
    second.socket = tmp_path / "second.sock"
    if other == "data":
        second.state_dir = tmp_path / "second-state"
    second.start()
    try:
        assert second.wait() == 1
        assert f"cannot use {other} directory" in daemon.log
    finally:
        second.close()
