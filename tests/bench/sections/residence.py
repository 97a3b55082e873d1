"""Memory of all processes that stand behind idle containers, whoever's they are: Pss, by smaps_rollup."""

import itertools
from collections.abc import Callable

from tests.bench import memory
from tests.bench.connection import Connection
from tests.bench.containers import created
from tests.bench.figures import OURS, Figure, Measured, Series
from tests.bench.ground import Ground
from tests.bench.memory import Memory
from tests.bench.peers.podman import Podman
from tests.bench.runtimes import SLEEPING
from tests.bench.sections.throughput import Starter, of_containerd, of_docker, ours

REST = "memory.rest"
IDLE = "memory.idle"
_CREATED = 20
_IN_FLIGHT = 8


def measure(ground: Ground) -> Measured:
    count = min(ground.size.peers, ground.size.containers)
    daemon = ground.daemon()
    connection = ground.connect(daemon)
    fresh = memory.held(connection)
    rest = {f"{OURS}: daemon + spawner": fresh.all}
    idle = {OURS: of_each(ours(daemon.socket, ground), lambda: memory.held(connection).all, count)}
    waiting = _created(connection, ground)
    if docker := ground.docker():
        rest["dockerd + containerd"] = docker.service.memory()
        idle["docker: shim and daemons' growth"] = of_each(of_docker(docker), docker.service.memory, count)
    if containerd := ground.containerd(connection):
        rest["containerd"] = containerd.service.memory()
        idle["ctr: shim and containerd's growth"] = of_each(of_containerd(containerd), containerd.service.memory, count)
    if podman := ground.podman():
        idle["podman: conmon"] = of_each(_of_podman(podman), podman.memory, count)
    return Measured((_rest(rest), _idle(idle, count), _parts(fresh, waiting)), absent=ground.absent)


def of_each(starter: Starter, held: Callable[[], Memory], count: int) -> float:
    """Return KiB of Pss for each container that sleeps; the first one, which may bring things for all, is not counted."""
    names = starter.start_many(1, 1)[0]
    before = held()
    names += starter.start_many(count, min(_IN_FLIGHT, count))[0]
    kib = (held().pss_kib - before.pss_kib) / count
    starter.remove_all(names, min(_IN_FLIGHT, len(names)))
    return kib


def _of_podman(podman: Podman) -> Starter:
    numbers = itertools.count()

    def start(_connection: object) -> str:
        name = f"idle{next(numbers)}"
        podman.start(name, *SLEEPING)
        return name

    def remove(_connection: object, name: str) -> None:
        podman.remove(name)

    return Starter.alone(start, remove)


def _created(connection: Connection, ground: Ground) -> float:
    """Return KiB of Pss for each container of ours that waits for its start: a worker each."""
    before = memory.held(connection)
    with created(connection, ground.rootfs, _CREATED) as ids:
        workers = [connection.json("GET", f"/v1/containers/{container}")["pid"] for container in ids]
        after = memory.held(connection, workers)
    return (after.all.pss_kib - before.all.pss_kib) / _CREATED


def _rest(rest: dict[str, Memory]) -> Figure:
    series = tuple(Series(name, (held.pss_kib / 1024,)) for name, held in rest.items())
    return Figure(REST, "Memory at rest, no container", "MiB", series, note="Pss. podman has no daemon.")


def _idle(idle: dict[str, float], count: int) -> Figure:
    series = tuple(Series(name, (kib,)) for name, kib in idle.items())
    note = f"Pss, {count} containers. The payloads' own memory is not in it."
    return Figure(IDLE, "Memory for each idle container", "KiB", series, note=note)


def _parts(fresh: memory.Held, waiting: float) -> Figure:
    series = (
        Series("daemon", (fresh.daemon.pss_kib / 1024,)),
        Series("spawner", (fresh.spawner.pss_kib / 1024,)),
        Series("each container that waits for its start", (waiting / 1024,)),
    )
    return Figure("memory.parts", "Our memory, by process", "MiB", series, compared=False, note="Pss.")
