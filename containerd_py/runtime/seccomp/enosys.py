"""What stands before a filter: calls that are newer than its profile do not exist (ADR 11).

A program asks for a new call first, and falls back to an old one when the kernel answers ENOSYS. EPERM, the usual answer
to what a profile does not list, ends it instead.
"""

from __future__ import annotations

import errno
import struct

from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.seccomp.architectures import ARM, X32, X86_64

_INSTRUCTION = struct.Struct("=HBBI")  # struct sock_filter (linux/filter.h): code, jump if true, jump if false, operand
_LOAD_WORD = 0x20
_JUMP_IF_EQUAL = 0x15
_JUMP_IF_GREATER = 0x25
_JUMP_IF_NOT_LESS = 0x35
_RETURN = 0x06
_NUMBER, _ARCHITECTURE = 0, 4  # offsets in struct seccomp_data (linux/seccomp.h)
_ANSWER = 0x0005_0000 | errno.ENOSYS  # SECCOMP_RET_ERRNO
_X32_BIT = 0x4000_0000
_ARM_PRIVATE = 0x0F_0000  # __ARM_NR_BASE: calls such as set_tls, which are old
_BEYOND = 0xFFFF_FFFF  # -1, a call that a tracer has skipped


@dataclass(frozen=True)
class _Range:
    """Numbers above `last` and below `limit` are newer than the profile."""

    last: int
    limit: int


def newer_calls(last: dict[int, int]) -> bytes:
    """Return instructions that answer ENOSYS to newer calls, and go on to whatever follows them for all others.

    last: for each architecture (a token of libseccomp) the largest number of a call that the profile names.
    """
    ranges: dict[int, list[_Range]] = {}
    for token, number in last.items():
        limit = {X86_64: _X32_BIT, ARM: _ARM_PRIVATE}.get(token, _BEYOND)
        ranges.setdefault(X86_64 if token == X32 else token, []).append(_Range(number, limit))
    return b"".join(_for_architecture(token, found) for token, found in ranges.items())


def _for_architecture(token: int, ranges: list[_Range]) -> bytes:
    tests = b"".join(map(_for_range, ranges))
    steps = 1 + len(tests) // _INSTRUCTION.size
    return b"".join(
        (
            _INSTRUCTION.pack(_LOAD_WORD, 0, 0, _ARCHITECTURE),
            _INSTRUCTION.pack(_JUMP_IF_EQUAL, 0, steps, token),
            _INSTRUCTION.pack(_LOAD_WORD, 0, 0, _NUMBER),
            tests,
        )
    )


def _for_range(numbers: _Range) -> bytes:
    return b"".join(
        (
            _INSTRUCTION.pack(_JUMP_IF_NOT_LESS, 2, 0, numbers.limit),
            _INSTRUCTION.pack(_JUMP_IF_GREATER, 0, 1, numbers.last),
            _INSTRUCTION.pack(_RETURN, 0, 0, _ANSWER),
        )
    )
