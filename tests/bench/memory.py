"""How much memory processes hold, by smaps_rollup."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.connection import Connection


@dataclass(frozen=True)
class Memory:
    """KiB. Pss counts a page that n processes share as 1/n; Rss counts it in full for each of them."""

    pss_kib: int
    rss_kib: int

    def __add__(self, other: "Memory") -> "Memory":
        return Memory(self.pss_kib + other.pss_kib, self.rss_kib + other.rss_kib)


@dataclass(frozen=True)
class Held:
    """What our processes hold: the daemon, the spawner, and the workers that wait for start."""

    daemon: Memory
    spawner: Memory
    workers: Memory = Memory(0, 0)

    @property
    def all(self) -> Memory:
        return self.daemon + self.spawner + self.workers


def of_process(pid: int) -> Memory:
    sizes: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split(":")
        sizes[name] = int(value.removesuffix("kB"))
    return Memory(sizes["Pss"], sizes["Rss"])


def held(connection: Connection, workers: Iterable[int] = ()) -> Held:
    """Look now; `workers` are the pids of created containers."""
    info = connection.json("GET", "/v1/info")
    waiting = sum(map(of_process, workers), Memory(0, 0))
    return Held(of_process(info["daemon_pid"]), of_process(info["spawner_pid"]), waiting)
