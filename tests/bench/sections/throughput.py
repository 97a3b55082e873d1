"""How many containers can be started a second, by so many clients at once. Their removal is not counted."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, TypeVar

from tests.bench.connection import Connection
from tests.bench.figures import OURS, Better, Figure, Measured, Series, milliseconds
from tests.bench.ground import Ground
from tests.bench.peers.containerd import Containerd
from tests.bench.peers.docker import Docker
from tests.bench.runtimes import SLEEPING
from tests.bench.turns import order

IN_FLIGHT = {1: 8, 8: 24, 32: 64}
"""How many at once: how many in all."""
_MOST_REPEATS = 4
Item = TypeVar("Item")
Result = TypeVar("Result")


class Starter:
    """connect: opens what a worker needs of its own; start: returns what remove takes."""

    def __init__(
        self,
        connect: Callable[[], AbstractContextManager[Any]],
        start: Callable[[Any], str],
        remove: Callable[[Any, str], object],
    ) -> None:
        self._connect = connect
        self._start = start
        self._remove = remove

    @classmethod
    def alone(cls, start: Callable[[Any], str], remove: Callable[[Any, str], object]) -> "Starter":
        """Workers need nothing of their own: each call is a process."""
        return cls(nullcontext, start, remove)

    def start_many(self, count: int, in_flight: int) -> tuple[list[str], list[float]]:
        """Return what was started, and the seconds that each one took, most of which may be waiting for others."""

        def start(connection: Any, _number: int) -> tuple[str, float]:
            begin = time.perf_counter()
            made = self._start(connection)
            return made, time.perf_counter() - begin

        done = self.side_by_side(start, range(count), in_flight)
        return [made for made, _ in done], [seconds for _, seconds in done]

    def remove_all(self, names: Sequence[str], in_flight: int) -> None:
        self.side_by_side(self._remove, names, in_flight)

    def side_by_side(self, work: Callable[[Any, Item], Result], items: Sequence[Item], in_flight: int) -> list[Result]:
        local = threading.local()
        with ExitStack() as opened:

            def connect() -> None:
                local.connection = opened.enter_context(self._connect())

            with ThreadPoolExecutor(in_flight, initializer=connect) as workers:
                return list(workers.map(lambda item: work(local.connection, item), items))


def ours(socket: str, ground: Ground) -> Starter:
    request = ground.body(*SLEEPING)

    def start(connection: Connection) -> str:
        container: str = connection.json("POST", "/v1/containers", request)["id"]
        connection.request("POST", f"/v1/containers/{container}/start")
        return container

    def remove(connection: Connection, container: str) -> None:
        connection.request("DELETE", f"/v1/containers/{container}?force=true")

    return Starter(lambda: Connection(socket), start, remove)


def of_docker(docker: Docker) -> Starter:
    return Starter(docker.connect, lambda connection: docker.started(connection, *SLEEPING), docker.remove)


def of_containerd(containerd: Containerd) -> Starter:
    return Starter.alone(lambda _: containerd.start(*SLEEPING), lambda _, box: containerd.remove(box))


def measure(ground: Ground) -> Measured:
    daemon = ground.daemon()
    starters = {OURS: ours(daemon.socket, ground)}
    if docker := ground.docker():
        starters["docker, HTTP"] = of_docker(docker)
    if containerd := ground.containerd(ground.connect(daemon)):
        starters["ctr run --detach"] = of_containerd(containerd)
    for starter in starters.values():
        starter.remove_all(starter.start_many(1, 1)[0], 1)
    repeats = max(2, min(_MOST_REPEATS, ground.size.rounds // 10))
    figures = [each for flight in IN_FLIGHT for each in _rates(starters, flight, _count(flight, ground), repeats)]
    return Measured(tuple(figures), absent=ground.absent)


def _count(in_flight: int, ground: Ground) -> int:
    return max(2, min(IN_FLIGHT[in_flight], ground.size.containers))


def _rates(starters: dict[str, Starter], in_flight: int, count: int, repeats: int) -> Iterator[Figure]:
    rates: dict[str, list[float]] = {name: [] for name in starters}
    waits: dict[str, list[float]] = {name: [] for name in starters}
    for repeat in range(repeats):
        for name in order(list(starters), repeat):
            with _timed() as took:
                made, seconds = starters[name].start_many(count, in_flight)
            rates[name].append(count / took[0])
            waits[name] += seconds
            starters[name].remove_all(made, 8)
    yield Figure(
        f"starts.{in_flight}",
        f"Containers started in a second, {in_flight} in flight",
        "1/s",
        tuple(Series(name, tuple(values)) for name, values in rates.items()),
        better=Better.HIGHER,
        paired=True,
        note=f"{repeats} times {count} each.",
    )
    yield Figure(
        f"waits.{in_flight}",
        f"Create and start of one, {in_flight} in flight",
        "ms",
        tuple(Series(name, milliseconds(values)) for name, values in waits.items()),
    )


@contextmanager
def _timed() -> Iterator[list[float]]:
    """Yield a list that has the seconds in it afterwards."""
    took: list[float] = []
    begin = time.perf_counter()
    yield took
    took.append(time.perf_counter() - begin)
