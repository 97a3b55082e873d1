"""What is done with containers of a daemon, and how long it took."""

import itertools
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.connection import Connection, Failed
from tests.bench.daemon import body

REQUESTS = ("create", "start", "wait", "delete")


@dataclass(frozen=True)
class Lap:
    """Seconds that each of REQUESTS took, and all of them."""

    seconds: tuple[float, ...]

    @property
    def total_s(self) -> float:
        return sum(self.seconds)


def lap(connection: Connection, request: bytes) -> Lap:
    """Have a container live from create to delete."""
    times = [time.perf_counter()]
    container = connection.json("POST", "/v1/containers", request)["id"]
    times.append(time.perf_counter())
    connection.request("POST", f"/v1/containers/{container}/start")
    times.append(time.perf_counter())
    ended = connection.json("POST", f"/v1/containers/{container}/wait")
    times.append(time.perf_counter())
    connection.request("DELETE", f"/v1/containers/{container}")
    times.append(time.perf_counter())
    if ended["exit_code"] != 0:
        raise Failed(f"cannot measure container: it ended with {ended}")
    return Lap(tuple(after - before for before, after in itertools.pairwise(times)))


def step_costs(connection: Connection, request: bytes) -> dict[str, float]:
    """Return the microseconds of a container's timeline, summed up by phase and step."""
    container = connection.json("POST", "/v1/containers", request)["id"]
    connection.request("POST", f"/v1/containers/{container}/start")
    connection.request("POST", f"/v1/containers/{container}/wait")
    costs: dict[str, float] = defaultdict(float)
    for step in connection.json("GET", f"/v1/containers/{container}/timeline")["steps"]:
        costs[f"{step['phase']}: {step['step']}"] += step["duration_us"]
    connection.request("DELETE", f"/v1/containers/{container}")
    return costs


@contextmanager
def created(connection: Connection, rootfs: Path, count: int) -> Iterator[list[str]]:
    """Have `count` containers that would sleep, not started; return their ids."""
    request = body(rootfs, "/bin/sleep", "600")
    ids: list[str] = []
    try:
        ids.extend(connection.json("POST", "/v1/containers", request)["id"] for _ in range(count))
        yield ids
    finally:
        for container in ids:
            connection.request("DELETE", f"/v1/containers/{container}?force=true")
