"""Where the time of a container's life goes, and how much of it is the kernel's own."""

from contextlib import closing

from tests.bench import machine
from tests.bench.bare import BARE, Bare
from tests.bench.connection import Connection
from tests.bench.containers import lap, step_costs
from tests.bench.figures import OURS, Figure, Measured, Series
from tests.bench.ground import Ground
from tests.bench.peers.debian import Absent, program
from tests.bench.runtimes import Launcher
from tests.bench.turns import Contestants, take_turns

STEPS = "profile.steps"
FLOOR = "profile.floor"
CPU = "profile.cpu"
_MOST_STEPS = 15
_LAPS = 100
_NAMESPACES = ("--fork", "--pid", "--mount", "--net", "--ipc", "--uts", "--cgroup", "--mount-proc")


def measure(ground: Ground) -> Measured:
    daemon = ground.daemon()
    connection = ground.connect(daemon)
    request = ground.body("/bin/true")
    figures = [_steps(connection, request, ground.size.rounds), _processors(connection, request, ground.size.rounds)]
    try:
        figures.append(_floor(connection, request, ground))
    except Absent as reason:
        ground.absent["floor"] = str(reason)
    return Measured(tuple(figures), absent=ground.absent)


def _steps(connection: Connection, request: bytes, count: int) -> Figure:
    seen = [step_costs(connection, request) for _ in range(count)]
    names = {name: None for each in seen for name in each}
    series = [Series(name, tuple(each.get(name, 0.0) for each in seen)) for name in names]
    series.sort(key=lambda each: -sum(each.values))
    return Figure(
        STEPS,
        "The timeline's greatest steps",
        "µs",
        tuple(series[:_MOST_STEPS]),
        compared=False,
        note="`create: cgroup` begins together with `create: fork` and covers it: do not add them.",
    )


def _processors(connection: Connection, request: bytes, rounds: int) -> Figure:
    """Who computes during a life: processor time, which is longer than the life where two compute at once."""
    info = connection.json("GET", "/v1/info")
    count = min(_LAPS, rounds)
    lap(connection, request)
    before = machine.of_both(info["daemon_pid"], info["spawner_pid"])
    for _ in range(count):
        lap(connection, request)
    after = machine.of_both(info["daemon_pid"], info["spawner_pid"])
    names = ("daemon, all threads", "spawner", "workers and payloads")
    series = tuple(
        Series(name, (1e3 * (late - early) / count,)) for name, early, late in zip(names, before, after, strict=True)
    )
    return Figure(CPU, "Processor time of a life", "ms", series, compared=False, note=f"Mean of {count} lives.")


def _floor(connection: Connection, request: bytes, ground: Ground) -> Figure:
    """The kernel's own cost: the same namespaces, cgroups, mounts and filter by a loop in C; and what unshare(1) takes."""
    bare = Bare(ground.folder, ground.rootfs)
    unshare = (program("unshare"), *_NAMESPACES, "/bin/true")
    with closing(Launcher(())) as launcher:
        ways: Contestants = {
            OURS: lambda: lap(connection, request).total_s,
            BARE: bare.live,
            "unshare(1), namespaces and /proc only": lambda: launcher.run(*unshare),
        }
        taken = take_turns(ways, ground.size.rounds)
    return Figure(FLOOR, "The remaining floor", "ms", tuple(taken.values()), paired=True)
