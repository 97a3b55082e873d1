"""Landlock: a thread gives up rights to files for itself and for what it starts (landlock(7), Linux 5.13)."""

from __future__ import annotations

import errno

from containerd_py.light import ctypes
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.syscall import Flags, call

_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
WITH_REFER = 2
"""The version before lets nobody move a file to another directory."""


class AccessFs(Flags):
    """LANDLOCK_ACCESS_FS_* (linux/landlock.h)."""

    EXECUTE = 0x0001
    WRITE_FILE = 0x0002
    READ_FILE = 0x0004
    READ_DIR = 0x0008
    REMOVE_DIR = 0x0010
    REMOVE_FILE = 0x0020
    MAKE_CHAR = 0x0040
    MAKE_DIR = 0x0080
    MAKE_REG = 0x0100
    MAKE_SOCK = 0x0200
    MAKE_FIFO = 0x0400
    MAKE_BLOCK = 0x0800
    MAKE_SYM = 0x1000
    REFER = 0x2000  # version 2, Linux 5.19
    TRUNCATE = 0x4000  # version 3, Linux 6.2


class _RulesetAttr(ctypes.Structure):
    """struct landlock_ruleset_attr, as far as version 1 has it."""

    _fields_ = (("handled_access_fs", ctypes.c_uint64),)


class _PathBeneathAttr(ctypes.Structure):
    """struct landlock_path_beneath_attr, 12 bytes."""

    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def abi_version() -> int:
    """Return which version of Landlock this kernel has; 0 where it has none, or was booted without it."""
    try:
        return call("landlock_create_ruleset", None, 0, _CREATE_RULESET_VERSION)
    except OSError as problem:
        if problem.errno not in (errno.ENOSYS, errno.EOPNOTSUPP):
            raise
        return 0


def create_ruleset(handled: AccessFs) -> Fd:
    """Return a set of rules by which nothing of `handled` is allowed yet, and everything else is."""
    attributes = _RulesetAttr(handled)
    return Fd(call("landlock_create_ruleset", attributes, ctypes.sizeof(attributes), 0))


def allow_beneath(ruleset: int, directory: int, access: AccessFs) -> None:
    """Add a rule: `access`, a part of what the set handles, is allowed at `directory` and beneath it."""
    rule = _PathBeneathAttr(access, directory)
    call("landlock_add_rule", ruleset, _RULE_PATH_BENEATH, rule, 0)


def restrict_self(ruleset: int) -> None:
    """Hold this thread, and what it starts from now on, to the rules. It must have no_new_privs, or CAP_SYS_ADMIN."""
    call("landlock_restrict_self", ruleset, 0)
