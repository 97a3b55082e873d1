"""A tenth of the containers, then all of them at once: what each thing costs beside so many."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from containerd_py.client import Client
from tests.bench import memory, talk
from tests.bench.bare import BARE, Bare
from tests.bench.connection import Connection, Failed
from tests.bench.containers import lap
from tests.bench.daemon import Daemon
from tests.bench.figures import OURS, WORK, Figure, Growth, Measured, Series, milliseconds
from tests.bench.ground import Ground
from tests.bench.machine import cpu_s
from tests.bench.peers.debian import Absent
from tests.bench.sections import ending, execs
from tests.bench.sections.throughput import Starter, of_docker, ours

STARTS = "crowd.starts"
LIST = "crowd.list"
INSPECT = "crowd.inspect"
EVENTS = "crowd.events"
RESTART = "crowd.restart"
MEMORY = "crowd.memory"
_IN_FLIGHT = 32
_LISTS = 20
_INSPECTS = 200
_RESTARTS = 3
_SUBSCRIBERS = 100
_LIVES, _KILLS = 20, 10
_IDLE_S = 5.0
_SETTLING_S = 2.0


@dataclass(frozen=True)
class Seen:
    """What was seen beside so many containers. Seconds, but for kib: all that our processes have gained in Pss."""

    containers: int
    subscribers: int
    starts: tuple[float, ...]
    start_s: float
    kib: float
    lists: tuple[float, ...]
    inspects: tuple[float, ...]
    lives: tuple[float, ...]
    bare: tuple[float, ...]
    execs: tuple[float, ...]
    kills: tuple[float, ...]
    events: tuple[float, ...]
    restarts: tuple[float, ...]


def measure(ground: Ground) -> Measured:
    daemon = ground.daemon()
    starter = ours(daemon.socket, ground)
    starter.remove_all(starter.start_many(1, 1)[0], 1)
    with Connection(daemon.socket) as connection:
        empty = memory.held(connection).all.pss_kib
    names: list[str] = []
    scene = Scene(ground, daemon, starter, names, empty, _bare(ground))
    many = ground.size.containers
    small = scene.look(max(many // 10, 2), 1)
    large = scene.look(many, 10)
    with Connection(daemon.socket) as connection:
        time.sleep(_SETTLING_S)
        idle = idle_cpu_percent(connection)
    starter.remove_all(names, _IN_FLIGHT)
    figures = _figures(small, large, idle)
    return Measured(figures + _beside_docker(ground, daemon), _growths(small, large), ground.absent)


def _bare(ground: Ground) -> Bare | None:
    try:
        return Bare(ground.folder, ground.rootfs)
    except Absent as reason:
        ground.absent["floor"] = str(reason)
        return None


class Scene:
    """empty: KiB that our processes hold without a container. bare: None where that cannot be measured."""

    def __init__(
        self, ground: Ground, daemon: Daemon, starter: Starter, names: list[str], empty: int, bare: Bare | None
    ) -> None:
        self._ground = ground
        self._bare = bare
        self._daemon = daemon
        self._starter = starter
        self._names = names
        self._empty = empty

    def look(self, containers: int, factor: int) -> Seen:
        """Have so many in all. factor: how much more often each thing is done than the first time."""
        rounds = self._ground.size.rounds
        begin = time.perf_counter()
        names, starts = self._starter.start_many(containers - len(self._names), _IN_FLIGHT)
        start_s = (time.perf_counter() - begin) / len(names)
        self._names += names
        subscribers = min(_SUBSCRIBERS // 10 * factor, 10 * containers)
        with Connection(self._daemon.socket) as connection:
            kib = memory.held(connection).all.pss_kib - self._empty
            request = self._ground.body("/bin/true")
            seen = Seen(
                containers=containers,
                subscribers=subscribers,
                starts=tuple(starts),
                start_s=start_s,
                kib=kib,
                lists=_timed(lambda: connection.request("GET", f"/v1/containers?limit={containers}"), _LISTS),
                inspects=_timed(lambda: connection.request("GET", f"/v1/containers/{names[0]}"), _INSPECTS),
                lives=tuple(lap(connection, request).total_s for _ in range(min(_LIVES, rounds) * factor)),
                bare=tuple(self._bare.live() for _ in range(min(_LIVES, rounds) * factor)) if self._bare else (),
                execs=tuple(execs.execute(connection, names[0]) for _ in range(min(_LIVES, rounds) * factor)),
                kills=tuple(ending.end(connection, self._ground, "kill") for _ in range(min(_KILLS, rounds) * factor)),
                events=tuple(asyncio.run(_fan_out(self._daemon.socket, self._ground.rootfs, subscribers))),
                restarts=(),
            )
        restarts = tuple(self._restart(containers) for _ in range(min(_RESTARTS, rounds)))
        return Seen(**{**vars(seen), "restarts": restarts})

    def _restart(self, containers: int) -> float:
        seconds = self._daemon.restart()
        with Connection(self._daemon.socket) as connection:
            found = len(connection.json("GET", f"/v1/containers?limit={containers}")["containers"])
        if found != containers:
            raise Failed(f"cannot measure a restart: of {containers} containers {found} are known")
        return seconds


async def _fan_out(socket: str, rootfs: Path, subscribers: int) -> list[float]:
    async with Client(socket) as client:
        return await talk.fan_out(client, rootfs, subscribers)


def _timed(act: Callable[[], object], times: int) -> tuple[float, ...]:
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - begin)
    return tuple(seconds)


def idle_cpu_percent(connection: Connection) -> float:
    """Of one processor, by the daemon and the spawner, while all containers sleep."""
    info = connection.json("GET", "/v1/info")
    pids = (info["daemon_pid"], info["spawner_pid"])
    before, begin = sum(map(cpu_s, pids)), time.perf_counter()
    time.sleep(_IDLE_S)
    return 100 * (sum(map(cpu_s, pids)) - before) / (time.perf_counter() - begin)


def _figures(small: Seen, large: Seen, idle_percent: float) -> tuple[Figure, ...]:
    def beside(key: str, title: str, unit: str, pick: Callable[[Seen], Sequence[float]], note: str = "") -> Figure:
        series = tuple(Series(f"beside {seen.containers}", tuple(pick(seen))) for seen in (large, small))
        return Figure(key, title, unit, series, compared=False, note=note)

    events = tuple(
        Series(f"{seen.subscribers} subscribers, beside {seen.containers}", milliseconds(seen.events))
        for seen in (large, small)
    )
    restart = "Killed with all of them running; then the exec of the next one, to its first answer: it knows all of them."
    return (
        beside(STARTS, f"Create and start of one, {_IN_FLIGHT} in flight", "ms", lambda seen: milliseconds(seen.starts)),
        beside(LIST, "List of all containers", "ms", lambda seen: milliseconds(seen.lists)),
        beside(INSPECT, "Inspect of one", "ms", lambda seen: milliseconds(seen.inspects)),
        Figure(EVENTS, "An event to the last of its subscribers", "ms", events, compared=False),
        beside(RESTART, "A daemon after a crash", "ms", lambda seen: milliseconds(seen.restarts), restart),
        beside(MEMORY, "Our memory for each idle container", "KiB", lambda seen: (seen.kib / seen.containers,), "Pss."),
        Figure(
            "crowd.idle",
            f"Our processor time beside {large.containers} that sleep",
            "% of one CPU",
            (Series(OURS, (idle_percent,)),),
            compared=False,
            note=f"Over {_IDLE_S:.0f} s; 0 is less than a tick of 10 ms.",
        ),
    )


def _growths(small: Seen, large: Seen) -> tuple[Growth, ...]:
    def done(name: str, pick: Callable[[Seen], Sequence[float]]) -> Growth:
        few, many = f"one, beside {small.containers}", f"ten, beside {large.containers}"
        return Growth(name, few, many, WORK, milliseconds(pick(small)), milliseconds(pick(large)), ours=pick is not bare)

    def bare(seen: Seen) -> Sequence[float]:
        return seen.bare

    def whole(name: str, pick: Callable[[Seen], Sequence[float]], size: Callable[[Seen], str]) -> Growth:
        return Growth(name, size(small), size(large), 1, tuple(pick(small)), tuple(pick(large)))

    def containers(seen: Seen) -> str:
        return f"{seen.containers} containers"

    return (
        done("starts, 32 in flight", lambda seen: (seen.start_s,)),
        done("lives of `/bin/true`", lambda seen: seen.lives),
        *((done(BARE, bare),) if small.bare else ()),
        done("execs", lambda seen: seen.execs),
        done("kills", lambda seen: seen.kills),
        whole("memory", lambda seen: (seen.kib,), containers),
        whole("a list", lambda seen: milliseconds(seen.lists), containers),
        done("inspects", lambda seen: seen.inspects),
        whole("an event to all", lambda seen: milliseconds(seen.events), lambda seen: f"{seen.subscribers} subscribers"),
        whole("a daemon after a crash", lambda seen: milliseconds(seen.restarts), containers),
    )


def _beside_docker(ground: Ground, daemon: Daemon) -> tuple[Figure, ...]:
    """List and inspect with as many containers as docker is given."""
    docker = ground.docker()
    if docker is None:
        return ()
    count = min(ground.size.peers, ground.size.containers)
    own, theirs = ours(daemon.socket, ground), of_docker(docker)
    names, boxes = own.start_many(count, 8)[0], theirs.start_many(count, 8)[0]
    with Connection(daemon.socket) as mine, docker.connect() as connection:
        lists = {
            OURS: _timed(lambda: mine.request("GET", f"/v1/containers?limit={count}"), _LISTS),
            "docker, HTTP": _timed(lambda: docker.list(connection), _LISTS),
        }
        inspects = {
            OURS: _timed(lambda: mine.request("GET", f"/v1/containers/{names[0]}"), _LISTS),
            "docker, HTTP": _timed(lambda: docker.inspect(connection, boxes[0]), _LISTS),
        }
    own.remove_all(names, 8)
    theirs.remove_all(boxes, 8)
    return (
        _compared("crowd.list.docker", f"List of {count} containers", lists),
        _compared("crowd.inspect.docker", f"Inspect of one, beside {count}", inspects),
    )


def _compared(key: str, title: str, seconds: dict[str, tuple[float, ...]]) -> Figure:
    return Figure(key, title, "ms", tuple(Series(name, milliseconds(values)) for name, values in seconds.items()))
