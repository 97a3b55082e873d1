"""Forking an init worker off this process, which has one thread (SECURITY R2)."""

from __future__ import annotations

import os

from containerd_py.runtime.init import worker
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.process import Clone, clone3


class NotAlone(RuntimeError):
    """This process has threads: a fork would copy their locks, held for ever."""


def fork_worker(control: int, flags: Clone, *, cgroup: int | None) -> tuple[int, Fd]:
    """Fork an init worker that listens to `control`; return its pid and pidfd. Raises OSError, NotAlone.

    flags: namespaces to make, and Clone.PARENT for a worker that is to be our own parent's child.
    """
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise NotAlone(f"cannot fork worker: this process has {threads} threads")
    pid, pidfd = clone3(flags, cgroup=cgroup)
    if pid == 0:
        worker.run(control)
    return pid, Fd(pidfd)
