"""The composition root: settings in, a running daemon out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from containerd_py import __version__
from containerd_py.api import app, listener
from containerd_py.api.access import Access
from containerd_py.engine.engine import Engine
from containerd_py.engine.output import Limits
from containerd_py.engine.parts import OutputSettings
from containerd_py.engine.removed import Keep
from containerd_py.engine.scope import Scope
from containerd_py.reload import Reloading
from containerd_py.runtime.linux.process import set_child_subreaper

if TYPE_CHECKING:
    from collections.abc import Callable

    from containerd_py.config import DaemonConfig
    from containerd_py.sockets import SocketConfig

_log = structlog.get_logger()

_AGAIN_S = 0.2


async def run(config: DaemonConfig, reread: Callable[[], DaemonConfig]) -> None:
    """Serve until SIGTERM or SIGINT. Containers go on without the daemon. Raises ContainerdError where it cannot start.

    reread: reads the settings again, at SIGHUP.
    """
    set_child_subreaper()  # a witness of exits, should the spawner die
    _raise_descriptor_limit()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, Reloading(config, reread).reload)
    output = OutputSettings(
        limits=Limits(config.log_max_bytes, config.log_max_files),
        keep=Keep(config.removed_keep_s, config.removed_keep_bytes),
        journal_socket=config.journal_socket,
    )
    engine = Engine(
        state_dir=config.state_dir,
        data_dir=config.data_dir,
        cgroup_parent=config.parent(),
        cgroup_driver=config.cgroup_driver,
        output=output,
    )
    passed = _passed_socket()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(engine.close)
        await engine.start()
        # uvloop keeps SIGCHLD for itself, though it never has children here: so not by add_signal_handler.
        reaper = Reaper(engine.waits_for)
        signal.signal(signal.SIGCHLD, lambda *_: loop.call_soon_threadsafe(reaper.sweep))
        stack.callback(signal.signal, signal.SIGCHLD, signal.SIG_DFL)
        doors = [_first_door(config, passed, stack), *(_further_door(one, stack) for one in config.sockets)]
        runners = [app.runner(app.build(engine, access)) for _connection, access in doors]
        for runner in runners:
            await runner.setup()
        stack.push_async_callback(_close_all, runners)
        for runner, (connection, _access) in zip(runners, doors, strict=True):
            await web.SockSite(runner, connection, backlog=1024).start()
        for one in config.sockets:
            _log.info("serving too", socket=one.path, access=one.access, labels=" ".join(one.labels) or "all")
        _log.info("serving", version=__version__, socket=config.socket if passed is None else "passed", pid=os.getpid())
        await _serve(stopping)
        engine.stop_streams()


def _first_door(
    config: DaemonConfig, passed: socket.socket | None, stack: contextlib.AsyncExitStack
) -> tuple[socket.socket, Access]:
    """Return the socket that everything may be asked at, and its rules."""
    if passed is not None:
        return passed, Access(group_allowed=True, socket="passed")
    connection = listener.open_socket(config.socket, group=config.socket_group)
    stack.callback(listener.remove, config.socket)
    return connection, Access(group_allowed=config.socket_group is not None, socket=config.socket)


def _further_door(one: SocketConfig, stack: contextlib.AsyncExitStack) -> tuple[socket.socket, Access]:
    connection = listener.open_socket(one.path, group=one.group, mode=one.octal_mode)
    stack.callback(listener.remove, one.path)
    access = Access(
        group_allowed=bool(one.octal_mode & 0o066),
        socket=one.path,
        read_only=one.access == "read-only",
        scope=Scope(one.labels, tuple(map(os.path.normpath, one.host_paths))),
        users=one.user_ids(),
        groups=one.group_ids(),
    )
    return connection, access


async def _close_all(runners: list[web.AppRunner]) -> None:
    """Together, since each may have to wait for its clients."""
    await asyncio.gather(*(runner.cleanup() for runner in runners))


def _raise_descriptor_limit() -> None:
    """Each container costs a few descriptors here and in the spawner; payloads get the limit of boot again."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(stopping: asyncio.Event) -> None:
    """Tell systemd how it goes: ready, alive twice per watchdog period, stopping (sd_notify(3))."""
    _notify("READY=1", f"STATUS=pycontainerd {__version__}")
    period_s = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6 / 2
    while not stopping.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(period_s or None):
                await stopping.wait()
        if not stopping.is_set():
            _notify("WATCHDOG=1")
    _notify("STOPPING=1")


def _notify(*lines: str) -> None:
    if "NOTIFY_SOCKET" in os.environ:
        import systemd.daemon as systemd

        systemd.notify("\n".join(lines))


def _passed_socket() -> socket.socket | None:
    """Return the socket that systemd listens at for us (sd_listen_fds(3)), None without one."""
    if "LISTEN_FDS" not in os.environ:
        return None
    import systemd.daemon as systemd

    for number in systemd.listen_fds():
        if systemd.is_socket_unix(number, socket.SOCK_STREAM, 1):
            return socket.socket(fileno=number)
    return None


class Reaper:
    """Reaps what becomes our child by the death of its parent; containers are left to those who want their exit codes.

    awaited: tells whether somebody else will reap a child.
    """

    def __init__(self, awaited: Callable[[int], bool]) -> None:
        self._awaited = awaited
        self._again: asyncio.TimerHandle | None = None

    def sweep(self) -> None:
        """Called in the event loop. waitid(2) shows no child behind one that is awaited: then it goes on a moment later."""
        if self._again is not None:
            self._again.cancel()
            self._again = None
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            if self._awaited(ended.si_pid):
                self._again = asyncio.get_running_loop().call_later(_AGAIN_S, self.sweep)
                return
            with contextlib.suppress(ChildProcessError):
                os.waitpid(ended.si_pid, os.WNOHANG)
