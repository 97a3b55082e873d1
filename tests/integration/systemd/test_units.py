"""The units in systemd/, and the daemon's side of what they rely on: sd_notify and socket activation, without systemd."""

import asyncio
import configparser
import itertools
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.api_client import BASE
from tests.integration.daemon_process import Daemon

_UNITS = Path(__file__).parents[3] / "systemd"
_SERVICE, _SOCKET = "pycontainerd.service", "pycontainerd.socket"
_PATIENCE_S = 20
_WATCHDOG_S = 2.0
# LISTEN_PID names the process that the socket is for (sd_listen_fds(3)): only after the fork is its number known.
_HANDING_OVER = 'exec 3<&0 </dev/null; exec env LISTEN_FDS=1 LISTEN_PID=$$ "$@"'


class Unit(configparser.ConfigParser):
    """A unit file: its keys have capitals."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def unit(name: str) -> Unit:
    parser = Unit(interpolation=None, delimiters="=")
    parser.read_string((_UNITS / name).read_text())
    return parser


# ── the units ──


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("Delegate", "yes"),
        ("KillMode", "process"),
        ("Restart", "on-failure"),
        ("RuntimeDirectory", "pycontainerd"),
        ("RuntimeDirectoryMode", "0700"),
        ("RuntimeDirectoryPreserve", "yes"),
        ("StateDirectory", "pycontainerd"),
        ("TasksMax", "infinity"),
        ("OOMPolicy", "continue"),
        ("LogRateLimitIntervalSec", "0"),
    ],
)
def test_what_containers_rely_on(key: str, value: str) -> None:
    assert unit(_SERVICE)["Service"][key] == value


def test_there_is_a_watchdog() -> None:
    assert int(unit(_SERVICE)["Service"]["WatchdogSec"].removesuffix("s")) > 0


@pytest.mark.parametrize(
    "key", ["NoNewPrivileges", "CapabilityBoundingSet", "ProtectSystem", "ProtectHome", "PrivateTmp", "SystemCallFilter"]
)
def test_no_hardening_that_would_reach_into_containers(key: str) -> None:
    assert key not in unit(_SERVICE)["Service"]


def test_the_socket_is_the_one_that_clients_look_for() -> None:
    section = unit(_SOCKET)["Socket"]
    assert section["ListenStream"] == "/run/pycontainerd/pycontainerd.sock"
    assert (section["SocketMode"], section["DirectoryMode"]) == ("0600", "0700")


@pytest.mark.parametrize("name", [_SERVICE, _SOCKET])
def test_every_line_is_a_comment_a_section_or_an_assignment(name: str) -> None:
    """What systemd would skip with a warning is a mistake here."""
    for line in (_UNITS / name).read_text().splitlines():
        assert not line or line[0] in "#[" or "=" in line.split()[0], line


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_nothing_to_complain_about(tmp_path: Path) -> None:
    for name in (_SERVICE, _SOCKET):
        text = (_UNITS / name).read_text().replace("/opt/pycontainerd/bin/pycontainerd", sys.executable)
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in (_SERVICE, _SOCKET))],  # noqa: S607
        check=False,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    assert "pycontainerd" not in done.stderr


# ── what the daemon tells the service manager ──


class Notified:
    """The service manager's side of sd_notify(3)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(_PATIENCE_S)

    def next(self) -> list[str]:
        """Return the lines of the next message, but for what the manager is to keep."""
        while (lines := self._socket.recv(4096).decode().split("\n"))[0] in ("FDSTORE=1", "FDSTOREREMOVE=1"):
            pass
        return lines

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def notified(tmp_path: Path) -> Iterator[Notified]:
    manager = Notified(tmp_path / "notify.sock")
    yield manager
    manager.close()


@pytest.fixture
def idle_daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon that is not started yet."""
    folder = tmp_path / "daemon"
    folder.mkdir()
    one = Daemon(folder)
    yield one
    one.close()


async def test_ready_alive_stopping(idle_daemon: Daemon, notified: Notified) -> None:
    idle_daemon.start(NOTIFY_SOCKET=str(notified.path), WATCHDOG_USEC=str(int(_WATCHDOG_S * 1e6)))
    first = await asyncio.to_thread(notified.next)
    assert first[0] == "READY=1"
    assert first[1].startswith("STATUS=pycontainerd ")
    async with idle_daemon.api() as api:  # ready means served
        assert (await api.get("/v1/_ping")).status == 200
    beats = [time.monotonic()]
    while len(beats) < 4:
        assert await asyncio.to_thread(notified.next) == ["WATCHDOG=1"]
        beats.append(time.monotonic())
    # Whatever this machine's other work delays: two beats in each period, on the average, and no period without one.
    assert beats[-1] - beats[1] < (len(beats) - 2) * _WATCHDOG_S
    assert max(after - before for before, after in itertools.pairwise(beats)) < _WATCHDOG_S
    assert idle_daemon.stop() == 0
    while (last := await asyncio.to_thread(notified.next)) == ["WATCHDOG=1"]:
        pass
    assert last == ["STOPPING=1"]


async def test_without_a_watchdog_there_are_no_beats(idle_daemon: Daemon, notified: Notified) -> None:
    idle_daemon.start(NOTIFY_SOCKET=str(notified.path))
    assert (await asyncio.to_thread(notified.next))[0] == "READY=1"
    assert idle_daemon.stop() == 0
    assert await asyncio.to_thread(notified.next) == ["STOPPING=1"]


# ── a passed socket ──


class Activation:
    """The service manager's side of sd_listen_fds(3): a listening socket, and daemons that are handed it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "passed.sock"
        self.own_socket = folder / "own.sock"
        self._folder = folder
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.path))
        self._listener.listen(16)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        daemon = [
            *(sys.executable, "-m", "containerd_py", "--socket", str(self.own_socket)),
            *("--state-dir", str(self._folder / "state"), "--data-dir", str(self._folder / "data")),
        ]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _HANDING_OVER, "sh", *daemon], stdin=self._listener.fileno(), stderr=log
            )

    async def ping(self) -> int:
        """Ask, as soon as there is somebody to answer: until then the request waits in the socket."""
        timeout = aiohttp.ClientTimeout(_PATIENCE_S)
        connector = aiohttp.UnixConnector(str(self.path))
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            answer: Any = await session.get(f"{BASE}/v1/_ping")
            async with answer:
                return int(answer.status)

    def end(self, number: int) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(timeout=_PATIENCE_S)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._listener.close()

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()


@pytest.fixture
def activation(tmp_path: Path) -> Iterator[Activation]:
    one = Activation(tmp_path)
    yield one
    one.close()


async def test_a_passed_socket_is_served_and_left_alone(activation: Activation) -> None:
    activation.start()
    assert await activation.ping() == 200
    assert '"socket": "passed"' in activation.log
    assert not activation.own_socket.exists()
    assert activation.end(signal.SIGTERM) == 0, activation.log
    assert activation.path.is_socket()
    activation.start()  # what comes in between waits in the socket
    assert await activation.ping() == 200
    assert activation.end(signal.SIGTERM) == 0


async def test_a_request_waits_through_the_loss_of_the_daemon(activation: Activation) -> None:
    activation.start()
    assert await activation.ping() == 200
    activation.end(signal.SIGKILL)
    waiting = asyncio.ensure_future(activation.ping())
    activation.start()
    assert await waiting == 200
    assert activation.end(signal.SIGTERM) == 0


async def test_a_socket_for_another_process_is_not_taken(idle_daemon: Daemon, tmp_path: Path) -> None:
    """LISTEN_PID of somebody else: the variables were inherited by mistake."""
    idle_daemon.start(LISTEN_FDS="1", LISTEN_PID="1")
    await idle_daemon.answering()
    assert idle_daemon.socket.is_socket()
    assert idle_daemon.stop() == 0
    assert not idle_daemon.socket.exists()
