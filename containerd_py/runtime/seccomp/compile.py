"""Compiling a profile with libseccomp, through pyseccomp."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from containerd_py.errors import InvalidArgument, NotSupported
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.spec.linux import Seccomp
from containerd_py.runtime.spec.seccomp_profile import default_profile

if TYPE_CHECKING:
    from containerd_py.runtime.spec.linux import SeccompArgument, SeccompRule

_UNKNOWN = -1  # __NR_SCMP_ERROR; other negative numbers stand for calls of other architectures
_FLAGS = {
    "SECCOMP_FILTER_FLAG_TSYNC": 1,
    "SECCOMP_FILTER_FLAG_LOG": 2,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": 4,
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": 32,
}


@dataclass(frozen=True, slots=True)
class SeccompFilter:
    """program: an array of struct sock_filter; flags: SECCOMP_FILTER_FLAG_* for seccomp(2)."""

    program: bytes
    flags: int


def compile_profile(profile: Seccomp) -> SeccompFilter:
    """Compile a profile. System calls that libseccomp does not know are left out, as runc does: the default action holds.

    Raises InvalidArgument for unknown flags or architectures, NotSupported without libseccomp.
    """
    return _compile(profile.model_dump_json())


@cache
def default_filter() -> SeccompFilter:
    """Return the filter of the default profile; the first call takes milliseconds."""
    return compile_profile(default_profile())


@lru_cache(maxsize=64)
def _compile(text: str) -> SeccompFilter:
    """By the profile's text: compiling takes milliseconds, and most containers share one profile."""
    profile = Seccomp.model_validate_json(text)
    flags = 0
    for flag in profile.flags:
        if flag not in _FLAGS:
            raise InvalidArgument(f"cannot compile seccomp profile: unknown flag {flag!r}", step="seccomp")
        flags |= _FLAGS[flag]
    library = _library()
    default = _action(library, profile.default_action, profile.default_errno_ret)
    program = library.SyscallFilter(default)
    for name in profile.architectures:
        _add_architecture(library, program, name)
    for rule in profile.syscalls:
        _add_rule(library, program, rule, default)
    return SeccompFilter(_export(program), flags)


def _library() -> Any:
    try:
        import pyseccomp
    except (ImportError, OSError, RuntimeError) as problem:
        raise NotSupported(
            f"cannot compile seccomp profile: {problem}",
            step="seccomp",
            hint="install libseccomp (Debian: libseccomp2)",
        ) from problem
    return pyseccomp


def _action(library: Any, name: str, errno_ret: int | None) -> int:
    number = errno.EPERM if errno_ret is None else errno_ret
    simple = {
        "SCMP_ACT_KILL": "KILL",
        "SCMP_ACT_KILL_THREAD": "KILL",
        "SCMP_ACT_KILL_PROCESS": "KILL_PROCESS",
        "SCMP_ACT_TRAP": "TRAP",
        "SCMP_ACT_ALLOW": "ALLOW",
        "SCMP_ACT_LOG": "LOG",
    }
    if name in simple:
        return int(getattr(library, simple[name]))
    return int(library.ERRNO(number) if name == "SCMP_ACT_ERRNO" else library.TRACE(number))


def _add_architecture(library: Any, program: Any, name: str) -> None:
    architecture = getattr(library.Arch, name.removeprefix("SCMP_ARCH_"), None)
    if not name.startswith("SCMP_ARCH_") or architecture is None:
        raise InvalidArgument(f"cannot compile seccomp profile: unknown architecture {name!r}", step="seccomp")
    if not program.exist_arch(architecture):
        program.add_arch(architecture)


def _add_rule(library: Any, program: Any, rule: SeccompRule, default: int) -> None:
    action = _action(library, rule.action, rule.errno_ret)
    if action == default:
        return  # libseccomp refuses a rule that says what holds anyway
    for name in rule.names:
        number = _number(library, name)
        if number is None:
            continue
        for arguments in _alternatives(rule.args):
            program.add_rule(action, number, *(_argument(library, argument) for argument in arguments))


def _alternatives(arguments: tuple[SeccompArgument, ...]) -> tuple[tuple[SeccompArgument, ...], ...]:
    """Split conditions on one argument into rules of their own (any of them holds): libseccomp takes one an argument."""
    indexes = [argument.index for argument in arguments]
    if len(indexes) == len(set(indexes)):
        return (arguments,)
    return tuple((argument,) for argument in arguments)


def _argument(library: Any, argument: SeccompArgument) -> Any:
    operator = getattr(library, argument.op.removeprefix("SCMP_CMP_"))
    if argument.op == "SCMP_CMP_MASKED_EQ":
        return library.Arg(argument.index, operator, argument.value, argument.value_two)
    return library.Arg(argument.index, operator, argument.value)


def _number(library: Any, name: str) -> int | None:
    """Return a call's number, None for one that this libseccomp does not know."""
    number = int(library.resolve_syscall(library.Arch.NATIVE, name))
    return None if number == _UNKNOWN else number


def _export(program: Any) -> bytes:
    with Fd(os.memfd_create("seccomp", os.MFD_CLOEXEC)) as target, open(target.fileno(), "wb", closefd=False) as file:
        program.export_bpf(file)
        file.flush()
        return os.pread(target.fileno(), os.fstat(target.fileno()).st_size, 0)
