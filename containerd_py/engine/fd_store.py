"""The service manager's fd store: the third holder of what is open for containers, after the daemon and the spawner.

Whatever the spawner is given to keep is put there too, each descriptor by a name of its own. When both are killed the next
daemon is passed all of them again (FileDescriptorStoreMax= in sd_notify(3)'s unit): output that is still in a pipe, the
terminal, and the pidfd by which the kernel tells how a process has ended.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from containerd_py.runtime.linux.fd import Fd

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from containerd_py.engine.service_manager import ServiceManager

_log = structlog.get_logger()

PIDFD = "pidfd"
SPAWNER = "/spawner"
"""What the spawner itself is called here; no container is called so."""

_MARK = "pyc-"
_MOST = 5000
"""FileDescriptorStoreMax= of our unit. LISTEN_FDNAMES may have 128 KiB (MAX_ARG_STRLEN): 26 bytes for each name."""

_PAUSE_S = 0.1
"""So long the manager is not told: each message is work for it, just when a container is to start; and of what has ended by
then, and of control sockets, it need not hear at all."""


class FdStore:
    """Everything by spawn id: of a container or an exec. `settle` once all that was recalled is taken."""

    def __init__(
        self,
        manager: ServiceManager,
        passed: Iterable[tuple[str, Fd]] = (),
        *,
        most: int = _MOST,
        pause_s: float = _PAUSE_S,
    ) -> None:
        self._manager = manager
        self._most = most
        self._pause_s = pause_s
        self._waiting: dict[tuple[str, str], Fd] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._passed: dict[str, dict[str, Fd]] = {}
        for name, fd in passed:
            key, _dot, kind = name.removeprefix(_MARK).partition(".")
            if kind in self._passed.setdefault(key, {}):
                fd.close()
            else:
                self._passed[key][kind] = fd
        self._stored = {key: set(fds) for key, fds in self._passed.items()}
        self._count = sum(map(len, self._stored.values()))
        self._full = False

    def keep(self, spawn_id: str, fds: Mapping[str, int]) -> None:
        """Have them stored in a moment. They stay the caller's; one that is there by this name already is replaced."""
        if not self._manager.there:
            return
        key = _key(spawn_id)
        for name, fd in fds.items():
            self._remove(key, name)
            with suppress(OSError):  # at the limit of descriptors two have it, as without a manager
                self._waiting[key, name] = Fd(os.dup(fd))
        if self._waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._pause_s, self.flush)

    def flush(self) -> None:
        """Tell the manager what waits to be told."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, {}
        for (key, name), fd in waiting.items():
            if self._count < self._most:
                self._stored.setdefault(key, set()).add(name)
                self._count += 1
                # Without FDPOLL=0 the manager would drop a pipe, and a pidfd, as soon as its other end is gone.
                self._manager.tell("FDSTORE=1", "FDPOLL=0", f"FDNAME={_name(key, name)}", fd=fd.fileno())
            else:
                self._tell_full()
            fd.close()

    def drop(self, spawn_id: str, *names: str) -> None:
        for name in names:
            self._remove(_key(spawn_id), name)

    def forget(self, spawn_id: str) -> None:
        key = _key(spawn_id)
        for name in (*self._stored.get(key, ()), *(name for other, name in self._waiting if other == key)):
            self._remove(key, name)
        self._stored.pop(key, None)

    def close(self) -> None:
        """What has not been told is not any more: the spawner has it."""
        if self._timer is not None:
            self._timer.cancel()
        for fd in self._waiting.values():
            fd.close()
        self._waiting.clear()

    def recall(self, spawn_id: str) -> dict[str, Fd]:
        """Take what an earlier daemon has put there; the descriptors are the caller's."""
        return self._passed.pop(_key(spawn_id), {})

    def settle(self, wanted: Mapping[str, Mapping[str, int]]) -> list[Fd]:
        """Have the store hold just what is wanted, by spawn id; return pidfds of processes that nobody has asked for."""
        keys = {_key(spawn_id): spawn_id for spawn_id in wanted}
        lost = []
        for key, passed in self._passed.items():
            for name, fd in passed.items():
                if key not in keys and name == PIDFD:
                    lost.append(fd)
                else:
                    fd.close()
        self._passed.clear()
        for key, names in tuple(self._stored.items()):
            surplus = names - set(wanted[keys[key]] if key in keys else ())
            for name in surplus:
                self._remove(key, name)
        for spawn_id, fds in wanted.items():
            there = self._stored.get(_key(spawn_id), set())
            self.keep(spawn_id, {name: fd for name, fd in fds.items() if name not in there})
        return lost

    def _remove(self, key: str, name: str) -> None:
        waiting = self._waiting.pop((key, name), None)
        if waiting is not None:
            waiting.close()
        if name not in self._stored.get(key, ()):
            return
        self._stored[key].discard(name)
        self._count -= 1
        self._full = False
        self._manager.tell("FDSTOREREMOVE=1", f"FDNAME={_name(key, name)}")

    def _tell_full(self) -> None:
        if not self._full:
            _log.warning("the service manager's fd store is full: more is lost if daemon and spawner are both killed")
        self._full = True


def stored(name: str) -> bool:
    """True for a passed descriptor that comes from here, by its name."""
    return name.startswith(_MARK)


def most_of(environment: Mapping[str, str]) -> int:
    """Return how many descriptors the manager takes: it says so since systemd 254."""
    told = environment.get("FDSTORE", "")
    return min(int(told), _MOST) if told.isdecimal() else _MOST


def pid_of(pidfd: Fd) -> int:
    """Return the pid behind a pidfd, 0 where the process has ended (proc_pid_fdinfo(5))."""
    with open(f"/proc/{os.getpid()}/fdinfo/{pidfd.fileno()}", encoding="ascii") as file:
        told = dict(line.split(":", 1) for line in file if ":" in line)
    return max(0, int(told.get("Pid", "0")))


def _key(spawn_id: str) -> str:
    """Ids may be long, and have what no name of a descriptor may."""
    return hashlib.blake2b(spawn_id.encode(), digest_size=5).hexdigest()


def _name(key: str, name: str) -> str:
    return f"{_MARK}{key}.{name}"
