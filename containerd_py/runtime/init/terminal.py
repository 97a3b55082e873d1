"""The payload's standard streams and its terminal (SECURITY R7: never a terminal of the host)."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct

from containerd_py.runtime.init.steps import Context, StepFailed, check_null, executes, restriction_for
from containerd_py.runtime.linux import mounts, paths
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.statfs import DEVPTS_SUPER_MAGIC, filesystem_magic
from containerd_py.runtime.plan import operations as op

# asm-generic/ioctls.h, equal on x86 and ARM
_TIOCSCTTY = 0x540E
_TIOCSWINSZ = 0x5414
_TIOCGPTPEER = 0x5441  # Linux 4.13
_TIOCSPTLCK = 0x4004_5431
_WINSIZE = struct.Struct("HHHH")
_NAMES = ("stdin", "stdout", "stderr")


@executes(op.OpenConsole)
def open_console(context: Context, step: op.OpenConsole) -> None:
    master = _open_master(context)
    fcntl.ioctl(master.fileno(), _TIOCSPTLCK, struct.pack("i", 0))
    slave = Fd(fcntl.ioctl(master.fileno(), _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    if step.rows or step.columns:
        fcntl.ioctl(master.fileno(), _TIOCSWINSZ, _WINSIZE.pack(step.rows, step.columns, 0, 0))
    os.fchown(slave.fileno(), step.uid, -1)
    if context.devpts is not None:
        _bind_on_console(context, slave.fileno())
    context.terminal_master, context.terminal = master, slave


def _open_master(context: Context) -> Fd:
    """Of the devpts that this worker has mounted; a further process finds it in the container, and looks twice."""
    beneath = paths.Resolve.BENEATH | paths.Resolve.NO_SYMLINKS | paths.Resolve.NO_XDEV
    if context.devpts is not None:
        return paths.openat2(context.devpts.fileno(), "ptmx", os.O_RDWR | os.O_NOCTTY, 0, beneath)
    if not context.entered:
        raise StepFailed(errno.ENODEV, "no devpts is mounted on /dev/pts")
    restriction = restriction_for("/dev/pts")
    with paths.open_in_root(context.root_fd(), "/dev/pts", os.O_PATH | os.O_DIRECTORY, resolve=restriction) as devpts:
        if filesystem_magic(devpts.fileno()) != DEVPTS_SUPER_MAGIC:
            raise StepFailed(errno.ENODEV, "no devpts is mounted on /dev/pts")
        return paths.openat2(devpts.fileno(), "ptmx", os.O_RDWR | os.O_NOCTTY, 0, beneath)


def _bind_on_console(context: Context, slave: int) -> None:
    root, restriction = context.root_fd(), restriction_for("/dev/console")
    with paths.make_directories_in_root(root, "/dev", resolve=restriction) as dev:
        flags = os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW
        paths.openat2(dev.fileno(), "console", flags, 0o600, paths.Resolve.BENEATH).close()
    with (
        paths.open_in_root(root, "/dev/console", os.O_PATH, resolve=restriction) as target,
        mounts.clone_tree(slave, "", recursive=False) as tree,
    ):
        mounts.attach(tree.fileno(), target.fileno())


@executes(op.EnterRoot)
def enter_root(context: Context, _step: op.EnterRoot) -> None:
    context.root = paths.openat2(-100, "/", os.O_PATH | os.O_DIRECTORY, 0, paths.NO_RESTRICTION)
    context.entered = True


@executes(op.AttachStdio)
def attach_stdio(context: Context, step: op.AttachStdio) -> None:
    if step.terminal:
        _attach_terminal(context)
        return
    for number, name in enumerate(_NAMES):
        source = context.handles.get(name)
        if source is None:
            with _own_null(context) as null:
                os.dup2(null.fileno(), number, inheritable=True)
        else:
            os.dup2(source, number, inheritable=True)
            if stat.S_ISFIFO(os.fstat(number).st_mode):
                _give(number, step.uid, step.gid)


def _give(pipe: int, uid: int, gid: int) -> None:
    """Let the payload's user open /dev/stdout again. A pipe of somebody whom the user namespace does not know stays his,
    and so does a named one on a file system that is read-only.
    """
    try:
        os.fchown(pipe, uid, gid)
    except OSError as problem:
        if problem.errno not in (errno.EPERM, errno.EINVAL, errno.EROFS):
            raise


def _attach_terminal(context: Context) -> None:
    if context.terminal is None:
        raise StepFailed(errno.ENOTTY, "the plan attaches a terminal that it did not open")
    fcntl.ioctl(context.terminal.fileno(), _TIOCSCTTY, 0)
    for number in range(3):
        os.dup2(context.terminal.fileno(), number, inheritable=True)


def _own_null(context: Context) -> Fd:
    """Open the container's own /dev/null, checked: a payload holds no file of the host's /dev."""
    null = paths.open_in_root(context.root_fd(), "/dev/null", os.O_RDWR, resolve=restriction_for("/dev/null"))
    check_null(null.fileno())
    return null
