"""Hooks that the worker runs itself, and its wait for those of its parent."""

from __future__ import annotations

import errno
import os
import select

from containerd_py.light import json, signal
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.init.steps import Context, StepFailed, executes
from containerd_py.runtime.linux import process
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.memfd import sealed
from containerd_py.runtime.linux.pidfd import WaitStatus, pidfd_open, pidfd_send_signal, wait_exit
from containerd_py.runtime.plan import operations as op

_TOLD = 400  # bytes of a failed hook's output that its error shows


@executes(op.AwaitParent)
def await_parent(context: Context, _step: op.AwaitParent) -> None:
    dialogue.send_asked(context.control)
    state = dialogue.await_go(context.control)
    if state is None:
        os._exit(1)
    context.handles["state"] = state


@executes(op.RunHooks)
def run_hooks(context: Context, step: op.RunHooks) -> None:
    state = json.loads(_content(context.handles["state"])) | {"status": step.status}
    for hook in step.hooks:
        with sealed("state", json.dumps(state).encode()) as document, _memory("output") as output:
            os.lseek(document.fileno(), 0, os.SEEK_SET)
            home = (f"HOME={context.home}",) if step.inherits and context.home else ()
            _run(hook, home, context.root_fd(), (document, output))


def _run(
    hook: tuple[str, tuple[str, ...], tuple[str, ...], int | None],
    home: tuple[str, ...],
    root: int,
    streams: tuple[Fd, Fd],
) -> None:
    """Run it in the container's root, as runc does: also before that is pivoted to."""
    path, arguments, environment, timeout_s = hook
    pid = process.fork()  # by clone(2): the payload's filter is loaded, and those that are common refuse clone3(2)
    if pid == 0:
        _become_hook(path, arguments or (path,), (*environment, *home), root, (*streams, streams[1]))
    with Fd(pidfd_open(pid)) as pidfd:
        status = _wait(pidfd, timeout_s)
    if status is None:
        raise StepFailed(errno.ETIMEDOUT, f"it did not end in {timeout_s} s, and was killed")
    if status != WaitStatus(0, None):
        how = f"the hook failed with exit code {status.code}" if status.signal is None else _killed(status.signal)
        told = _content(streams[1].fileno())[-_TOLD:].decode(errors="replace").strip()
        raise StepFailed(errno.ECANCELED, how + (f": {told}" if told else ""))


def _become_hook(
    path: str, arguments: tuple[str, ...], environment: tuple[str, ...], root: int, streams: tuple[Fd, ...]
) -> None:
    """Never returns."""
    try:
        os.fchdir(root)
        for number, fd in enumerate(streams):
            os.dup2(fd.fileno(), number, inheritable=True)
        process.reset_signals()
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        process.close_from(3)
        process.execve(path, arguments, environment)
    except OSError as problem:
        os.write(2, os.strerror(problem.errno or 0).encode())
    finally:
        os._exit(127)


def _wait(pidfd: Fd, timeout_s: int | None) -> WaitStatus | None:
    """Return how it ended; None where it had to be killed."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    in_time = bool(poll.poll(None if timeout_s is None else timeout_s * 1000))
    if not in_time:
        pidfd_send_signal(pidfd.fileno(), signal.SIGKILL)
        poll.poll()
    status = wait_exit(pidfd.fileno())
    return status if in_time else None


def _killed(number: int) -> str:
    return f"signal {number} killed it ({(signal.strsignal(number) or '').lower()})"


def _memory(name: str) -> Fd:
    return Fd(os.memfd_create(name, os.MFD_CLOEXEC))


def _content(fd: int) -> bytes:
    return os.pread(fd, os.fstat(fd).st_size, 0)
