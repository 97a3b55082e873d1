"""Keeping the spawner off the network: it lives in a network namespace of its own, in which nothing is up (ADR 27).

A worker is born where the daemon was started, so the spawner is there for the moment in which it forks.
"""

from __future__ import annotations

import os
from contextlib import nullcontext

from containerd_py.runtime.linux import process
from containerd_py.runtime.linux.paths import NO_RESTRICTION, openat2
from containerd_py.runtime.linux.process import Clone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from containerd_py.runtime.linux.fd import Fd


class HostNetwork:
    """A context in which this process is in the namespace that it came from, and not in its own. For one thread."""

    def __init__(self, host: Fd, own: Fd) -> None:
        self._host = host
        self._own = own

    def __enter__(self) -> None:
        process.setns(self._host.fileno(), Clone.NEWNET)

    def __exit__(self, *_problem: object) -> None:
        process.setns(self._own.fileno(), Clone.NEWNET)


def leave_network() -> AbstractContextManager[None]:
    """Enter a new network namespace; return the context in which this process is in its former one.

    Where none can be made (no CONFIG_NET_NS, no right to it, user.max_net_namespaces), or there is no way back (the former
    one belongs to a user namespace above ours), everything stays as it is.
    """
    host = _own_namespace()
    try:
        process.setns(host.fileno(), Clone.NEWNET)  # it asks for the rights that the way back needs
        process.unshare(Clone.NEWNET)
    except OSError:
        host.close()
        return nullcontext()
    return HostNetwork(host, _own_namespace())


def _own_namespace() -> Fd:
    return openat2(-100, "/proc/self/ns/net", os.O_RDONLY, 0, NO_RESTRICTION)
