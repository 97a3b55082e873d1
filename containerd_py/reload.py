"""Reading the settings again while the daemon runs, at SIGHUP: what can be changed then is, the rest is told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from containerd_py import log
from containerd_py.errors import ContainerdError

if TYPE_CHECKING:
    from collections.abc import Callable

    from containerd_py.config import DaemonConfig
    from containerd_py.engine.service_manager import ServiceManager
    from containerd_py.sockets import SocketConfig

_log = structlog.get_logger()

RELOADED = frozenset({"log_level"})
"""Settings that hold from a reload on; any other one from the next start on."""


class Reloading:
    """used: the settings of the start. reread: reads them again, and raises ContainerdError where they are wrong.

    manager: is told when it begins and when it is done, as Type=notify-reload wants it (systemd.service(5)).
    """

    def __init__(self, used: DaemonConfig, reread: Callable[[], DaemonConfig], manager: ServiceManager) -> None:
        self._used = used
        self._reread = reread
        self._manager = manager
        self.also: list[Callable[[], None]] = []
        """What else is looked at again then."""

    def reload(self) -> None:
        self._manager.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            self._read()
            for look in self.also:
                look()
        finally:  # until then the service is "reloading", and systemd waits
            self._manager.tell("READY=1")

    def _read(self) -> None:
        """Wrong settings change nothing."""
        try:
            found = self._reread()
        except ContainerdError as problem:
            _log.error("cannot reload settings: all stay as they are", error=problem.message)
            return
        changed: set[str] = {name for name in type(found).model_fields if getattr(found, name) != getattr(self._used, name)}
        now, later = sorted(changed & RELOADED), sorted(changed - RELOADED - {"sockets"})
        later += _changed_sockets(self._used.sockets, found.sockets)
        self._used = self._used.model_copy(update={name: getattr(found, name) for name in now})
        if "log_level" in now:
            log.configure(found.log_level)
        _log.info("settings reloaded", changed=" ".join(now) or "nothing")
        if later:
            _log.warning("settings are changed that hold from the next start on", settings=" ".join(later))


def _changed_sockets(used: tuple[SocketConfig, ...], found: tuple[SocketConfig, ...]) -> list[str]:
    """Tell "sockets[PATH].users" for what is another value, "sockets[PATH]" for one that is new, or gone."""
    before, after = ({one.path: one for one in sockets} for sockets in (used, found))
    told = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old is None or new is None:
            told.append(f"sockets[{path}]")
        else:
            fields = type(new).model_fields
            told += [f"sockets[{path}].{name}" for name in fields if getattr(old, name) != getattr(new, name)]
    return told
