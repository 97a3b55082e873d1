"""Compiling a profile with libseccomp, through pyseccomp."""

from __future__ import annotations

import errno
import os

from containerd_py.errors import InvalidArgument, NotSupported
from containerd_py.light.contextlib import contextmanager
from containerd_py.light.functools import cache, lru_cache
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.seccomp import kept
from containerd_py.runtime.seccomp.architectures import TOKENS
from containerd_py.runtime.seccomp.enosys import newer_calls
from containerd_py.runtime.seccomp.kept import SeccompFilter
from containerd_py.runtime.spec.defaults import UNKNOWN_CALLS_ANNOTATION
from containerd_py.runtime.spec.seccomp_profile import default_profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from containerd_py.runtime.spec.linux import Seccomp, SeccompArgument, SeccompRule

_UNKNOWN = -1  # __NR_SCMP_ERROR; other negative numbers stand for calls of other architectures
_NEW_LISTENER = 8  # SECCOMP_FILTER_FLAG_NEW_LISTENER
_SPEC_ALLOW = 4
# TSYNC is for processes with threads, and a worker has one; together with a listener old kernels refuse it.
_FLAGS = {
    "SECCOMP_FILTER_FLAG_TSYNC": 0,
    "SECCOMP_FILTER_FLAG_LOG": 2,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": _SPEC_ALLOW,
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": 32,
}


_PASSING = ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG")


def compile_profile(profile: Seccomp) -> SeccompFilter:
    """Compile a profile. System calls that libseccomp does not know are left out, as runc does: the default action holds.

    Where that is an error number, calls newer than all that the profile names answer ENOSYS (ADR 11).
    Raises NotSupported for what libseccomp cannot do, or without it.
    """
    return _compile(profile, flags_given="flags" in profile.given)


def load() -> None:
    """Load the library, which is looked for by programs of the host: from then on nothing is executed for it.

    Raises NotSupported.
    """
    _library()


def check_known(profile: Seccomp) -> None:
    """Raise InvalidArgument for a system call of the profile that libseccomp does not know, and would be left out."""
    library = _library()
    for index, rule in enumerate(profile.syscalls):
        for name in rule.names:
            if _number(library, library.system_arch(), name) == _UNKNOWN:
                where = f"linux.seccomp.syscalls.{index}.names"
                raise InvalidArgument(
                    f"cannot filter system call {name!r} ({where}): libseccomp knows none of that name",
                    step="seccomp",
                    hint=f"annotation {UNKNOWN_CALLS_ANNOTATION!r} makes that an error",
                )


@cache
def default_filter() -> SeccompFilter:
    """Return the filter of the default profile; the first call takes milliseconds."""
    return compile_profile(default_profile())


@lru_cache(maxsize=64)
def _compile(profile: Seccomp, *, flags_given: bool) -> SeccompFilter:
    """Once for each profile: compiling takes milliseconds, and most containers share one."""
    key = kept.key_of(profile)
    found = kept.find(key)
    if found is None:
        found = _compiled(profile, flags_given=flags_given)
        kept.keep(key, found, _library_file())
    return found


def _library_file() -> str:
    """Return the path of libseccomp, which was loaded. Raises NotSupported."""
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            if "/libseccomp.so" in line:
                return line.rstrip("\n").split(maxsplit=5)[5]
    raise NotSupported("cannot compile linux.seccomp: libseccomp is not there", step="seccomp")


def _compiled(profile: Seccomp, *, flags_given: bool) -> SeccompFilter:
    library = _library()
    default = _action(library, profile.default_action, profile.default_errno_ret)
    with _told(profile.default_action):
        program = library.SyscallFilter(default)
    for name in profile.architectures:
        _add_architecture(program, name)
    for rule in profile.syscalls:
        _add_rule(library, program, rule, default)
    return SeccompFilter(
        _stub(library, profile) + _export(program), filter_flags(profile, given=flags_given), _silences(profile)
    )


def _silences(profile: Seccomp) -> bool:
    """A filter that refuses execve as well is to fail where it can be told."""
    return _lets(profile, "execve") and not _lets(profile, "sendto")


def _lets(profile: Seccomp, name: str) -> bool:
    """Tell whether a call passes, whatever its arguments."""
    rules = [rule for rule in profile.syscalls if name in rule.names]
    if profile.default_action in _PASSING:
        return all(rule.action in _PASSING for rule in rules)
    return any(rule.action in _PASSING and not rule.args for rule in rules)


def filter_flags(profile: Seccomp, *, given: bool) -> int:
    """Without a list of flags, as runc, SPEC_ALLOW: without a mitigation that Linux 5.16 no longer ties to filters."""
    chosen = sum(_FLAGS[flag] for flag in set(profile.flags)) if given else _SPEC_ALLOW
    notifies = any(rule.action == "SCMP_ACT_NOTIFY" for rule in profile.syscalls)
    return chosen | (_NEW_LISTENER if notifies else 0)


def _stub(library: Any, profile: Seccomp) -> bytes:
    if profile.default_action != "SCMP_ACT_ERRNO" or profile.default_errno_ret == errno.ENOSYS:
        return b""
    names = {name for rule in profile.syscalls for name in rule.names}
    tokens = {library.system_arch(), *(TOKENS[name] for name in profile.architectures)}
    numbers = {token: max((_number(library, token, name) for name in names), default=_UNKNOWN) for token in sorted(tokens)}
    return newer_calls({token: number for token, number in numbers.items() if number >= 0})


def _library() -> Any:
    try:
        import pyseccomp
    except (ImportError, OSError, RuntimeError) as problem:
        raise NotSupported(
            f"cannot compile linux.seccomp: {problem}",
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
        "SCMP_ACT_NOTIFY": "NOTIFY",
    }
    if name in simple:
        return int(getattr(library, simple[name]))
    return int(library.ERRNO(number) if name == "SCMP_ACT_ERRNO" else library.TRACE(number))


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Tell what libseccomp refuses: EINVAL, what it or this kernel is too old for; EDOM, the other byte order."""
    try:
        yield
    except OSError as problem:
        raise NotSupported(
            f"cannot compile linux.seccomp: this libseccomp cannot do {what} here",
            step="seccomp",
            errno=problem.errno,
            hint="leave it out: this machine's kernel, libseccomp or byte order is not for it",
        ) from problem


def _add_architecture(program: Any, name: str) -> None:
    with _told(name):
        if not program.exist_arch(TOKENS[name]):
            program.add_arch(TOKENS[name])


def _add_rule(library: Any, program: Any, rule: SeccompRule, default: int) -> None:
    action = _action(library, rule.action, rule.errno_ret)
    if action == default:
        return  # libseccomp refuses a rule that says what holds anyway
    for name in rule.names:
        number = _number(library, library.Arch.NATIVE, name)
        if number == _UNKNOWN:
            continue
        with _told(f"{rule.action} for {name}"):
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


def _number(library: Any, architecture: int, name: str) -> int:
    """Return a call's number there, below 0 for one that is not there; -1 for one that this libseccomp does not know."""
    return int(library.resolve_syscall(architecture, name))


def _export(program: Any) -> bytes:
    with Fd(os.memfd_create("seccomp", os.MFD_CLOEXEC)) as target, open(target.fileno(), "wb", closefd=False) as file:
        program.export_bpf(file)
        file.flush()
        return os.pread(target.fileno(), os.fstat(target.fileno()).st_size, 0)
