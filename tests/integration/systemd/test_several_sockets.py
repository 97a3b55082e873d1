"""Several sockets passed at once, as by the units of systemd.socket(5): each is served, by the rules of its name."""

import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.integration.api_client import BASE

_HANDING_OVER = 'exec 3<&0 4<&1 </dev/null >&2; exec env LISTEN_FDS=2 LISTEN_FDNAMES="$0" LISTEN_PID=$$ "$@"'
_SETTINGS = """
[[sockets]]
path = "{folder}/look.sock"
name = "look"
access = "read-only"
"""


@contextlib.contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
        path.chmod(0o600)
        made.listen()
        yield made


@contextlib.contextmanager
def started(folder: Path, names: str) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon that is handed first.sock and look.sock, by these names."""
    (folder / "config.toml").write_text(_SETTINGS.format(folder=folder))
    command = [
        *(sys.executable, "-m", "containerd_py", "--config", str(folder / "config.toml")),
        *("--socket", str(folder / "own.sock"), "--state-dir", str(folder / "state"), "--data-dir", str(folder / "data")),
    ]
    with listening(folder / "first.sock") as first, listening(folder / "look.sock") as look:
        handing_over = ["/bin/sh", "-c", _HANDING_OVER, names, *command]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(handing_over, stdin=first.fileno(), stdout=look.fileno(), stderr=log)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


async def asked(path: Path, method: str) -> int:
    connector, timeout = aiohttp.UnixConnector(str(path)), aiohttp.ClientTimeout(30)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
        session.request(method, f"{BASE}/v1/containers/nobody") as answer,
    ):
        return answer.status


async def test_each_is_served_by_the_rules_of_its_name(tmp_path: Path) -> None:
    with started(tmp_path, "pycontainerd.socket:look") as daemon:
        for name, statuses in (("first.sock", [404, 404]), ("look.sock", [404, 403])):
            assert [await asked(tmp_path / name, method) for method in ("GET", "DELETE")] == statuses
        assert not (tmp_path / "own.sock").exists()
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(20) == 0
    assert (tmp_path / "first.sock").is_socket()
    assert (tmp_path / "look.sock").is_socket()


def test_one_that_is_elsewhere_than_its_settings_say(tmp_path: Path) -> None:
    with started(tmp_path, "look:look") as daemon:
        assert daemon.wait(20) == 1
    assert "and that of the settings" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("names", ["pycontainerd.socket:lokk", "other.socket:look"])
def test_a_name_of_no_setting_gives_nobody_the_rights_of_the_first(tmp_path: Path, names: str) -> None:
    with started(tmp_path, names) as daemon:
        assert daemon.wait(20) == 1
    assert "no socket of the settings has this name" in (tmp_path / "log").read_text()
    assert not (tmp_path / "state").exists()
