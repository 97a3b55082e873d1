"""`ctypes` without what it makes for all its users at each start of a program (ADR 26): the same classes of C, named anew.

What is here does as that does; what is not here is not needed. To be imported as `ctypes`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ctypes import (
        CDLL,
        CFUNCTYPE,
        Array,
        Structure,
        addressof,
        byref,
        c_byte,
        c_char,
        c_char_p,
        c_int,
        c_int32,
        c_long,
        c_uint32,
        c_uint64,
        c_ushort,
        c_void_p,
        create_string_buffer,
        get_errno,
        sizeof,
    )
else:
    from _ctypes import (
        FUNCFLAG_CDECL,
        FUNCFLAG_USE_ERRNO,
        Array,
        CFuncPtr,
        Structure,
        _SimpleCData,
        addressof,
        byref,
        dlopen,
        get_errno,
        sizeof,
    )

    class c_byte(_SimpleCData):  # noqa: N801 - here and below: as they are named in `ctypes`
        _type_ = "b"

    class c_char(_SimpleCData):  # noqa: N801
        _type_ = "c"

    class c_char_p(_SimpleCData):  # noqa: N801
        _type_ = "z"

    class c_int(_SimpleCData):  # noqa: N801
        _type_ = "i"

    c_int32 = c_int

    class c_uint32(_SimpleCData):  # noqa: N801
        _type_ = "I"

    class c_long(_SimpleCData):  # noqa: N801
        _type_ = "l"

    class c_uint64(_SimpleCData):  # noqa: N801
        _type_ = "Q"

    class c_ushort(_SimpleCData):  # noqa: N801
        _type_ = "H"

    class c_void_p(_SimpleCData):  # noqa: N801
        _type_ = "P"

    class CDLL:
        """This program itself, for `name` None: where functions of the C library are found."""

        def __init__(self, name, *, use_errno):
            assert use_errno, "others are for `ctypes`"  # noqa: S101 - who writes the call reads it
            self._handle = dlopen(name, 0)  # what is there is local; resolved at once (RTLD_NOW), which `dlopen` adds

    def CFUNCTYPE(result, *arguments, use_errno):  # noqa: N802 - as it is named in `ctypes`
        """Return the type of a function, which is made of (its name, its library)."""
        assert use_errno, "others are for `ctypes`"  # noqa: S101 - as above

        class Function(CFuncPtr):
            _argtypes_ = arguments
            _restype_ = result
            _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO

        return Function

    def create_string_buffer(content, size=None):
        """Return memory with these bytes in it and a NUL, or so much that is all NUL."""
        if isinstance(content, bytes):
            buffer = (c_char * (len(content) + 1 if size is None else size))()
            buffer.value = content
            return buffer
        return (c_char * content)()


__all__ = [
    "CDLL",
    "CFUNCTYPE",
    "Array",
    "Structure",
    "addressof",
    "byref",
    "c_byte",
    "c_char",
    "c_char_p",
    "c_int",
    "c_int32",
    "c_long",
    "c_uint32",
    "c_uint64",
    "c_ushort",
    "c_void_p",
    "create_string_buffer",
    "get_errno",
    "sizeof",
]
