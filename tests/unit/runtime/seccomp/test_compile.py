"""Profiles become BPF. What a filter answers is asked of a small interpreter of it, not guessed from its length."""

import errno
import os
import struct
from dataclasses import dataclass

import pytest

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.seccomp.compile import compile_profile
from containerd_py.runtime.spec.linux import Seccomp, SeccompArgument, SeccompRule
from containerd_py.runtime.spec.seccomp_profile import default_profile

ALLOW, ERRNO, KILL_PROCESS, KILL_THREAD, TRAP, TRACE, LOG = (
    *(0x7FFF_0000, 0x0005_0000, 0x8000_0000, 0x0000_0000, 0x0003_0000, 0x7FF0_0000, 0x7FFC_0000),
)
AUDIT_ARCH, CALLS = {
    "x86_64": (0xC000_003E, {"read": 0, "personality": 135, "clone": 56, "clone3": 435, "socket": 41, "mount": 165}),
    "aarch64": (0xC000_00B7, {"read": 63, "personality": 92, "clone": 220, "clone3": 435, "socket": 198, "mount": 40}),
}[os.uname().machine]
UNSHARE, CHROOT = {"x86_64": (272, 161), "aarch64": (97, 51)}[os.uname().machine]


@dataclass(slots=True)
class Machine:
    """The instructions of classic BPF that libseccomp uses (linux/filter.h)."""

    program: bytes
    accumulator: int = 0

    def run(self, number: int, *arguments: int, arch: int = AUDIT_ARCH) -> int:
        data = struct.pack("<IIQ6Q", number, arch, 0, *arguments, *[0] * (6 - len(arguments)))
        instructions = list(struct.iter_unpack("<HBBI", self.program))
        at = 0
        while True:
            code, when_true, when_false, k = instructions[at]
            at += 1
            match code:
                case 0x20:
                    (self.accumulator,) = struct.unpack_from("<I", data, k)
                case 0x54:
                    self.accumulator &= k
                case 0x05:
                    at += k
                case 0x15 | 0x25 | 0x35:
                    holds = {0x15: self.accumulator == k, 0x25: self.accumulator > k, 0x35: self.accumulator >= k}[code]
                    at += when_true if holds else when_false
                case 0x06:
                    return int(k)
                case _:
                    raise AssertionError(f"unknown instruction {code:#x}")


def ask(profile: Seccomp, call: str | int, *arguments: int) -> int:
    number = CALLS[call] if isinstance(call, str) else call
    return Machine(compile_profile(profile).program).run(number, *arguments)


def allowing(*rules: SeccompRule, default_errno: int | None = None) -> Seccomp:
    return Seccomp(default_action="SCMP_ACT_ERRNO", default_errno_ret=default_errno, syscalls=rules)


def rule(name: str, *arguments: SeccompArgument) -> SeccompRule:
    return SeccompRule(names=(name,), action="SCMP_ACT_ALLOW", args=arguments)


def test_what_is_listed_is_allowed_and_the_rest_is_not() -> None:
    profile = allowing(rule("read"))
    assert ask(profile, "read") == ALLOW
    assert ask(profile, "mount") == ERRNO | errno.EPERM


def test_the_default_errno_can_be_chosen() -> None:
    assert ask(allowing(default_errno=errno.ENOSYS), "mount") == ERRNO | errno.ENOSYS


@pytest.mark.parametrize(
    ("action", "errno_ret", "expected"),
    [
        ("SCMP_ACT_ERRNO", None, ERRNO | errno.EPERM),
        ("SCMP_ACT_ERRNO", errno.EACCES, ERRNO | errno.EACCES),
        ("SCMP_ACT_KILL", None, KILL_THREAD),
        ("SCMP_ACT_KILL_THREAD", None, KILL_THREAD),
        ("SCMP_ACT_KILL_PROCESS", None, KILL_PROCESS),
        ("SCMP_ACT_TRAP", None, TRAP),
        ("SCMP_ACT_TRACE", 7, TRACE | 7),
        ("SCMP_ACT_LOG", None, LOG),
    ],
)
def test_actions(action: str, errno_ret: int | None, expected: int) -> None:
    rules = ({"names": ["mount"], "action": action, "errnoRet": errno_ret},)
    profile = Seccomp.model_validate({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules})
    assert ask(profile, "mount") == expected
    assert ask(profile, "read") == ALLOW


def test_calls_that_the_library_does_not_know_are_left_out() -> None:
    """As runc does: a profile may be newer than libseccomp, or name calls of another architecture."""
    with_unknown = allowing(rule("read"), rule("no_such_call"), rule("riscv_flush_icache"))
    assert compile_profile(with_unknown).program == compile_profile(allowing(rule("read"))).program


def test_a_rule_that_says_what_holds_anyway_is_left_out() -> None:
    profile = Seccomp(default_action="SCMP_ACT_ALLOW", syscalls=(SeccompRule(names=("read",), action="SCMP_ACT_ALLOW"),))
    assert ask(profile, "read") == ALLOW


@pytest.mark.parametrize(
    ("operator", "value", "value_two", "inside", "outside"),
    [
        ("SCMP_CMP_EQ", 5, 0, 5, 6),
        ("SCMP_CMP_NE", 5, 0, 6, 5),
        ("SCMP_CMP_LT", 5, 0, 4, 5),
        ("SCMP_CMP_LE", 5, 0, 5, 6),
        ("SCMP_CMP_GE", 5, 0, 5, 4),
        ("SCMP_CMP_GT", 5, 0, 6, 5),
        ("SCMP_CMP_MASKED_EQ", 0xF0, 0x10, 0x1F, 0x2F),
    ],
)
def test_conditions_on_arguments(operator: str, value: int, value_two: int, inside: int, outside: int) -> None:
    argument = SeccompArgument.model_validate({"index": 0, "value": value, "valueTwo": value_two, "op": operator})
    profile = allowing(rule("personality", argument))
    assert ask(profile, "personality", inside) == ALLOW
    assert ask(profile, "personality", outside) == ERRNO | errno.EPERM


def test_conditions_on_different_arguments_must_all_hold() -> None:
    first = SeccompArgument(index=0, value=1, op="SCMP_CMP_EQ")
    second = SeccompArgument(index=1, value=2, op="SCMP_CMP_EQ")
    profile = allowing(rule("socket", first, second))
    assert ask(profile, "socket", 1, 2) == ALLOW
    assert ask(profile, "socket", 1, 3) == ask(profile, "socket", 3, 2) == ERRNO | errno.EPERM


def test_of_two_conditions_on_one_argument_any_may_hold() -> None:
    """libseccomp takes one condition an argument; runc splits them into rules of their own."""
    conditions = [SeccompArgument(index=0, value=value, op="SCMP_CMP_EQ") for value in (3, 9)]
    profile = allowing(rule("socket", *conditions))
    assert [ask(profile, "socket", family) for family in (3, 9)] == [ALLOW, ALLOW]
    assert ask(profile, "socket", 5) == ERRNO | errno.EPERM


def test_flags() -> None:
    flags = ("SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW")
    assert compile_profile(Seccomp(default_action="SCMP_ACT_ALLOW", flags=flags)).flags == 2 | 4
    assert compile_profile(Seccomp(default_action="SCMP_ACT_ALLOW")).flags == 0


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"flags": ["SECCOMP_FILTER_FLAG_FAST"]}, "unknown flag 'SECCOMP_FILTER_FLAG_FAST'"),
        ({"architectures": ["SCMP_ARCH_PDP11"]}, "unknown architecture 'SCMP_ARCH_PDP11'"),
        ({"architectures": ["X86_64"]}, "unknown architecture 'X86_64'"),
    ],
)
def test_what_is_unknown_is_refused_by_name(changes: dict[str, list[str]], told: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        compile_profile(Seccomp.model_validate({"defaultAction": "SCMP_ACT_ALLOW", **changes}))
    assert caught.value.message == f"cannot compile seccomp profile: {told}"
    assert caught.value.step == "seccomp"


def test_a_call_of_another_architecture_is_killed() -> None:
    """Its numbers mean other calls: a filter of numbers would be no filter."""
    program = compile_profile(allowing(rule("read"))).program
    assert Machine(program).run(CALLS["read"], arch=0x1234) == KILL_THREAD


# ── our default profile ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("call", "arguments", "expected"),
    [
        ("read", (), ALLOW),
        ("mount", (), ERRNO | errno.EPERM),
        (UNSHARE, (0x2000_0000,), ERRNO | errno.EPERM),
        ("clone", (17,), ALLOW),
        ("clone", (17 | 0x1000_0000,), ERRNO | errno.EPERM),  # CLONE_NEWUSER
        ("clone", (17 | 0x0002_0000,), ERRNO | errno.EPERM),  # CLONE_NEWNS
        ("clone3", (), ERRNO | errno.ENOSYS),
        (CHROOT, (), ALLOW),  # CAP_SYS_CHROOT, a default, decides
        ("socket", (1,), ALLOW),  # AF_UNIX
        ("socket", (38,), ERRNO | errno.EPERM),  # AF_ALG
        ("socket", (39,), ALLOW),
        ("socket", (40,), ERRNO | errno.EPERM),  # AF_VSOCK
        ("socket", (41,), ALLOW),
        ("personality", (0xFFFF_FFFF,), ALLOW),
        ("personality", (0x0004_0000,), ERRNO | errno.EPERM),  # ADDR_NO_RANDOMIZE
    ],
)
def test_the_default_profile(call: str | int, arguments: tuple[int, ...], expected: int) -> None:
    assert ask(default_profile(), call, *arguments) == expected


def test_the_default_profile_holds_for_the_machines_other_architectures() -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("x86_64 runs i386 and x32 programs too")
    machine = Machine(compile_profile(default_profile()).program)
    i386, mount, read = 0x4000_0003, 21, 3
    assert machine.run(read, arch=i386) == ALLOW
    assert machine.run(mount, arch=i386) == ERRNO | errno.EPERM
