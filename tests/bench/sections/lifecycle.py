"""A container's life of `/bin/true`, from create to delete: over HTTP, by command lines, and by engines."""

import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from tests.bench.connection import Connection
from tests.bench.containers import REQUESTS, Lap, lap
from tests.bench.daemon import Daemon
from tests.bench.figures import OURS, Figure, Measured, Series, milliseconds
from tests.bench.ground import Ground
from tests.bench.peers.containerd import Containerd
from tests.bench.peers.docker import Docker
from tests.bench.peers.podman import Podman
from tests.bench.runtimes import PLAIN, Launcher, document, found, runtimes, write_bundle
from tests.bench.turns import take_turns, warm_up

_TRUE = ("/bin/true",)
_STARTS = 10
PYCTR = "pyctr run --rm"
PYRUNC = "pyrunc run"
HTTP = "life.http"
ENGINES = "life.engines"
CLIENTS = "life.pyctr"
RUNTIMES = "life.pyrunc"


def measure(ground: Ground) -> Measured:
    begun = _begin_daemons(ground)
    daemon = ground.daemon()
    connection = ground.connect(daemon)
    laps: list[Lap] = []
    bundle = ground.folder / "bundle"
    write_bundle(bundle, document(connection, ground.body(*_TRUE)))
    with closing(Launcher(())) as launcher, runtimes(bundle) as (hidden, others):
        contestants: dict[str, Callable[[], float]] = {OURS: lambda: _our_lap(connection, ground.body(*_TRUE), laps)}
        contestants |= {_name(each.title): each.run for each in others}
        true = found("true")
        contestants["launching `true`"] = lambda: hidden.run(true)
        contestants |= clients(ground, daemon, launcher)
        contestants |= engines(ground, connection, launcher)
        taken = take_turns(contestants, ground.size.rounds)
    return Measured((*_figures(taken), _requests(laps[warm_up(ground.size.rounds) :]), begun), absent=ground.absent)


def _our_lap(connection: Connection, request: bytes, laps: list[Lap]) -> float:
    laps.append(lap(connection, request))
    return laps[-1].total_s


def clients(ground: Ground, daemon: Daemon, launcher: Launcher) -> dict[str, Callable[[], float]]:
    program = str(Path(sys.executable).parent / "pyctr")
    ours = (program, "--socket", daemon.socket, "run", "--rm", "--rootfs", str(ground.rootfs), *_TRUE)
    return {PYCTR: lambda: launcher.run(*ours)}


def engines(ground: Ground, connection: Connection, launcher: Launcher) -> dict[str, Callable[[], float]]:
    """Those that can run here. podman sees all cgroups of the host, the daemons of docker and containerd not that of v2."""
    ways: dict[str, Callable[[], float]] = {}
    if docker := ground.docker():
        ways |= _docker(docker, launcher)
    if containerd := ground.containerd(connection):
        ways["ctr run --rm"] = _ctr(containerd, launcher)
    if podman := ground.podman():
        ways["podman run --rm"] = _podman(podman, launcher)
    return ways


def _docker(docker: Docker, launcher: Launcher) -> dict[str, Callable[[], float]]:
    command = docker.run_command(*_TRUE)

    def over_http() -> float:
        with docker.connect() as connection:
            return docker.life(connection)

    return {"docker, HTTP": over_http, "docker run --rm": lambda: launcher.run(*command)}


def _ctr(containerd: Containerd, launcher: Launcher) -> Callable[[], float]:
    return lambda: launcher.run(*containerd.run_command(*_TRUE))


def _podman(podman: Podman, launcher: Launcher) -> Callable[[], float]:
    command = podman.run_command(*_TRUE)
    return lambda: launcher.run(*command)


def _name(title: str) -> str:
    """Return "crun run, no cgroup" for "crun, no cgroup"."""
    program, comma, way = title.partition(",")
    return f"{program} run{comma}{way}"


def _figures(taken: dict[str, Series]) -> tuple[Figure, ...]:
    few = [f"{name} run, 4 cgroup hierarchies" for name in ("crun", "runc")]
    engine = ("docker, HTTP", "docker run --rm", "ctr run --rm", "podman run --rm")
    return (
        _figure(
            HTTP,
            "A container's life, over HTTP, beside OCI runtimes",
            taken,
            (OURS, "crun run", "runc run", *few, "crun run, no cgroup", "launching `true`"),
        ),
        _figure(ENGINES, "A container's life, over HTTP, beside engines", taken, (OURS, *engine)),
        _figure(CLIENTS, "A container's life, by a client that is started for it", taken, (PYCTR, *engine[1:])),
        _figure(RUNTIMES, "A container's life, by an OCI runtime", taken, (PYRUNC, "runc run", "crun run")),
        _figure(
            f"{RUNTIMES}.plain",
            "A container's life, by an OCI runtime, without seccomp",
            taken,
            (f"{PYRUNC}{PLAIN}", f"runc run{PLAIN}"),
        ),
    )


def _figure(key: str, title: str, taken: dict[str, Series], names: Sequence[str]) -> Figure:
    return Figure(key, title, "ms", tuple(taken[name] for name in names if name in taken), paired=True)


def _requests(laps: Sequence[Lap]) -> Figure:
    series = tuple(
        Series(name, milliseconds([each.seconds[place] for each in laps])) for place, name in enumerate(REQUESTS)
    )
    return Figure("life.requests", "A container's life, by request", "ms", series, compared=False)


def _begin_daemons(ground: Ground) -> Figure:
    """Measure from a daemon's exec to its first answer."""
    seconds = []
    for number in range(min(_STARTS, ground.size.rounds)):
        place = ground.folder / f"start-{number}"
        place.mkdir()
        daemon = Daemon(place)
        try:
            seconds.append(daemon.start())
        finally:
            daemon.stop()
    series = (Series(OURS, milliseconds(seconds)),)
    return Figure("life.daemon", "From a daemon's exec to its first answer", "ms", series, compared=False)
