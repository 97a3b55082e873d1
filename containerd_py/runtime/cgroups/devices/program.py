"""From a list of device rules to the program that the kernel asks at each open and mknod (BPF_PROG_TYPE_CGROUP_DEVICE).

For each kind of access asked for (read, write, mknod) the last rule counts that names the device and that access; where
none does, it is allowed, as in a new cgroup of v1. All that is asked must be allowed. So a list means what it means to the
devices controller of v1, and is read by the program from its end:

    r2 = kind of device; r3 = access not decided yet; r4 = major; r5 = minor
    each rule:   if it names another device, go on
        allow:   r3 &= ~access; if nothing is left: return 1
        deny:    if r3 & access: return 0
    return 1

The instruction set is that of Documentation/bpf/standardization/instruction-set.rst; the context is struct
bpf_cgroup_dev_ctx (linux/bpf.h): u32 access_type (access << 16 | kind), major, minor.
"""

from __future__ import annotations

import struct

from containerd_py.light.dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from containerd_py.runtime.cgroups.resources import DeviceRule

KINDS = {"b": 1, "c": 2}  # BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_DEV_CHAR
ACCESS = {"m": 1, "r": 2, "w": 4}  # BPF_DEVCG_ACC_MKNOD, _READ, _WRITE
_ALL = sum(ACCESS.values())

# Operations on 32 bits, so that device numbers are compared unsigned. K: with a constant; X: with a register.
LOAD_WORD = 0x61
AND_K = 0x54
SHIFT_RIGHT_K = 0x74
MOVE_K = 0xB4
MOVE_X = 0xBC
JUMP_IF_EQUAL_K = 0x16
JUMP_UNLESS_EQUAL_K = 0x56
EXIT = 0x95

_RESULT, _CONTEXT, _KIND, _PENDING, _MAJOR, _MINOR = range(6)
_SCRATCH = _CONTEXT  # read before the first rule


@dataclass(frozen=True)
class Instruction:
    """One struct bpf_insn. offset: of a jump, in instructions after the next one."""

    code: int
    target: int = 0
    source: int = 0
    offset: int = 0
    constant: int = 0

    def encode(self) -> bytes:
        """Little-endian, as all machines that are known here."""
        return struct.pack("<BBhI", self.code, self.source << 4 | self.target, self.offset, self.constant & 0xFFFF_FFFF)


_START = (
    Instruction(LOAD_WORD, _KIND, _CONTEXT, 0),
    Instruction(MOVE_X, _PENDING, _KIND),
    Instruction(AND_K, _KIND, constant=0xFFFF),
    Instruction(SHIFT_RIGHT_K, _PENDING, constant=16),
    Instruction(LOAD_WORD, _MAJOR, _CONTEXT, 4),
    Instruction(LOAD_WORD, _MINOR, _CONTEXT, 8),
)


def assemble(rules: Iterable[DeviceRule]) -> bytes:
    return b"".join(instruction.encode() for instruction in instructions(rules))


def instructions(rules: Iterable[DeviceRule]) -> tuple[Instruction, ...]:
    """A rule for everything ends the list: what stands before it is decided never, and the verifier takes no dead code."""
    program = list(_START)
    for rule in reversed(tuple(rules)):
        if rule.kind == "a":
            return (*program, *_answer(allow=rule.allow))
        program += _block(rule)
    return (*program, *_answer(allow=True))


def _block(rule: DeviceRule) -> list[Instruction]:
    decision = _allowing(rule) if rule.allow else _denying(rule)
    named = [(_KIND, KINDS[rule.kind]), (_MAJOR, rule.major), (_MINOR, rule.minor)]
    tests = [(register, value) for register, value in named if value is not None]
    return [
        *(
            Instruction(JUMP_UNLESS_EQUAL_K, register, offset=len(tests) - index - 1 + len(decision), constant=value)
            for index, (register, value) in enumerate(tests)
        ),
        *decision,
    ]


def _allowing(rule: DeviceRule) -> list[Instruction]:
    return [
        Instruction(AND_K, _PENDING, constant=_ALL & ~_mask(rule)),
        Instruction(JUMP_UNLESS_EQUAL_K, _PENDING, offset=2, constant=0),
        *_answer(allow=True),
    ]


def _denying(rule: DeviceRule) -> list[Instruction]:
    return [
        Instruction(MOVE_X, _SCRATCH, _PENDING),
        Instruction(AND_K, _SCRATCH, constant=_mask(rule)),
        Instruction(JUMP_IF_EQUAL_K, _SCRATCH, offset=2, constant=0),
        *_answer(allow=False),
    ]


def _answer(*, allow: bool) -> list[Instruction]:
    return [Instruction(MOVE_K, _RESULT, constant=int(allow)), Instruction(EXIT)]


def _mask(rule: DeviceRule) -> int:
    return sum(ACCESS[letter] for letter in set(rule.access))
