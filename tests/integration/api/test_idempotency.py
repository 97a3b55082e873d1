"""Creations that are asked for again."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.restarts import remove, started
from tests.integration.api_client import Answer, Api
from tests.integration.daemon_process import Daemon


async def create(api: Api, rootfs: Path, key: str, **fields: Any) -> Answer:
    body = {"rootfs": str(rootfs), "args": ["/bin/true"]} | fields
    return await api.post("/v1/containers", json=body, headers={"Idempotency-Key": key})


async def count(api: Api) -> int:
    return len((await api.get("/v1/containers")).json["containers"])


async def test_many_who_ask_at_once_get_one_container(api: Api, rootfs: Path) -> None:
    answers = await asyncio.gather(*(create(api, rootfs, "k") for _ in range(8)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body for answer in answers}) == 1
    assert await count(api) == 1
    again = await create(api, rootfs, '"k"', labels={})  # in quotes, and with a default: it means the same
    assert (again.status, again.body) == (201, answers[0].body)
    other = await create(api, rootfs, "k", args=["/bin/false"])
    assert "the key 'k' was used for another request" in other.error(409, "conflict", step="idempotency")["message"]
    assert await count(api) == 1
    await remove(api, answers[0].json["id"])
    fresh = await create(api, rootfs, "k", args=["/bin/false"])
    assert (fresh.status, fresh.json["id"] != answers[0].json["id"]) == (201, True)
    await remove(api, fresh.json["id"])


async def test_the_next_daemon_knows_the_key(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        made = (await create(api, rootfs, "k", args=["/bin/sleep", "100"])).json["id"]
        await api.post(f"/v1/containers/{made}/start")
        executed = await api.post(
            f"/v1/containers/{made}/exec", json={"args": ["/bin/true"]}, headers={"Idempotency-Key": "e"}
        )
    daemon.kill()
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        assert (await create(api, rootfs, "k", args=["/bin/sleep", "100"])).json["id"] == made
        again = await api.post(
            f"/v1/containers/{made}/exec", json={"args": ["/bin/true"]}, headers={"Idempotency-Key": "e"}
        )
        assert again.body == executed.body
        assert (await create(api, rootfs, "k")).status == 409
        assert await count(api) == 1
        await remove(api, made)


async def test_a_creation_that_was_cut_off_is_made_anew(daemon: Daemon, rootfs: Path) -> None:
    """Killed at some moment of it: whatever there is then, one container is there after the second time."""
    async with daemon.api() as api:
        asking = asyncio.ensure_future(create(api, rootfs, "k"))
        async with asyncio.timeout(30):
            while not os.listdir(daemon.state_dir / "containers"):
                await asyncio.sleep(0)
        os.kill(daemon.pid, signal.SIGKILL)
        await asyncio.gather(asking, return_exceptions=True)
    daemon.kill()
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        made = await create(api, rootfs, "k")
        assert made.status == 201
        assert await count(api) == 1
        await remove(api, made.json["id"])


async def test_one_whose_client_has_gone_stays(daemon: Daemon, api: Api, rootfs: Path) -> None:
    """Without a key it would be undone: nobody would know its id."""
    async with daemon.api() as leaving:
        asking = asyncio.ensure_future(create(leaving, rootfs, "k"))
        async with asyncio.timeout(30):
            while not os.listdir(daemon.state_dir / "containers"):
                await asyncio.sleep(0)
        asking.cancel()
    made = await create(api, rootfs, "k")
    assert (made.status, await count(api)) == (201, 1)
    await remove(api, made.json["id"])


async def test_execs_have_keys_of_their_container(api: Api, rootfs: Path) -> None:
    one, two = [await started(api, rootfs, "exec sleep 100") for _ in range(2)]

    async def asked(container: str, *args: str) -> Answer:
        path = f"/v1/containers/{container}/exec"
        return await api.post(path, json={"args": args}, headers={"Idempotency-Key": "e"})

    answers = await asyncio.gather(*(asked(one, "/bin/true") for _ in range(5)))
    assert len({answer.json["id"] for answer in answers}) == 1
    assert (await asked(two, "/bin/true")).json["id"] != answers[0].json["id"]
    (await asked(one, "/bin/false")).error(409, "conflict", step="idempotency")
    assert len((await api.get(f"/v1/containers/{one}/exec")).json["execs"]) == 1
    for container in (one, two):
        await remove(api, container)


@pytest.mark.parametrize("key", ["", " ", "a b", '"', '"a', 'a"', '""', '"a" "b"', "ä", "x" * 256, '"a\\b"'])
async def test_what_is_no_key_is_refused(api: Api, rootfs: Path, key: str) -> None:
    (await create(api, rootfs, key)).error(400, "invalid_argument", step="parse")
    assert await count(api) == 0


async def test_a_key_is_given_once_and_where_it_counts(api: Api, rootfs: Path) -> None:
    twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    answer = await api.post("/v1/containers", json={"rootfs": str(rootfs), "args": ["/bin/true"]}, headers=twice)
    answer.error(400, "invalid_argument", step="parse")
    answer = await api.post("/v1/prune", headers={"Idempotency-Key": "a"})
    assert "prune_containers takes none" in answer.error(400, "invalid_argument", step="parse")["message"]


async def test_failures_of_execs_are_counted(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, "exec sleep 100")
    made = await api.post(f"/v1/containers/{container}/exec", json={"args": ["/bin/nothing"]})
    assert (await api.post(f"/v1/exec/{made.json['id']}/start")).status == 400
    assert (await api.post(f"/v1/exec/{made.json['id']}/kill")).status == 409
    await api.post(f"/v1/containers/{container}/exec", json={"args": ["/bin/true"], "user": "nobody-there"})
    metrics = (await api.get("/metrics")).body.decode()
    for operation, kind in (
        ("exec_start", "invalid_argument"),
        ("exec_kill", "conflict"),
        ("exec_create", "invalid_argument"),
    ):
        assert f'pycontainerd_operation_failures_total{{kind="{kind}",operation="{operation}"}} 1.0' in metrics
    await remove(api, container)
