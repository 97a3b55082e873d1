"""What is done with containers that run: programs executed in them, their end, a byte through them and back, events."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, aclosing, closing, contextmanager
from pathlib import Path

from containerd_py.client import Client
from containerd_py.wire import ContainerSpec
from tests.bench import podman
from tests.bench.connection import Connection, Failed
from tests.bench.daemon import body
from tests.bench.figures import Spread
from tests.bench.runtimes import Launcher, Runtime

_SUBSCRIBERS = 100
_EVENTS = 20
_TYPES = ("container.paused", "container.resumed")
_PATIENCE_S = 60
_ECHOES = 200
_SLEEP = ("/bin/sleep", "3600")
_OBEDIENT = ("/bin/sh", "-c", "trap 'exit 0' TERM; echo; while :; do sleep 1000 & wait; done")


@contextmanager
def executing(connection: Connection, rootfs: Path, others: Sequence[Runtime]) -> Iterator[dict[str, Callable[[], float]]]:
    """Yield what runs `/bin/true` once in a container that runs, and returns the seconds: ours, and those of the others."""
    with ExitStack() as stack:
        container = connection.json("POST", "/v1/containers", body(rootfs, *_SLEEP))["id"]
        stack.callback(connection.request, "DELETE", f"/v1/containers/{container}?force=true")
        connection.request("POST", f"/v1/containers/{container}/start")
        ways: dict[str, Callable[[], float]] = {"pycontainerd": lambda: _execute(connection, container)}
        for other in others:
            stack.enter_context(other.sleeping())
            ways[f"{other.title} exec"] = other.execute
        yield ways


def _execute(connection: Connection, container: str) -> float:
    begin = time.perf_counter()
    made = connection.json("POST", f"/v1/containers/{container}/exec", json.dumps({"args": ["/bin/true"]}).encode())["id"]
    connection.request("POST", f"/v1/exec/{made}/start")
    ended = connection.json("POST", f"/v1/exec/{made}/wait")
    seconds = time.perf_counter() - begin
    connection.request("DELETE", f"/v1/exec/{made}")
    if ended["exit_code"] != 0:
        raise Failed(f"cannot measure exec: it ended with {ended}")
    return seconds


@contextmanager
def clients(socket: str, rootfs: Path) -> Iterator[dict[str, Callable[[], float]]]:
    """Yield what has a client run `/bin/true` in a new container that is removed, and returns the seconds.

    podman sees all cgroups of the host: without that of version 2 it would make directories where it takes others to be.
    """
    program = str(Path(sys.executable).parent / "pyctr")
    ours = (program, "--socket", socket, "run", "--rm", "--rootfs", str(rootfs), "/bin/true")
    with closing(Launcher(())) as launcher, podman.everything_below() as theirs:
        ways = {"pyctr run --rm": lambda: launcher.run(*ours)}
        if theirs is not None:
            command = theirs.run_command(rootfs, "/bin/true")
            ways["podman run --rm"] = lambda: launcher.run(*command)
        yield ways


def endings(connection: Connection, rootfs: Path, rounds: int) -> dict[str, Spread]:
    """Measure from the request that ends a payload to the answer that it has ended."""
    stops = [_end(connection, rootfs, "stop", _OBEDIENT) for _ in range(rounds)]
    kills = [_end(connection, rootfs, "kill", _SLEEP) for _ in range(rounds)]
    return {"stop, the payload ends at SIGTERM": Spread.of(stops), "kill, and wait": Spread.of(kills)}


def _end(connection: Connection, rootfs: Path, how: str, args: tuple[str, ...]) -> float:
    container = connection.json("POST", "/v1/containers", body(rootfs, *args))["id"]
    connection.request("POST", f"/v1/containers/{container}/start")
    while args is _OBEDIENT and not connection.request("GET", f"/v1/containers/{container}/logs"):
        time.sleep(0.001)  # until its trap is set
    begin = time.perf_counter()
    connection.request("POST", f"/v1/containers/{container}/{how}")
    connection.request("POST", f"/v1/containers/{container}/wait")
    seconds = time.perf_counter() - begin
    connection.request("DELETE", f"/v1/containers/{container}")
    return seconds


async def conversations(socket: str, rootfs: Path) -> dict[str, Spread]:
    """Measure a byte through attach to `cat` and back, and an event to all of many subscribers."""
    async with Client(socket) as client:
        return {
            "a byte to `cat` and back, attached": Spread.of(await _echoes(client, rootfs)),
            f"an event to the last of {_SUBSCRIBERS} subscribers": Spread.of(await _fan_out(client, rootfs)),
        }


async def _echoes(client: Client, rootfs: Path) -> list[float]:
    made = await client.create(ContainerSpec(rootfs=str(rootfs), args=("/bin/cat",), stdin=True))
    seconds = []
    async with await client.attach(made.id) as attached:
        await client.start(made.id)
        answers = aiter(attached)
        for _ in range(_ECHOES):
            begin = time.perf_counter()
            await attached.send_stdin(b"x")
            _channel, answer = await anext(answers)
            if answer != b"x":
                raise Failed(f"cannot measure attach: x came back as {answer!r}")
            seconds.append(time.perf_counter() - begin)
    await client.delete(made.id, force=True)
    return seconds


async def _fan_out(client: Client, rootfs: Path) -> list[float]:
    made = await client.create(ContainerSpec(rootfs=str(rootfs), args=_SLEEP))
    await client.start(made.id)
    seconds = []
    arrived: asyncio.Queue[float] = asyncio.Queue()
    known = [event.seq async for event in client.events(0, follow=False)][-1]  # so that nobody subscribes too late
    subscribers = [asyncio.ensure_future(_note(client, made.id, known, arrived)) for _ in range(_SUBSCRIBERS)]
    for number in range(_EVENTS + 1):
        begin = time.perf_counter()
        await (client.resume if number % 2 else client.pause)(made.id)
        async with asyncio.timeout(_PATIENCE_S):
            last = max([await arrived.get() for _ in range(_SUBSCRIBERS)])
        if number:  # the first one may have waited for the last of them to subscribe
            seconds.append(last - begin)
    for subscriber in subscribers:
        subscriber.cancel()
    await asyncio.gather(*subscribers, return_exceptions=True)
    await client.delete(made.id, force=True)
    return seconds


async def _note(client: Client, container: str, known: int, arrived: asyncio.Queue[float]) -> None:
    async with aclosing(client.events(known, types=_TYPES, containers=(container,))) as events:
        async for _event in events:
            arrived.put_nowait(time.perf_counter())
