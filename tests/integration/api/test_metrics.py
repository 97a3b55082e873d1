"""Figures of a real daemon, read by Prometheus's own parser."""

from pathlib import Path

import prometheus_client
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.api_client import Api

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def figures(api: Api) -> Figures:
    answer = await api.get("/metrics")
    assert (answer.status, answer.headers["Content-Type"].split(";")[0]) == (200, "text/plain")
    samples = [sample for family in text_string_to_metric_families(answer.body.decode()) for sample in family.samples]
    found = {
        (sample.name.removeprefix("pycontainerd_"), frozenset(sample.labels.items())): sample.value for sample in samples
    }
    assert len(found) == len(samples)
    assert all(sample.name.startswith("pycontainerd_") for sample in samples)  # nothing of a registry of the process
    return found


def of(found: Figures, name: str, /, **labels: str) -> float | None:
    return found.get((name, frozenset(labels.items())))


async def test_figures_of_a_container(api: Api, rootfs: Path) -> None:
    script = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 60 & echo done; wait"
    limits = {"memory_bytes": 64 << 20}
    container = await api.create(rootfs, "/bin/sh", "-c", script, name="busy", resources=limits)
    labels = {"id": container, "name": "busy"}
    await api.post(f"/v1/containers/{container}/start")
    async with api.session.get(f"http://localhost/v1/containers/{container}/logs?follow=true") as logs:
        assert await logs.content.readline() == b"done\n"
    found = await figures(api)
    assert (of(found, "container_cpu_seconds_total", **labels) or 0) > 0
    assert 0 < (of(found, "container_memory_bytes", **labels) or 0) <= 64 << 20
    assert of(found, "container_memory_limit_bytes", **labels) == 64 << 20
    assert of(found, "container_pids", **labels) == 2
    assert of(found, "container_oom_kills_total", **labels) == 0
    assert of(found, "containers", status="running") == 1
    await api.post(f"/v1/containers/{container}/kill?signal=KILL")
    await api.post(f"/v1/containers/{container}/wait")
    found = await figures(api)
    assert of(found, "container_pids", **labels) is None
    assert (of(found, "containers", status="running"), of(found, "containers", status="stopped")) == (0, 1)
    await api.delete(f"/v1/containers/{container}")


async def test_what_happened_is_counted(api: Api, rootfs: Path) -> None:
    for _ in range(2):
        await api.run(rootfs, "/bin/true")
    (await api.post("/v1/containers", json={"rootfs": "/nowhere", "args": ["x"]})).error(400, "invalid_argument")
    created = await api.create(rootfs, "/bin/true")
    await api.post(f"/v1/containers/{created}/start")
    await api.post(f"/v1/containers/{created}/wait")
    (await api.post(f"/v1/containers/{created}/kill")).error(409, "conflict")
    await api.delete(f"/v1/containers/{created}")
    found = await figures(api)
    assert of(found, "events_total", type="container.started") == 3
    assert of(found, "operation_failures_total", operation="create", kind="invalid_argument") == 1
    assert of(found, "operation_failures_total", operation="kill", kind="conflict") == 1
    assert (of(found, "spawner_round_trip_seconds_count") or 0) >= 3
    assert of(found, "spawner_round_trip_seconds_bucket", le="+Inf") == of(found, "spawner_round_trip_seconds_count")
    assert of(found, "events_dropped_total") == 0


async def test_figures_of_the_daemon(api: Api) -> None:
    found = await figures(api)
    info = (await api.get("/v1/info")).json
    assert 0.5 < (of(found, "resident_memory_bytes") or 0) / info["daemon_rss_bytes"] < 2
    assert 3 < (of(found, "open_fds") or 0) < (of(found, "max_fds") or 0)
    assert of(found, "event_loop_lag_seconds_count") is not None
    assert of(found, "tasks")
    (await api.get("/metrics?x=1")).error(400, "invalid_argument")
    assert prometheus_client.REGISTRY.get_sample_value("pycontainerd_open_fds") is None
