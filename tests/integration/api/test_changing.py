"""Renaming, updating, pruning and listing containers."""

import asyncio
import glob
import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.restarts import events, remove, started, until
from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon


async def names(api: Api, query: str = "") -> list[str]:
    return [one["name"] for one in (await api.get(f"/v1/containers{query}")).json["containers"]]


def limit_files(detail: Any, *candidates: str) -> list[str]:
    """What the kernel has as the limit, in whichever hierarchy it is."""
    files = [Path(path, name) for path in detail["cgroup_paths"] for name in candidates]
    return [file.read_text().strip() for file in files if file.exists()]


# ── names ──


async def test_a_container_is_renamed(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        first = await api.create(rootfs, "/bin/true", name="first")
        second = await api.create(rootfs, "/bin/true", name="second")
        (await api.post("/v1/containers/first/rename?name=second")).error(409, "conflict", step="rename")
        (await api.post(f"/v1/containers/first/rename?name={second}")).error(409, "conflict", step="rename")
        assert (await api.post("/v1/containers/first/rename?name=first")).status == 204
        assert (await api.post("/v1/containers/first/rename?name=third")).status == 204
        (await api.get("/v1/containers/first")).error(404, "not_found")
        assert (await api.get("/v1/containers/third")).json["id"] == first
        assert (await api.post("/v1/containers/second/rename?name=first")).status == 204  # it is free
        assert ("renamed", {"old_name": "first"}) in await events(api)
    daemon.kill()
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        assert await names(api) == ["third", "first"]
        assert (await api.post(f"/v1/containers/third/rename?name={first}")).status == 204  # its own id, and back
        assert (await api.post(f"/v1/containers/{first}/rename?name=third")).status == 204
        assert (await api.get(f"/v1/containers/{first}")).json["name"] == "third"
        for container in (first, second):
            await remove(api, container)
        again = await api.create(rootfs, "/bin/true", name="third")
        await remove(api, again)


@pytest.mark.parametrize("query", ["", "?name=", "?name=a%2Fb", "?name=..", "?name=-a", "?name=a&name=b", "?name=a&x=1"])
async def test_what_is_no_name(api: Api, rootfs: Path, query: str) -> None:
    container = await api.create(rootfs, "/bin/true", name="web")
    (await api.post(f"/v1/containers/web/rename{query}")).error(400, "invalid_argument", step="parse")
    assert await names(api) == ["web"]
    await remove(api, container)


# ── limits and policy ──


async def test_limits_change_at_once_and_for_later_runs(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await started(api, rootfs, "exec sleep 100", resources={"pids": 50, "memory_bytes": 1 << 26})
        update = f"/v1/containers/{container}/update"
        change = {"resources": {"pids": 33, "cpus": 0.5, "memory_bytes": None}, "restart": "on-failure:1"}
        assert (await api.post(update, json=change)).status == 204
        detail = (await api.get(f"/v1/containers/{container}")).json
        assert limit_files(detail, "pids.max") == ["33"]
        assert limit_files(detail, "cpu.cfs_quota_us", "cpu.max")[0].split()[0] == "50000"
        assert limit_files(detail, "memory.limit_in_bytes", "memory.max")[0] in ("max", "9223372036854771712")
        resources = detail["oci"]["linux"]["resources"]
        assert (resources["pids"], resources["memory"], detail["restart"]) == ({"limit": 33}, {"limit": -1}, "on-failure:1")
        assert ("updated", {"fields": "resources.cpu,resources.memory,resources.pids,restart"}) in await events(api)
        assert (await api.post(f"/v1/containers/{container}/restart?timeout=0")).status == 204
        assert limit_files((await api.get(f"/v1/containers/{container}")).json, "pids.max") == ["33"]
        await api.post(f"/v1/containers/{container}/stop?timeout=0")
        assert (await api.post(update, json={"resources": {"pids": 44}})).status == 204
    daemon.kill()
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        assert (await api.post(f"/v1/containers/{container}/start")).status == 204
        assert limit_files((await api.get(f"/v1/containers/{container}")).json, "pids.max") == ["44"]
        await remove(api, container)


async def test_a_change_that_was_cut_off_is_written_again(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await started(api, rootfs, "exec sleep 100", resources={"pids": 50})
    daemon.kill()
    folder = daemon.state_dir / "containers" / container
    config = json.loads((folder / "config.json").read_text())
    config["linux"]["resources"]["pids"]["limit"] = 66
    config["linux"]["resources"]["cpu"] = {"quota": 50_000, "period": 100_000}
    (folder / "config.json").write_text(json.dumps(config))
    record = json.loads((folder / "state.json").read_text())
    joining = [path.replace("/pids/", "/cpu/") for path in record["cgroups_v1"] if "/pids/" in path]  # and was killed
    record |= {"updating": True, "cgroups_v1": record["cgroups_v1"] + joining}
    (folder / "state.json").write_text(json.dumps(record))
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        detail = (await api.get(f"/v1/containers/{container}")).json
        assert limit_files(detail, "pids.max") == ["66"]
        assert limit_files(detail, "cpu.cfs_quota_us", "cpu.max")[0].split()[0] == "50000"
        assert json.loads((folder / "state.json").read_text())["updating"] is False
        await remove(api, container)


async def test_a_value_that_the_kernel_refuses_changes_nothing(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, "exec sleep 100", resources={"pids": 50})
    before = (await api.get(f"/v1/containers/{container}")).json
    change = {"resources": {"pids": 33, "memory_bytes": 1 << 62, "cpus": 1e9}}
    answer = await api.post(f"/v1/containers/{container}/update", json=change)
    assert answer.status >= 400
    after = (await api.get(f"/v1/containers/{container}")).json
    assert after["oci"] == before["oci"]
    assert limit_files(after, "pids.max") == ["50"]
    assert not glob.glob(f"/sys/fs/cgroup/cpu*/*/{container}")
    await remove(api, container)


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({}, "nothing to change"),
        ({"resources": {}}, "nothing to change"),
        ({"resources": {"pids": 0}}, "resources.pids"),
        ({"resources": {"cpus": 0.001}}, "0.001 CPUs"),
        ({"resources": {"memory_bytes": "1m"}}, "resources.memory_bytes"),
        ({"restart": "sometimes"}, "restart"),
        ({"name": "x"}, "name"),
        ([], ""),
    ],
)
async def test_what_is_no_change(api: Api, rootfs: Path, body: Any, part: str) -> None:
    container = await api.create(rootfs, "/bin/true")
    error = (await api.post(f"/v1/containers/{container}/update", json=body)).error(400, "invalid_argument")
    assert part in error["message"]
    await remove(api, container)


async def test_a_policy_is_given_and_taken_away_while_it_runs(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, "echo x; exit 1", restart="always")
    await until(api, container, restart_count=3)
    assert (await api.post(f"/v1/containers/{container}/update", json={"restart": "no"})).status == 204
    found = await until(api, container, status="stopped", next_start_at=None)
    assert (await api.get("/v1/containers?status=restarting")).json["containers"] == []
    assert found["restart"] == "no"
    await remove(api, container)


# ── pruning ──


async def test_prune_removes_what_has_stopped(api: Api, rootfs: Path) -> None:
    done = await started(api, rootfs, "echo done", labels={"job": "1"})
    other = await started(api, rootfs, "exit 1")
    for container in (done, other):
        await api.post(f"/v1/containers/{container}/wait")
    running = await started(api, rootfs, "exec sleep 100")
    created = await api.create(rootfs, "/bin/true")
    restarting = await started(api, rootfs, "exit 1", restart="always")
    async with asyncio.timeout(30):
        while not (await until(api, restarting, status="stopped"))["restart_count"] >= 3:
            await asyncio.sleep(0.01)
    assert (await api.post("/v1/prune?label=job%3D2")).json == {"removed": [], "freed_bytes": 0, "failed": []}
    assert (await api.post("/v1/prune?label=job")).json == {"removed": [done], "freed_bytes": 5, "failed": []}
    assert (await api.post("/v1/prune")).json["removed"] == [other]
    left = {one["id"] for one in (await api.get("/v1/containers")).json["containers"]}
    assert left == {running, created, restarting}
    for container in left:
        await remove(api, container)
    (await api.post("/v1/prune?all=1")).error(400, "invalid_argument", step="parse")
    (await api.post("/v1/prune", data=b"x")).error(400, "invalid_argument", step="parse")


# ── lists ──


async def test_lists_by_all_parameters(api: Api, rootfs: Path) -> None:
    made = [await api.create(rootfs, "/bin/true", name=name, labels={"l": name}) for name in ("web-b", "db", "web-a")]
    assert await names(api, "?name=web&sort=name") == ["web-a", "web-b"]
    assert await names(api, "?sort=-created&limit=2") == ["web-a", "db"]
    assert await names(api, "?since=db") == ["web-a"]
    assert await names(api, f"?before={made[1][:8]}&status=created&status=running") == ["web-b"]
    assert await names(api, "?label=l%3Ddb&status=stopped&status=restarting") == []
    (await api.get("/v1/containers?since=nothing")).error(404, "not_found", step="find")
    for query in (
        "sort=size",
        "sort=",
        "limit=0",
        "limit=x",
        "status=tired",
        "health=sick",
        "since=a&since=b",
        "colour=red",
    ):
        (await api.get(f"/v1/containers?{query}")).error(400, "invalid_argument", step="parse")
    for container in made:
        await remove(api, container)
