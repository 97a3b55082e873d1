"""A program executed in a container that runs: from the request, or the spawn of the client, to its end."""

import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from tests.bench.connection import Connection, Failed
from tests.bench.figures import OURS, Figure, Measured
from tests.bench.ground import Ground
from tests.bench.runtimes import SLEEPING, Launcher, document, runtimes, write_bundle
from tests.bench.turns import take_turns

KEY = "exec"
_TRUE = ("/bin/true",)
_NAME = "bench"


def measure(ground: Ground) -> Measured:
    daemon = ground.daemon()
    connection = ground.connect(daemon)
    bundle = ground.folder / "bundle"
    write_bundle(bundle, document(connection, ground.body(*_TRUE)))
    with ExitStack() as stack:
        _hidden, others = stack.enter_context(runtimes(bundle))
        launcher = stack.enter_context(closing(Launcher(())))
        container = started(connection, ground)
        ways: dict[str, Callable[[], float]] = {OURS: lambda: execute(connection, container)}
        for other in (each for each in others if each.title == each.name):
            stack.enter_context(other.sleeping())
            ways[f"{other.title} exec"] = other.execute
        pyctr = (str(Path(sys.executable).parent / "pyctr"), "--socket", daemon.socket, "exec", container, *_TRUE)
        ways["pyctr exec"] = lambda: launcher.run(*pyctr)
        ways |= _engines(ground, connection, launcher)
        taken = take_turns(ways, ground.size.rounds)
    figure = Figure(KEY, "A program executed in a container that runs", "ms", tuple(taken.values()), paired=True)
    return Measured((figure,), absent=ground.absent)


def started(connection: Connection, ground: Ground, *args: str) -> str:
    container: str = connection.json("POST", "/v1/containers", ground.body(*(args or SLEEPING)))["id"]
    connection.request("POST", f"/v1/containers/{container}/start")
    return container


def execute(connection: Connection, container: str) -> float:
    begin = time.perf_counter()
    made = connection.json("POST", f"/v1/containers/{container}/exec", json.dumps({"args": _TRUE}).encode())["id"]
    connection.request("POST", f"/v1/exec/{made}/start")
    ended = connection.json("POST", f"/v1/exec/{made}/wait")
    seconds = time.perf_counter() - begin
    connection.request("DELETE", f"/v1/exec/{made}")
    if ended["exit_code"] != 0:
        raise Failed(f"cannot measure exec: it ended with {ended}")
    return seconds


def _engines(ground: Ground, connection: Connection, launcher: Launcher) -> dict[str, Callable[[], float]]:
    ways: dict[str, Callable[[], float]] = {}
    if docker := ground.docker():
        theirs = docker.connect()
        box = docker.started(theirs, *SLEEPING)
        ways["docker, HTTP"] = lambda: docker.execute(theirs, box, *_TRUE)
        ways["docker exec"] = lambda: launcher.run(*docker.command("exec", box, *_TRUE))
    if containerd := ground.containerd(connection):
        sleeper = containerd.start(*SLEEPING)
        ways["ctr task exec"] = lambda: launcher.run(*containerd.exec_command(sleeper, *_TRUE))
    if podman := ground.podman():
        podman.start(_NAME, *SLEEPING)
        ways["podman exec"] = lambda: launcher.run(*podman.command("exec", _NAME, *_TRUE))
    return ways
