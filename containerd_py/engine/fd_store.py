"""The service manager's fd store: the third holder of what is open for containers, after the daemon and the spawner.

Whatever the spawner is given to keep is put there too, each descriptor by a name of its own. When both are killed the next
daemon is passed all of them again (FileDescriptorStoreMax= in sd_notify(3)'s unit): output that is still in a pipe, the
terminal, and the pidfd by which the kernel tells how a process has ended.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from containerd_py.engine.service_manager import ServiceManager
    from containerd_py.runtime.linux.fd import Fd

_log = structlog.get_logger()

PIDFD = "pidfd"
SPAWNER = "/spawner"
"""What the spawner itself is called here; no container is called so."""

_MARK = "pyc-"
_MOST = 5000
"""FileDescriptorStoreMax= of our unit. LISTEN_FDNAMES may have 128 KiB (MAX_ARG_STRLEN): 26 bytes for each name."""


class FdStore:
    """Everything by spawn id: of a container or an exec. `settle` once all that was recalled is taken."""

    def __init__(self, manager: ServiceManager, passed: Iterable[tuple[str, Fd]] = (), *, most: int = _MOST) -> None:
        self._manager = manager
        self._most = most
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
        """The descriptors stay the caller's. One that is there by this name already is replaced."""
        if not self._manager.there:
            return
        names = self._stored.setdefault(_key(spawn_id), set())
        for name, fd in fds.items():
            if name in names:
                self._remove(spawn_id, name)
            if self._count >= self._most:
                self._tell_full()
                return
            names.add(name)
            self._count += 1
            # Without FDPOLL=0 the manager would drop a pipe, and a pidfd, as soon as its other end is gone.
            self._manager.tell("FDSTORE=1", "FDPOLL=0", f"FDNAME={_name(_key(spawn_id), name)}", fd=fd)

    def drop(self, spawn_id: str, *names: str) -> None:
        for name in names:
            if name in self._stored.get(_key(spawn_id), ()):
                self._remove(spawn_id, name)

    def forget(self, spawn_id: str) -> None:
        self.drop(spawn_id, *self._stored.get(_key(spawn_id), ()))
        self._stored.pop(_key(spawn_id), None)

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
                self._remove_by_key(key, name)
        for spawn_id, fds in wanted.items():
            there = self._stored.get(_key(spawn_id), set())
            self.keep(spawn_id, {name: fd for name, fd in fds.items() if name not in there})
        return lost

    def _remove(self, spawn_id: str, name: str) -> None:
        self._remove_by_key(_key(spawn_id), name)

    def _remove_by_key(self, key: str, name: str) -> None:
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
