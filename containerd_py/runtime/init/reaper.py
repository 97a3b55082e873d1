"""Staying as the container's first process: the payload is a child, signals go on to it, and whoever has ended is reaped.

    worker ──clone──► payload      next step: Exec
       │
       └ closes everything, waits for signals, ends as the payload does

Both have the same user and filter, since the payload is forked once the worker has taken all of them on. No file of the
image is executed for it: what goes on is the sealed interpreter (SECURITY R1), frozen (R4), with nothing open, and with no
capability but CAP_KILL, for a payload that becomes another user.
"""

from __future__ import annotations

import os

from containerd_py.light import signal
from containerd_py.light.contextlib import suppress
from containerd_py.runtime.init.steps import Context, StepFailed, executes
from containerd_py.runtime.linux import process
from containerd_py.runtime.plan import operations as op

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

NAME = "pyc:[1:REAP]"

_DESCRIPTORS = 65_536  # above every one that a worker has
_FAILED = 1
_CAP_KILL = 1 << 5
_KEPT = frozenset((signal.SIGCHLD, signal.SIGTTIN, signal.SIGTTOU))
"""What is not for the payload: that a child has ended, and that a process in the background has used the terminal."""


@executes(op.ForkPayload)
def fork_payload(_context: Context, step: op.ForkPayload) -> None:
    """Return in the payload alone."""
    every = signal.valid_signals()
    signal.pthread_sigmask(signal.SIG_SETMASK, every)  # none is lost; and pid 1 gets only those that it waits for
    _rehearse(every)
    ready, stays = os.pipe()
    payload = process.fork()
    if payload:
        _stay(payload, every)
    os.close(stays)
    os.read(ready, 1)  # comes to its end when the parent has closed everything: it may no more than we do from then on
    os.close(ready)
    os.setpgid(0, 0)
    if step.terminal:
        os.tcsetpgrp(0, os.getpid())  # while SIGTTOU is blocked: this is the background still (tcsetpgrp(3))
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _rehearse(every: set[signal.Signals]) -> None:
    """Do once what will be done all the time: a filter that refuses it is to be told before the payload runs."""
    try:
        process.set_child_subreaper()  # for a container without a pid namespace of its own
        process.set_dumpable(0)  # the payload, which is the same user, is not to trace it
        process.capset(*process.capget())
        signal.sigtimedwait((), 0)
        os.kill(os.getpid(), 0)
        with suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
    except OSError as problem:
        raise StepFailed(problem.errno or 0, f"what an init process does: {problem}") from problem


def _stay(payload: int, every: set[signal.Signals]) -> NoReturn:
    code = _FAILED
    try:
        with suppress(OSError):  # so that the payload can unmount where it is
            os.chdir("/")
        _drop_capabilities()
        process.set_name(NAME)
        # By the C library, which does it one by one where a filter knows no close_range(2). The payload waits for it.
        os.closerange(0, _DESCRIPTORS)
        code = _attend(payload, every)
    finally:
        os._exit(code)


def _drop_capabilities() -> None:
    """To what the payload has too: of a user who is not root, exec leaves those alone that are ambient."""
    _effective, permitted, _inheritable = process.capget()
    kept = permitted & _CAP_KILL if os.geteuid() == 0 else 0
    process.capset(kept, kept, 0)


def _attend(payload: int, every: set[signal.Signals]) -> int:
    """Return the exit code of the payload: 128 + n after signal n."""
    while True:
        number = signal.sigwaitinfo(every).si_signo
        if number not in _KEPT:
            with suppress(OSError):  # it has become another user meanwhile
                os.kill(payload, number)
            continue
        status = _reap(payload)
        if status is not None:
            return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _reap(payload: int) -> int | None:
    """Reap whoever has ended; return how the payload has, None where it goes on."""
    found: int | None = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if not pid:
            return found
        if pid == payload:
            found = status
