"""A payload's output: into the log, out of it, to attached clients; and one byte through attach and back."""

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack

from containerd_py.client import Attachment, Client
from containerd_py.wire import ContainerSpec, LogSpec
from tests.bench import talk
from tests.bench.connection import Connection, Failed
from tests.bench.figures import OURS, Better, Figure, Growth, Measured, Series, milliseconds
from tests.bench.ground import Ground
from tests.bench.peers.docker import Docker
from tests.bench.peers.podman import Podman
from tests.bench.turns import take_turns

LOG = "output.log"
READ = "output.read"
ATTACHED = "output.attached"
FOUR = "output.four"
ECHO = "output.echo"
_MIB = 1 << 20
_REPEATS = 3
_ECHOES = 300
_PEERS_MOST_MIB = 256
_MANY_CLIENTS = 10
_DOCKER_LOG = {"Type": "local", "Config": {"max-size": "2g", "compress": "false"}}
_HEAD_BYTES = 8  # of each piece of docker's stream
_NAME = "bench"
_TRUE = ("/bin/true",)

Rates = dict[str, Callable[[], float]]
"""What returns the seconds that a mebibyte took, by name."""


def measure(ground: Ground) -> Measured:
    daemon = ground.daemon()
    connection = ground.connect(daemon)
    many = max(ground.size.mebibytes, _MANY_CLIENTS)
    few = many // 10
    own = Own(daemon.socket, ground)
    log: Rates = {OURS: lambda: own.logged(many)[0]}
    read: Rates = {OURS: lambda: own.logged(many)[1]}
    attached: Rates = {OURS: lambda: own.attached(many, 1)}
    peers = Peers(min(many, _PEERS_MOST_MIB))
    echoes = {OURS: own.echoes(_ECHOES)}
    if docker := ground.docker():
        log["docker, its `local` log"] = lambda: peers.docker_log(docker)[0]
        read["docker logs"] = lambda: peers.docker_log(docker)[1]
        attached["docker run"] = lambda: peers.whole_run(docker.run_command)
        echoes["docker, HTTP"] = _docker_echoes(docker, _ECHOES)
    if podman := ground.podman():
        log["podman, its k8s-file log"] = lambda: peers.podman_log(podman)[0]
        read["podman logs"] = lambda: peers.podman_log(podman)[1]
        attached["podman run"] = lambda: peers.whole_run(podman.run_command)
    if containerd := ground.containerd(connection):
        attached["ctr run"] = lambda: peers.whole_run(containerd.run_command)
    note = f"Ours {many} MiB, others {peers.mebibytes}; {_REPEATS} times each."
    figures = (
        _rates(LOG, "Output into the log", log, note),
        _rates(READ, "Output out of the log, by a client", read, note),
        _rates(ATTACHED, "Output to one attached client", attached, note),
        _rates(
            FOUR, "Output to four attached clients, all of them", {OURS: lambda: own.attached(max(many // 4, 1), 4)}, note
        ),
        Figure(
            ECHO,
            "A byte to `cat` and back, attached",
            "µs",
            tuple(Series(name, tuple(each * 1e6 for each in seconds)) for name, seconds in echoes.items()),
        ),
    )
    return Measured(figures, _growths(own, few, many), ground.absent)


def _rates(key: str, title: str, ways: Rates, note: str) -> Figure:
    taken = take_turns(ways, _REPEATS, warm=True)
    series = tuple(Series(name, tuple(1e3 / each for each in found.values)) for name, found in taken.items())
    return Figure(key, title, "MiB/s", series, better=Better.HIGHER, paired=True, note=note)


def _growths(own: "Own", few: int, many: int) -> tuple[Growth, ...]:
    logs = [[own.logged(size) for size in (few, many)] for _ in range(_REPEATS)]
    clients = [[own.attached(few, count) * few * count for count in (1, _MANY_CLIENTS)] for _ in range(_REPEATS)]
    echoes = [own.echoes(count) for count in (_ECHOES // 3, _ECHOES // 3 * 10)]

    def volume(name: str, place: int) -> Growth:
        small, large = (tuple(each[size][place] for each in logs) for size in (0, 1))
        return Growth(name, f"{few} MiB", f"{many} MiB", many / few, small, large)

    return (
        volume("output into the log", 0),
        volume("output out of the log", 1),
        Growth(
            "attached clients",
            f"1 client, {few} MiB",
            f"{_MANY_CLIENTS} clients, {few} MiB each",
            1,
            *(tuple(each[count] for each in clients) for count in (0, 1)),
        ),
        Growth(
            "bytes through attach and back",
            f"{len(echoes[0])} bytes",
            f"{len(echoes[1])} bytes",
            10,
            milliseconds(echoes[0]),
            milliseconds(echoes[1]),
        ),
    )


class Own:
    """Our daemon, by our client."""

    def __init__(self, socket_path: str, ground: Ground) -> None:
        self._socket = socket_path
        self._ground = ground

    def logged(self, mebibytes: int) -> tuple[float, float]:
        """Return the seconds a mebibyte takes into the log, with nobody who looks, and out of it again."""
        return asyncio.run(self._logged(mebibytes))

    def attached(self, mebibytes: int, clients: int) -> float:
        """Return the seconds a mebibyte takes to be with one of the clients."""
        return asyncio.run(self._attached(mebibytes, clients))

    def echoes(self, count: int) -> list[float]:
        async def send() -> list[float]:
            async with Client(self._socket) as client:
                return await talk.echoes(client, self._ground.rootfs, count)

        return asyncio.run(send())

    async def _logged(self, mebibytes: int) -> tuple[float, float]:
        async with Client(self._socket) as client:
            container = (await client.create(self._flood(mebibytes))).id
            begin = time.perf_counter()
            await client.start(container)
            await client.wait(container)
            written = time.perf_counter()
            size = sum([len(data) async for data in client.logs(container)])
            read = time.perf_counter()
            await client.delete(container)
        _complete(size, mebibytes)
        return (written - begin) / mebibytes, (read - written) / mebibytes

    async def _attached(self, mebibytes: int, clients: int) -> float:
        async with Client(self._socket) as client:
            container = (await client.create(self._flood(mebibytes))).id
            attachments = [await client.attach(container) for _ in range(clients)]
            begin = time.perf_counter()
            reading = [asyncio.ensure_future(_bytes_of(attachment)) for attachment in attachments]
            await client.start(container)
            least = min(await asyncio.gather(*reading))
            seconds = time.perf_counter() - begin
            for attachment in attachments:
                await attachment.close()
            await client.delete(container)
        _complete(least, mebibytes)
        return seconds / mebibytes / clients

    def _flood(self, mebibytes: int) -> ContainerSpec:
        """The log keeps all of it."""
        log = LogSpec(max_bytes=mebibytes * _MIB + _MIB, max_files=2)
        return ContainerSpec(rootfs=str(self._ground.rootfs), args=_dd(mebibytes), log=log)


def _dd(mebibytes: int) -> tuple[str, ...]:
    return ("/bin/dd", "if=/dev/zero", "bs=1M", f"count={mebibytes}")


async def _bytes_of(attachment: Attachment) -> int:
    return sum([len(data) async for _channel, data in attachment])


def _complete(size: int, mebibytes: int) -> None:
    if size < mebibytes * _MIB:
        raise Failed(f"cannot measure output: of {mebibytes} MiB {size} bytes came")


class Peers:
    """What the start of their containers and clients takes, measured with `/bin/true`, is taken off."""

    def __init__(self, mebibytes: int) -> None:
        self.mebibytes = mebibytes

    def docker_log(self, docker: Docker) -> tuple[float, float]:
        with docker.connect() as connection:
            written, _, empty = self._docker_lives(docker, connection, _TRUE)
            full, read, container = self._docker_lives(docker, connection, _dd(self.mebibytes))
            for each in (empty, container):
                docker.remove(connection, each)
        return max(full - written, 0.001) / self.mebibytes, read / self.mebibytes

    def _docker_lives(self, docker: Docker, connection: Connection, args: tuple[str, ...]) -> tuple[float, float, str]:
        container = docker.create(connection, *args, log=_DOCKER_LOG)
        begin = time.perf_counter()
        docker.act(connection, container, "start")
        docker.act(connection, container, "wait")
        written = time.perf_counter()
        _discard(docker.command("logs", container))
        return written - begin, time.perf_counter() - written, container

    def podman_log(self, podman: Podman) -> tuple[float, float]:
        empty, _ = self._podman_lives(podman, _TRUE)
        full, read = self._podman_lives(podman, _dd(self.mebibytes))
        return max(full - empty, 0.001) / self.mebibytes, read / self.mebibytes

    def _podman_lives(self, podman: Podman, args: tuple[str, ...]) -> tuple[float, float]:
        begin = time.perf_counter()
        podman.start(_NAME, *args)
        podman.call("wait", _NAME)
        written = time.perf_counter()
        podman.call("logs", _NAME)
        read = time.perf_counter()
        podman.remove(_NAME)
        return written - begin, read - written

    def whole_run(self, command: Callable[..., tuple[str, ...]]) -> float:
        empty = _discard(command(*_TRUE))
        return max(_discard(command(*_dd(self.mebibytes))) - empty, 0.001) / self.mebibytes


def _discard(command: tuple[str, ...]) -> float:
    """Return the seconds that it takes, its output going to /dev/null by a pipe: it is read, as by whoever looks at it."""
    begin = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        while os.read(process.stdout.fileno(), _MIB):
            pass
        if process.wait() != 0:
            raise Failed(f"cannot run {' '.join(command)}")
    return time.perf_counter() - begin


def _docker_echoes(docker: Docker, count: int) -> list[float]:
    with ExitStack() as stack:
        connection = stack.enter_context(docker.connect())
        container = docker.create(connection, "/bin/cat", stdin=True)
        stack.callback(docker.remove, connection, container)
        stream = stack.enter_context(docker.connect()).upgrade(docker.attach_path(container))
        docker.act(connection, container, "start")
        return [_docker_echo(stream) for _ in range(count)]


def _docker_echo(stream: socket.socket) -> float:
    begin = time.perf_counter()
    stream.sendall(b"x")
    answer = b""
    while len(answer) <= _HEAD_BYTES:
        piece = stream.recv(4096)
        if not piece:
            raise Failed("cannot measure docker's attach: its stream ended")
        answer += piece
    if answer[_HEAD_BYTES:] != b"x":
        raise Failed(f"cannot measure docker's attach: x came back as {answer!r}")
    return time.perf_counter() - begin
