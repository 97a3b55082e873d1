"""System calls made by another process's thread, as if foreign code ran in it: by ptrace(2), on x86_64.

Whatever holds the thread (Landlock, a filter, its capabilities, its namespaces) holds these calls; the program is not
asked. The thread must be waiting in a system call, and goes on with it afterwards.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

_WALL = 0x4000_0000
_SINGLESTEP, _GETREGS, _SETREGS, _ATTACH, _DETACH = 9, 12, 13, 16, 17
_SYSCALL = b"\x0f\x05"
_BELOW_STACK, _ROOM = 8192, 4096
_PATIENCE_S = 30
_NUMBERS = {
    "close": 3,
    "socket": 41,
    "connect": 42,
    "execve": 59,
    "truncate": 76,
    "rename": 82,
    "mkdir": 83,
    "rmdir": 84,
    "link": 86,
    "unlink": 87,
    "symlink": 88,
    "ptrace": 101,
    "capset": 126,
    "mknod": 133,
    "mount": 165,
    "umount2": 166,
    "openat": 257,
    "unshare": 272,
    "setns": 308,
}
_ARGUMENTS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")


class _Registers(ctypes.Structure):
    """struct user_regs_struct (sys/user.h)."""

    _fields_ = tuple(
        (name, ctypes.c_uint64)
        for name in (
            *("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi"),
            *("orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs"),
        )
    )


_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long


def _ptrace(request: int, thread: int, data: object = None) -> None:
    if _libc.ptrace(request, thread, None, data) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class ForeignThread:
    """A thread that is stopped, to make calls; a context manager."""

    def __init__(self, thread: int) -> None:
        self._thread = thread
        self._saved = _Registers()

    def __enter__(self) -> Self:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            _ptrace(_ATTACH, self._thread)
            self._wait(signal.SIGSTOP)
            _ptrace(_GETREGS, self._thread, ctypes.addressof(self._saved))
            with Path(f"/proc/{self._thread}/mem").open("rb") as memory:
                memory.seek(self._saved.rip - len(_SYSCALL))
                if memory.read(len(_SYSCALL)) == _SYSCALL:
                    return self
            _ptrace(_DETACH, self._thread)
            assert time.monotonic() < deadline, "the thread never waits"

    def __exit__(
        self, _kind: type[BaseException] | None, _problem: BaseException | None, _trace: TracebackType | None
    ) -> None:
        _ptrace(_SETREGS, self._thread, ctypes.addressof(self._saved))
        _ptrace(_DETACH, self._thread)

    def call(self, name: str, *arguments: int | bytes) -> int:
        """Return the call's result; raise the OSError that it fails with. Bytes are passed by their address."""
        registers = _Registers.from_buffer_copy(self._saved)
        place = registers.rsp - _BELOW_STACK
        with Path(f"/proc/{self._thread}/mem").open("r+b", buffering=0) as memory:
            memory.seek(place)
            before = memory.read(_ROOM)
            words, data = _laid_out(arguments, place)
            memory.seek(place)
            memory.write(data)
            for register, word in zip(_ARGUMENTS, words, strict=False):
                setattr(registers, register, word & 0xFFFF_FFFF_FFFF_FFFF)
            registers.rip -= len(_SYSCALL)
            registers.rax, registers.orig_rax = _NUMBERS[name], 0xFFFF_FFFF_FFFF_FFFF
            _ptrace(_SETREGS, self._thread, ctypes.addressof(registers))
            _ptrace(_SINGLESTEP, self._thread)
            self._wait(signal.SIGTRAP)
            _ptrace(_GETREGS, self._thread, ctypes.addressof(registers))
            memory.seek(place)
            memory.write(before)
        result = ctypes.c_int64(registers.rax).value
        if result < 0:
            raise OSError(-result, f"{name}: {os.strerror(-result)}")
        return result

    def opened(self, *arguments: int | bytes) -> None:
        """Open a file by openat(2), and close it."""
        self.call("close", self.call("openat", *arguments))

    def _wait(self, expected: signal.Signals) -> None:
        _pid, status = os.waitpid(self._thread, _WALL)
        assert os.WIFSTOPPED(status) and os.WSTOPSIG(status) == expected, status  # noqa: PT018 - the second needs the first


def _laid_out(arguments: tuple[int | bytes, ...], place: int) -> tuple[list[int], bytes]:
    """Return the arguments as words, and the bytes that they point to, which are to lie at `place`."""
    words, data = [], b""
    for argument in arguments:
        if isinstance(argument, int):
            words.append(argument)
        else:
            words.append(place + len(data))
            data += argument + b"\0"
            data += bytes(-len(data) % 8)
    return words, data
