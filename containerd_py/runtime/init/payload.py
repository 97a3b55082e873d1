"""The last steps: finding the program, and becoming it with nothing of ours left (SECURITY R3)."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import stat

from containerd_py.light import signal, socket
from containerd_py.runtime.init.attributes import limit
from containerd_py.runtime.init.ending import end_when_asked
from containerd_py.runtime.init.steps import Context, StepFailed, executes
from containerd_py.runtime.linux import process
from containerd_py.runtime.plan import operations as op

_FIRST = 3  # after the standard streams


@executes(op.ChangeDirectory)
def change_directory(context: Context, step: op.ChangeDirectory) -> None:
    if context.directory == step.path:
        return
    try:
        os.chdir(step.path)
    except PermissionError:
        if step.first:
            return
        raise
    context.directory = step.path
    if not os.getcwd().startswith("/"):  # "(unreachable)/…": a directory of the host that leaked in [CVE-2024-21626]
        raise StepFailed(errno.ENOENT, "the working directory lies outside the root")


@executes(op.FindProgram)
def find_program(context: Context, step: op.FindProgram) -> None:
    names = (step.name,) if "/" in step.name else tuple(f"{folder or '.'}/{step.name}" for folder in step.search)
    refusal: StepFailed | None = None
    for name in names:
        try:
            _check_executable(name)
        except FileNotFoundError:
            continue
        except NotADirectoryError:
            continue
        except StepFailed as problem:
            refusal = refusal or problem
            continue
        context.program = name
        return
    raise refusal or StepFailed(errno.ENOENT, f"{step.name}: no such program in the container")


def _check_executable(name: str) -> None:
    if stat.S_ISDIR(os.stat(name).st_mode):
        raise StepFailed(errno.EISDIR, f"{name} is a directory")
    # To access(2) the capabilities of a user do not count; faccessat2(2), to which they do, few filters know.
    if not os.access(name, os.X_OK) and not os.access(name, os.X_OK, effective_ids=True):
        raise StepFailed(errno.EACCES, f"{name} is not executable")


@executes(op.CloseOnExec)
def close_on_exec(_context: Context, _step: op.CloseOnExec) -> None:
    process.cloexec_from(_FIRST)  # what is opened from here on is close-on-exec from the first


@executes(op.ResetSignals)
def reset_signals(context: Context, _step: op.ResetSignals) -> None:
    process.reset_signals()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    context.signals_reset = True
    if not context.started:
        end_when_asked()


@executes(op.Exec)
def execute(context: Context, step: op.Exec) -> None:
    """What is called here has to be allowed by the payload's own filter: nothing that a program could do without."""
    _hand_on(context, step.preserved)
    if step.descriptors is not None:
        limit(resource.RLIMIT_NOFILE, *step.descriptors)
    environment = step.environment if context.home is None else (*step.environment, f"HOME={context.home}")
    process.execve(context.program, step.arguments, environment)


def _hand_on(context: Context, count: int) -> None:
    """Put the preserved descriptors on 3 and following; everything else ends with exec."""
    if not count:
        return
    try:
        _put(context, count)
    except OSError as problem:
        if problem.errno not in (errno.EINVAL, errno.EMFILE):
            raise
        # The caller may have had a higher limit. Not asked before: the payload's filter need not let it be asked.
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        limit(resource.RLIMIT_NOFILE, hard, hard)
        _put(context, count)
        limit(resource.RLIMIT_NOFILE, soft, hard)


def _put(context: Context, count: int) -> None:
    """What stands where they go is moved away first: the control socket, whose end tells that exec succeeded, and they."""
    first_free = _FIRST + count
    control = fcntl.fcntl(context.control.fileno(), fcntl.F_DUPFD_CLOEXEC, first_free)
    context.control.close()
    context.control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=control)
    given = {_FIRST + i: context.handles[f"fd{i}"] for i in range(count) if f"fd{i}" in context.handles}
    preserved = [(number, fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, first_free)) for number, fd in given.items()]
    for number, fd in preserved:
        os.dup2(fd, number, inheritable=True)
