"""How long a container takes to end: one that obeys SIGTERM, and one that is killed.

Ours, docker's and podman's have ended when their client is told so; what crun, runc and ctr send a signal to has ended
when the kernel says so, which is earlier.
"""

import os
import select
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from tests.bench.connection import Connection, Failed
from tests.bench.figures import OURS, Figure, Measured
from tests.bench.ground import Ground
from tests.bench.peers.containerd import Containerd
from tests.bench.peers.docker import Docker
from tests.bench.peers.podman import Podman
from tests.bench.runtimes import OBEDIENT, SLEEPING, Launcher, Runtime, document, runtimes, write_bundle
from tests.bench.sections.execs import started
from tests.bench.turns import take_turns

STOP = "end.stop"
KILL = "end.kill"
_MOST_ROUNDS = 30  # what begins these containers takes far longer than their end
_SIGTERM_BIT = 1 << 14  # of SigCgt in proc_pid_status(5)
_PATIENCE_S = 10.0
_PODMAN = "bench"

Ways = dict[str, Callable[[], float]]


def measure(ground: Ground) -> Measured:
    daemon = ground.daemon()
    connection = ground.connect(daemon)
    bundle = ground.folder / "bundle"
    write_bundle(bundle, document(connection, ground.body("/bin/true")))
    rounds = min(ground.size.rounds, _MOST_ROUNDS)
    with ExitStack() as stack:
        _hidden, others = stack.enter_context(runtimes(bundle))
        launcher = stack.enter_context(closing(Launcher(())))
        stop: Ways = {OURS: partial(end, connection, ground, "stop")}
        kill: Ways = {OURS: partial(end, connection, ground, "kill")}
        for other in (each for each in others if each.title in ("crun", "runc", "pyrunc")):
            stop[f"{other.title} kill TERM"] = partial(_by_runtime, other, "TERM")
            kill[f"{other.title} kill KILL"] = partial(_by_runtime, other, "KILL")
        if docker := ground.docker():
            theirs = stack.enter_context(docker.connect())
            stop["docker stop, HTTP"] = partial(_by_docker, docker, theirs, "stop")
            kill["docker kill, HTTP"] = partial(_by_docker, docker, theirs, "kill")
        if containerd := ground.containerd(connection):
            stop["ctr task kill TERM"] = partial(_by_ctr, containerd, launcher, "TERM")
            kill["ctr task kill KILL"] = partial(_by_ctr, containerd, launcher, "KILL")
        if podman := ground.podman():
            stop["podman stop"] = partial(_by_podman, podman, launcher, "stop")
        stopped, killed = take_turns(stop, rounds), take_turns(kill, rounds)
    return Measured(
        (
            Figure(STOP, "Stop, a payload that obeys SIGTERM", "ms", tuple(stopped.values()), paired=True),
            Figure(KILL, "Kill", "ms", tuple(killed.values()), paired=True),
        ),
        absent=ground.absent,
    )


def end(connection: Connection, ground: Ground, how: str) -> float:
    """Return the seconds from the request that ends a payload of ours to the answer that it has ended."""
    container = started(connection, ground, *_args(how))
    path = f"/v1/containers/{container}"
    _obeys(how, connection.json("GET", path)["pid"])
    begin = time.perf_counter()
    connection.request("POST", f"{path}/{how}")
    connection.request("POST", f"{path}/wait")
    seconds = time.perf_counter() - begin
    connection.request("DELETE", path)
    return seconds


def _by_runtime(runtime: Runtime, signal_name: str) -> float:
    pid = runtime.start(obedient=signal_name == "TERM")
    _obeys(signal_name, pid)
    try:
        return _until_end(pid, lambda: runtime.kill(signal_name))
    finally:
        runtime.delete()


def _by_ctr(containerd: Containerd, launcher: Launcher, signal_name: str) -> float:
    box = containerd.start(*_args(signal_name))
    pid = containerd.pid(box)
    _obeys(signal_name, pid)
    try:
        return _until_end(pid, lambda: launcher.run(*containerd.kill_command(box, signal_name)))
    finally:
        containerd.remove(box)


def _by_docker(docker: Docker, connection: Connection, how: str) -> float:
    box = docker.started(connection, *_args(how))
    _obeys(how, docker.pid(connection, box))
    begin = time.perf_counter()
    docker.act(connection, box, how)
    docker.act(connection, box, "wait")
    seconds = time.perf_counter() - begin
    docker.remove(connection, box)
    return seconds


def _by_podman(podman: Podman, launcher: Launcher, how: str) -> float:
    podman.start(_PODMAN, *_args(how))
    _obeys(how, podman.pid(_PODMAN))
    try:
        return launcher.run(*podman.command(how, _PODMAN))
    finally:
        podman.remove(_PODMAN)


def _args(how: str) -> tuple[str, ...]:
    return OBEDIENT if how in ("stop", "TERM") else SLEEPING


def _obeys(how: str, pid: int) -> None:
    """Wait until the payload has set its trap, if it is one that does."""
    deadline = time.monotonic() + _PATIENCE_S
    while _args(how) is OBEDIENT and not _traps(pid):
        if time.monotonic() > deadline:
            raise Failed(f"cannot measure a stop: process {pid} sets no trap")
        time.sleep(0.001)


def _traps(pid: int) -> bool:
    """Whether it waits for its child with its trap set: a signal just before that is heeded after its `wait` only."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    told = dict(line.split(":\t", 1) for line in lines)
    caught = int(told["SigCgt"], 16) & _SIGTERM_BIT
    return bool(caught) and told["State"].startswith("S") and bool(Path(f"/proc/{pid}/task/{pid}/children").read_text())


def _until_end(pid: int, act: Callable[[], object]) -> float:
    descriptor = os.pidfd_open(pid)
    try:
        begin = time.perf_counter()
        act()
        if not select.select([descriptor], [], [], _PATIENCE_S)[0]:
            raise Failed(f"cannot measure an end: process {pid} lives on")
        return time.perf_counter() - begin
    finally:
        os.close(descriptor)
