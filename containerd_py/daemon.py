"""The composition root: settings in, a running daemon out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
from typing import TYPE_CHECKING, NamedTuple

import structlog
from aiohttp import web

from containerd_py import __version__, activation, atomic
from containerd_py.api import app, listener
from containerd_py.api.access import Access
from containerd_py.confinement import confine
from containerd_py.engine import directories
from containerd_py.engine.composition import EngineSettings
from containerd_py.engine.credentials import Credentials
from containerd_py.engine.engine import Engine
from containerd_py.engine.fd_store import FdStore, most_of, stored
from containerd_py.engine.output import Limits
from containerd_py.engine.own_thread import Unconfined, in_own_thread
from containerd_py.engine.parts import DeclaredSettings, OutputSettings
from containerd_py.engine.removed import Keep
from containerd_py.engine.scope import Scope
from containerd_py.engine.service_manager import ServiceManager, take_passed
from containerd_py.reload import Reloading
from containerd_py.runtime.linux.process import set_child_subreaper

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from containerd_py.activation import Passed
    from containerd_py.config import DaemonConfig
    from containerd_py.sockets import SocketConfig

_log = structlog.get_logger()

_AGAIN_S = 0.2
_SOCKET_FILE = "socket"


class Door(NamedTuple):
    connection: socket.socket
    access: Access


async def run(config: DaemonConfig, reread: Callable[[], DaemonConfig]) -> None:
    """Serve until SIGTERM or SIGINT. Containers go on without the daemon. Raises ContainerdError where it cannot start.

    reread: reads the settings again, at SIGHUP.
    """
    Unconfined().start_from_now_on()  # first: what is called back later has the context in which it was registered
    passed = take_passed()
    manager = ServiceManager(os.environ.get("NOTIFY_SOCKET"))
    set_child_subreaper()  # a witness of exits, should the spawner die
    _raise_descriptor_limit()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    reloading = Reloading(config, reread, manager)
    loop.add_signal_handler(signal.SIGHUP, reloading.reload)
    sockets = activation.sorted_out({fd.take(): name for name, fd in passed if not stored(name)}, config.sockets)
    store = FdStore(manager, [one for one in passed if stored(one[0])], most=most_of(os.environ))
    engine = build_engine(config, store)
    directories.make(config.state_dir, config.data_dir)
    confine((config.state_dir, config.data_dir), engine.cgroup_layout)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(manager.close)
        stack.push_async_callback(engine.close)
        await engine.start()
        # uvloop keeps SIGCHLD for itself, though it never has children here: so not by add_signal_handler.
        reaper = Reaper(engine.waits_for)
        signal.signal(signal.SIGCHLD, lambda *_: loop.call_soon_threadsafe(reaper.sweep))
        stack.callback(signal.signal, signal.SIGCHLD, signal.SIG_DFL)
        doors = await _doors(config, sockets, stack)
        await asyncio.to_thread(_note_socket, config, doors[0].connection)
        runners = [app.runner(app.build(engine, door.access)) for door in doors]
        for runner in runners:
            await runner.setup()
        stack.push_async_callback(_close_all, runners)
        for runner, door in zip(runners, doors, strict=True):
            await web.SockSite(runner, door.connection, backlog=1024).start()
        for one in config.sockets:
            _log.info("serving too", socket=one.path, access=one.access, labels=" ".join(one.labels) or "all")
        where = "passed" if sockets.first else config.socket
        _log.info("serving", version=__version__, socket=where, pid=os.getpid())
        engine.reconcile()
        reloading.also.append(engine.reconcile)
        await _serve(stopping, engine, manager)
        engine.stop_streams()


def build_engine(config: DaemonConfig, store: FdStore | None = None) -> Engine:
    output = OutputSettings(
        limits=Limits(config.log_max_bytes, config.log_max_files),
        keep=Keep(config.removed_keep_s, config.removed_keep_bytes),
        journal_socket=config.journal_socket,
    )
    settings = EngineSettings(
        state_dir=config.state_dir,
        data_dir=config.data_dir,
        cgroup_parent=config.parent(),
        cgroup_driver=config.cgroup_driver,
        machined=config.machined,
        output=output,
        declared=DeclaredSettings(config.declared_dir, Credentials(os.environ.get("CREDENTIALS_DIRECTORY"))),
    )
    return Engine(settings, store)


def served_socket(config: DaemonConfig) -> str:
    """Return where the daemon of these settings is to be asked: the service manager may have given it another socket."""
    with contextlib.suppress(OSError), open(os.path.join(config.state_dir, _SOCKET_FILE), encoding="utf-8") as file:
        return file.read()
    return config.socket


def _note_socket(config: DaemonConfig, connection: socket.socket) -> None:
    """Blocking. For `served_socket`; a full disk is no reason not to serve."""
    with contextlib.suppress(OSError):
        atomic.write(os.path.join(config.state_dir, _SOCKET_FILE), os.fsencode(connection.getsockname()))


async def _doors(config: DaemonConfig, passed: Passed, stack: contextlib.AsyncExitStack) -> list[Door]:
    """Return each socket that is served with its rules; those that nobody has passed are made here."""
    doors: list[Door] = []
    if passed.first:
        for connection in passed.first:
            path = os.fsdecode(connection.getsockname())
            doors.append(Door(connection, Access(group_allowed=True, socket=path)))
    else:
        connection = await _made(stack, config.socket, group=config.socket_group)
        doors.append(Door(connection, Access(group_allowed=config.socket_group is not None, socket=config.socket)))
    for one in config.sockets:
        made = passed.further.get(one.name or "") or [await _made(stack, one.path, group=one.group, mode=one.octal_mode)]
        doors += (Door(connection, _rules(one)) for connection in made)
    return doors


async def _made(
    stack: contextlib.AsyncExitStack, path: str, *, group: str | None, mode: int | None = None
) -> socket.socket:
    """Where it lies, the daemon itself writes nothing any more (`confinement`)."""
    connection = await in_own_thread(listener.open_socket, path, group=group, mode=mode)
    stack.push_async_callback(in_own_thread, listener.remove, path)
    return connection


def _rules(one: SocketConfig) -> Access:
    return Access(
        group_allowed=bool(one.octal_mode & 0o066),
        socket=one.path,
        read_only=one.access == "read-only",
        scope=Scope(one.labels, tuple(map(os.path.normpath, one.host_paths))),
        users=one.user_ids(),
        groups=one.group_ids(),
    )


async def _close_all(runners: list[web.AppRunner]) -> None:
    """Together, since each may have to wait for its clients."""
    await asyncio.gather(*(runner.cleanup() for runner in runners))


def _raise_descriptor_limit() -> None:
    """Each container costs a few descriptors here and in the spawner; payloads get the limit of boot again."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(stopping: asyncio.Event, engine: Engine, manager: ServiceManager) -> None:
    """Tell systemd how it goes: ready, alive twice per watchdog period, stopping (sd_notify(3))."""
    manager.tell("READY=1", f"STATUS=pycontainerd {__version__}")
    watchdog_us = int(os.environ.get("WATCHDOG_USEC", "0"))
    if watchdog_us:
        engine.begin_pulse(lambda: manager.tell("WATCHDOG=1"), watchdog_us / 1e6 / 2)
    else:
        engine.begin_pulse(lambda: None)
    await stopping.wait()
    manager.tell("STOPPING=1")


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
