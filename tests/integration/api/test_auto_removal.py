"""Containers that go with their end."""

from pathlib import Path

import pytest

from tests.integration.api_client import Api


def own_sleep(rootfs: Path) -> Path:
    """A program that can be taken away."""
    (rootfs / "own").mkdir()
    program = rootfs / "own/sleep"
    program.symlink_to("/bin/busybox")
    return program


async def gone(api: Api, container: str) -> None:
    assert (await api.post(f"/v1/containers/{container}/wait?condition=removed")).status in (200, 404)
    assert (await api.get(f"/v1/containers/{container}")).status == 404
    assert (await api.get("/v1/containers")).json == {"containers": []}


async def test_it_goes_with_its_end_and_its_output_stays_a_while(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sh", "-c", "echo hi; exit 3", auto_remove=True, name="short")
    assert (await api.get("/v1/containers/short")).json["auto_remove"] is True
    assert (await api.post("/v1/containers/short/start")).status == 204
    assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 3
    await gone(api, container)
    assert (await api.get(f"/v1/containers/{container}/logs")).body == b"hi\n"
    events = (await api.get("/v1/events?follow=false&since=0")).body
    assert b"container.deleted" in events


async def test_what_cannot_be_executed_goes_too(api: Api, rootfs: Path) -> None:
    program = own_sleep(rootfs)
    container = await api.create(rootfs, "/own/sleep", "100", auto_remove=True)
    program.unlink()
    assert (await api.post(f"/v1/containers/{container}/start")).status == 400
    await gone(api, container)


async def test_a_restart_is_no_end_but_one_that_fails_is(api: Api, rootfs: Path) -> None:
    program = own_sleep(rootfs)
    container = await api.create(rootfs, "/own/sleep", "100", auto_remove=True, stop_timeout_s=0)
    assert (await api.post(f"/v1/containers/{container}/start")).status == 204
    assert (await api.post(f"/v1/containers/{container}/restart")).status == 204
    assert (await api.get(f"/v1/containers/{container}")).json["status"] == "running"
    program.unlink()
    assert (await api.post(f"/v1/containers/{container}/restart")).status == 400
    await gone(api, container)


async def test_a_stop_tells_the_end_of_what_is_gone(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sleep", "100", auto_remove=True)
    await api.post(f"/v1/containers/{container}/start")
    assert (await api.post(f"/v1/containers/{container}/stop?timeout=0")).json["exit_code"] == 137
    await gone(api, container)


@pytest.mark.parametrize("more", [{"restart": "always"}, {"durable": True}])
async def test_what_asks_for_the_opposite_is_refused(api: Api, rootfs: Path, more: dict[str, object]) -> None:
    asked = {"rootfs": str(rootfs), "args": ["/bin/true"], "auto_remove": True}
    told = (await api.post("/v1/containers", json=asked | more)).error(400, "invalid_argument")
    assert f"auto_remove and {next(iter(more))} ask for the opposite" in told["message"]
    container = await api.create(rootfs, "/bin/true", auto_remove=True)
    told = (await api.post(f"/v1/containers/{container}/update", json=more)).error(409, "conflict")
    assert "to be removed at its end" in told["message"]
    assert (await api.delete(f"/v1/containers/{container}")).status == 204
