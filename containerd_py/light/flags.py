"""Flags without the price of `enum`, which is the greatest of all imports at a start of a program (ADR 26).

A class of them has members that are named as its attributes. What is here does as `enum.IntFlag`; a value may have bits
that have no name. What is not here is not needed.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enum import IntFlag
else:

    class IntFlag(int):
        """A number of which each bit means something. Iteration yields the members that are in it, of one bit each."""

        __slots__ = ()
        _names = {}  # noqa: RUF012 - each class has its own

        def __init_subclass__(cls):
            numbers = {name: value for name, value in vars(cls).items() if type(value) is int}
            cls._names = {value: name for name, value in numbers.items()}
            for name, value in numbers.items():
                setattr(cls, name, cls(value))

        @property
        def name(self):
            return self._names.get(int(self))

        @property
        def value(self):
            return int(self)

        def __iter__(self):
            return (type(self)(bit) for bit in sorted(self._names) if bit & self and not bit & (bit - 1))

        def __contains__(self, other):
            return other & ~int(self) == 0

        def __or__(self, other):
            return type(self)(int(self) | other)

        def __and__(self, other):
            return type(self)(int(self) & other)

        def __xor__(self, other):
            return type(self)(int(self) ^ other)

        def __invert__(self):
            """All other bits up to the highest that has a name; those too that have none."""
            highest = max(int(self), *self._names).bit_length()
            return type(self)(~int(self) & ((1 << highest) - 1))

        __ror__, __rand__, __rxor__ = __or__, __and__, __xor__
        __str__ = int.__repr__


__all__ = ["IntFlag"]
