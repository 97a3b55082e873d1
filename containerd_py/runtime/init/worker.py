"""The worker's life: receive, freeze, execute, become the payload; or say which step failed, and end."""

from __future__ import annotations

import errno
import os
import time

from containerd_py.light import socket
from containerd_py.light.importlib import import_module
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.init.ending import end_when_asked
from containerd_py.runtime.init.freeze import GUARD
from containerd_py.runtime.init.steps import EXECUTORS, Context, StepFailed
from containerd_py.runtime.linux import process
from containerd_py.runtime.plan.operations import AwaitStart, Exec, FindProgram, LoadSeccomp, Operation
from containerd_py.runtime.plan.plan import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_EXECUTORS = (
    *("attributes", "devices", "home", "hooks", "identity", "mandatory", "masks"),
    *("mounts", "namespaces", "payload", "placement", "reaper", "rootfs", "terminal"),
)
"""The modules of this package that fill the table of executors when they are imported; later there is no importing."""
for _module in _EXECUTORS:
    import_module(f"{__package__}.{_module}")

CONTROL = 3
NAME = "pyc:[1:INIT]"


def run(control_fd: int, joins: tuple[tuple[int, int], ...] = ()) -> NoReturn:
    """Be the worker of a fresh process, whose parent is at the other end of `control_fd`. Never returns.

    joins: descriptors and flags of namespaces that are left to enter (setns(2)).
    """
    try:
        for join in joins:
            process.setns(*join)
        os.dup2(control_fd, CONTROL, inheritable=False)
        process.close_from(CONTROL + 1)
        process.set_name(NAME)
        control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=CONTROL)
        os._exit(Worker(control).run())
    except BaseException:
        os._exit(1)


class Worker:
    def __init__(self, control: socket.socket) -> None:
        self._context = Context({}, control)
        self._index = 0
        self._ended_ns: list[int] = []
        self._started = False

    def run(self) -> int:
        """Return the exit code for a plan that could not be carried out; a shell's, where the program was at fault."""
        context = self._context
        context.handles = dialogue.receive_plan(context.control)
        process.set_dumpable(0)  # until its ids were mapped, a caller who is not root had to reach into this process
        operations = decode(_read(context.handles["plan"])).operations
        GUARD.arm(self._report_defect)
        for self._index, operation in enumerate(operations):
            try:
                self._execute(context, operation)
            except (OSError, StepFailed) as problem:
                dialogue.send_failed(context.control, self._index, problem.errno or 0, str(problem))
                return _exit_code(operation, problem.errno)
            except BaseException as problem:
                self._report_defect(f"{type(problem).__name__}: {problem}")
                return 1
            self._ended_ns.append(time.monotonic_ns())
        dialogue.send_times(context.control, self._ended_ns)  # a plan without Exec is at its end
        return 0

    def _execute(self, context: Context, operation: Operation) -> None:
        if type(operation) is AwaitStart:
            self._await_start(context, operation)
            return
        if type(operation) is Exec or (type(operation) is LoadSeccomp and operation.silences):
            self._tell_times(context)
        EXECUTORS[type(operation)](context, operation)

    def _tell_times(self, context: Context) -> None:
        """Once, after the start: before a filter that would silence this process, else before exec."""
        if self._started:
            dialogue.send_times(context.control, self._ended_ns)
            self._started = False

    def _await_start(self, context: Context, step: AwaitStart) -> None:
        master = context.terminal_master
        context.put_away()
        if not context.signals_reset:  # else it handles them by now, and a filter may be loaded
            end_when_asked()
        dialogue.send_ready(context.control, self._ended_ns, master.fileno() if master else None)
        if master:
            master.close()
        del self._ended_ns[:]
        if step.rendezvous:
            self._meet_starter(context)
        elif not dialogue.await_start(context.control):
            os._exit(1)
        self._started = context.started = True

    def _meet_starter(self, context: Context) -> None:
        """Whoever made the container is not needed any more; a starter that goes away without a word starts nothing."""
        listener = socket.socket(fileno=context.handles.pop("start"))
        context.control.close()
        while True:
            context.control, _address = listener.accept()
            if dialogue.await_start(context.control):
                listener.close()
                return
            context.control.close()

    def _report_defect(self, text: str) -> None:
        dialogue.send_failed(self._context.control, self._index, dialogue.WORKER_DEFECT, text)


def _exit_code(operation: Operation, number: int | None) -> int:
    if not isinstance(operation, FindProgram | Exec):
        return 1
    return 127 if number == errno.ENOENT else 126


def _read(fd: int) -> bytes:
    data = os.pread(fd, os.fstat(fd).st_size, 0)
    os.close(fd)
    return data
