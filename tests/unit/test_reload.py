"""Settings that are read again."""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from containerd_py.config import DaemonConfig, load
from containerd_py.engine.service_manager import ServiceManager
from containerd_py.reload import Reloading


@pytest.fixture(autouse=True)
def configured() -> Iterator[None]:
    """The set-up of logging is the process's: others find it as it was."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def level() -> Callable[[], str]:
    """Return the least level that is logged now."""

    def least() -> str:
        logger = structlog.get_config()["wrapper_class"]
        return next(name for name in ("debug", "info", "warning", "error") if getattr(logger, name).__name__ != "_nop")

    return least


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("")
    return path


def reloading(file: Path, manager: ServiceManager | None = None) -> Reloading:
    def reread() -> DaemonConfig:
        return load(["--config", str(file)], {})

    return Reloading(reread(), reread, manager or ServiceManager())


def test_the_log_level_holds_at_once(file: Path, level: Callable[[], str]) -> None:
    again = reloading(file)
    for name in ("debug", "error", "warning"):
        file.write_text(f'log_level = "{name}"\n')
        again.reload()
        assert level() == name


def test_what_does_not_hold_at_once_is_told_each_time(file: Path) -> None:
    again = reloading(file)
    file.write_text('socket = "/elsewhere"\ndata_dir = "/there"\n')
    for _ in range(2):
        with capture_logs() as told:
            again.reload()
        assert [line.get("settings") for line in told if line["log_level"] == "warning"] == ["data_dir socket"]


def test_what_has_changed_of_which_socket_is_told(file: Path) -> None:
    file.write_text('[[sockets]]\npath = "/a"\n[[sockets]]\npath = "/b"\n[[sockets]]\npath = "/c"\n')
    again = reloading(file)
    file.write_text('[[sockets]]\npath = "/d"\n[[sockets]]\npath = "/c"\n[[sockets]]\npath = "/b"\nusers = [7]\n')
    with capture_logs() as told:
        again.reload()
    assert told[-1]["settings"] == "sockets[/a] sockets[/b].users sockets[/d]"


@pytest.mark.parametrize("text", ['log_level = "loud"', "log_level =", 'nothing = "x"'])
def test_wrong_settings_change_nothing(file: Path, text: str, level: Callable[[], str]) -> None:
    again = reloading(file)
    file.write_text('log_level = "debug"\n')
    again.reload()
    file.write_text(text)
    with capture_logs() as told:
        again.reload()
    assert [line["log_level"] for line in told] == ["error"]
    assert level() == "debug"


class Defect(Exception):
    pass


@pytest.mark.parametrize("case", ["right", "wrong", "defect"])
async def test_the_manager_hears_when_it_begins_and_when_it_is_done(file: Path, tmp_path: Path, case: str) -> None:
    """As notify-reload has it (systemd.service(5)), whatever becomes of it: a beginning without an end is a wait."""
    ours = ServiceManager(str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, contextlib.closing(ours):
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        again = reloading(file, ours)
        told: list[str] = []

        def look() -> None:
            told.append(manager.recv(4096).decode())
            if case == "defect":
                raise Defect

        again.also.append(look)
        file.write_text('log_level = "loud"' if case == "wrong" else "")
        before_us = time.monotonic_ns() // 1000
        with capture_logs(), contextlib.suppress(Defect):
            again.reload()
        first, second = told[0].splitlines()
        assert first == "RELOADING=1"
        assert before_us <= int(second.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
        assert manager.recv(4096) == b"READY=1"


def test_a_file_that_is_gone_changes_nothing(file: Path) -> None:
    again = reloading(file)
    os.unlink(file)
    with capture_logs() as told:
        again.reload()
    assert "no such file" in told[0]["error"]
