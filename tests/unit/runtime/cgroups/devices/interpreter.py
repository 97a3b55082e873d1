"""A machine for the few instructions that the device program uses, to run it without a kernel."""

import struct

from containerd_py.runtime.cgroups.devices import program

WORD = 0xFFFF_FFFF


def run(code: bytes, kind: str, major: int, minor: int, access: str) -> bool:
    """Return whether the program allows it. It must end, and jump forwards only, as the verifier demands."""
    mask = sum(program.ACCESS[letter] for letter in access)
    context = struct.pack("<III", mask << 16 | program.KINDS[kind], major, minor)
    registers = [0] * 11
    position = 0
    while True:
        operation, both, offset, constant = struct.unpack_from("<BBhI", code, position * 8)
        target, source = both & 0xF, both >> 4
        position += 1
        match operation:
            case program.LOAD_WORD:
                (registers[target],) = struct.unpack_from("<I", context, offset)
            case program.AND_K:
                registers[target] &= constant
            case program.SHIFT_RIGHT_K:
                registers[target] >>= constant
            case program.MOVE_K:
                registers[target] = constant
            case program.MOVE_X:
                registers[target] = registers[source]
            case program.JUMP_IF_EQUAL_K | program.JUMP_UNLESS_EQUAL_K:
                assert offset >= 0
                if (registers[target] & WORD == constant) == (operation == program.JUMP_IF_EQUAL_K):
                    position += offset
            case program.EXIT:
                return bool(registers[0])
            case _:
                raise AssertionError(f"unknown operation {operation:#x}")
