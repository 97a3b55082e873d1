"""Profiles become BPF. What a filter answers is asked of a small interpreter of it, not guessed from its length."""

import errno
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyseccomp
import pytest

from containerd_py.errors import InvalidArgument, NotSupported
from containerd_py.runtime.seccomp.architectures import ARM, TOKENS
from containerd_py.runtime.seccomp.compile import compile_profile
from containerd_py.runtime.seccomp.enosys import newer_calls
from containerd_py.runtime.spec.linux import SECCOMP_ARCHITECTURES, Seccomp, SeccompArgument, SeccompRule
from containerd_py.runtime.spec.seccomp_profile import default_profile

ALLOW, ERRNO, KILL_PROCESS, KILL_THREAD, TRAP, TRACE, LOG, NOTIFY = (
    *(0x7FFF_0000, 0x0005_0000, 0x8000_0000, 0x0000_0000, 0x0003_0000, 0x7FF0_0000, 0x7FFC_0000, 0x7FC0_0000),
)
LISTENER, SPEC_ALLOW = 8, 4
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
    """Allow these and a call that is newer than all that the tests ask for: none of them is new to the profile."""
    rules = (*rules, SeccompRule(names=("clone3",), action="SCMP_ACT_ALLOW"))
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
        ("SCMP_ACT_TRACE", 65_535, TRACE | 65_535),
        ("SCMP_ACT_LOG", None, LOG),
        ("SCMP_ACT_NOTIFY", None, NOTIFY),
    ],
)
def test_actions(action: str, errno_ret: int | None, expected: int) -> None:
    rules = ({"names": ["mount"], "action": action, "errnoRet": errno_ret},)
    profile = Seccomp.parse({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules})
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
    argument = SeccompArgument.parse({"index": 0, "value": value, "valueTwo": value_two, "op": operator})
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


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, SPEC_ALLOW),
        ({"flags": []}, 0),
        ({"flags": ["SECCOMP_FILTER_FLAG_TSYNC"]}, 0),
        ({"flags": ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_LOG"]}, 2 | 4),
        ({"flags": ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]}, 32),
        ({"flags": [], "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_NOTIFY"}]}, LISTENER),
    ],
)
def test_flags(given: dict[str, Any], expected: int) -> None:
    assert compile_profile(Seccomp.parse({"defaultAction": "SCMP_ACT_ALLOW", **given})).flags == expected


@pytest.mark.parametrize(("field", "value"), [("flags", "SECCOMP_FILTER_FLAG_FAST"), ("architectures", "SCMP_ARCH_PDP11")])
def test_what_is_unknown_is_refused_when_it_is_read(field: str, value: str) -> None:
    with pytest.raises(InvalidArgument, match=f"{field}.0"):
        Seccomp.parse({"defaultAction": "SCMP_ACT_ALLOW", field: [value]})


def test_every_architecture_of_the_specification_has_its_token() -> None:
    assert set(TOKENS) == set(SECCOMP_ARCHITECTURES)


def test_an_architecture_of_the_other_byte_order_is_refused_by_name() -> None:
    with pytest.raises(NotSupported) as caught:
        compile_profile(Seccomp(default_action="SCMP_ACT_ALLOW", architectures=("SCMP_ARCH_S390X",)))
    assert "SCMP_ARCH_S390X" in caught.value.message
    assert caught.value.step == "seccomp"


@pytest.fixture
def old_kernel() -> Iterator[None]:
    """libseccomp as on a kernel of 2016: without LOG, KILL_PROCESS and NOTIFY."""
    level = pyseccomp.get_api()
    pyseccomp.set_api(1)
    yield
    pyseccomp.set_api(level)


@pytest.mark.usefixtures("old_kernel")
@pytest.mark.parametrize(
    ("default", "action", "told"),
    [
        ("SCMP_ACT_LOG", "SCMP_ACT_ALLOW", "SCMP_ACT_LOG here"),
        ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_LOG for reboot here"),
    ],
)
def test_an_action_that_the_host_lacks_is_refused_by_name(default: str, action: str, told: str) -> None:
    rules = [{"names": ["reboot"], "action": action}]
    with pytest.raises(NotSupported, match=told):
        compile_profile(Seccomp.parse({"defaultAction": default, "syscalls": rules}))


def test_one_profile_is_compiled_once() -> None:
    assert compile_profile(allowing(rule("read"))) is compile_profile(allowing(rule("read")))


def test_a_call_of_another_architecture_is_killed() -> None:
    """Its numbers mean other calls: a filter of numbers would be no filter."""
    program = compile_profile(allowing(rule("read"))).program
    assert Machine(program).run(CALLS["read"], arch=0x1234) == KILL_THREAD


# ── calls that are newer than a profile (ADR 11) ─────────────────────────────────────────────────────────────────────


def old_profile(**changes: Any) -> Seccomp:
    """A profile that knows no call after "mount"."""
    rules = [{"names": ["read", "mount"], "action": "SCMP_ACT_ALLOW", "args": []}]
    return Seccomp.parse({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules, **changes})


def test_a_call_newer_than_the_profile_does_not_exist() -> None:
    last = CALLS["mount"]
    assert ask(old_profile(), last) == ALLOW
    assert ask(old_profile(), last - 1) == ERRNO | errno.EPERM
    assert ask(old_profile(), last + 1) == ask(old_profile(), 100_000) == ERRNO | errno.ENOSYS
    assert ask(old_profile(), 0xFFFF_FFFF) != ERRNO | errno.ENOSYS  # -1: a tracer took the call away


@pytest.mark.parametrize("action", ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"])
def test_only_an_error_number_makes_way_for_another(action: str) -> None:
    """A profile that kills means to."""
    rules = [{"names": ["read"], "action": "SCMP_ACT_ERRNO"}]
    assert ask(old_profile(defaultAction=action, syscalls=rules), 100_000) != ERRNO | errno.ENOSYS


def test_a_rule_that_is_no_permission_makes_a_call_known_too() -> None:
    rules = [{"names": ["clone3"], "action": "SCMP_ACT_KILL_PROCESS"}]
    assert ask(old_profile(syscalls=rules), "clone3") == KILL_PROCESS
    assert ask(old_profile(syscalls=rules), "mount") == ERRNO | errno.EPERM


def test_a_profile_of_unknown_calls_only_is_no_measure() -> None:
    rules = [{"names": ["no_such_call"], "action": "SCMP_ACT_ALLOW"}]
    assert ask(old_profile(syscalls=rules), 100_000) == ERRNO | errno.EPERM


def test_each_architecture_counts_its_own_calls() -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("x86_64 runs i386 and x32 programs too")
    profile = old_profile(architectures=["SCMP_ARCH_X86", "SCMP_ARCH_X32"])
    machine = Machine(compile_profile(profile).program)
    i386, mount = 0x4000_0003, 21
    assert machine.run(mount, arch=i386) == ALLOW
    assert machine.run(mount + 1, arch=i386) == ERRNO | errno.ENOSYS
    assert machine.run(CALLS["mount"] + 1) == ERRNO | errno.ENOSYS
    x32 = 0x4000_0000
    assert machine.run(x32 | CALLS["mount"]) == ALLOW
    assert machine.run(x32 | CALLS["mount"] - 1) == ERRNO | errno.EPERM
    assert machine.run(x32 | CALLS["mount"] + 1) == ERRNO | errno.ENOSYS


def test_private_calls_of_arm_are_not_new() -> None:
    program = newer_calls({ARM: 100}) + struct.pack("=HBBI", 0x06, 0, 0, ALLOW)
    numbers = {number: Machine(program).run(number, arch=ARM) for number in (100, 101, 0x0F_0000, 0x0F_0005)}
    assert numbers == {100: ALLOW, 101: ERRNO | errno.ENOSYS, 0x0F_0000: ALLOW, 0x0F_0005: ALLOW}
    assert Machine(program).run(101, arch=AUDIT_ARCH) == ALLOW


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


def test_the_default_profile_allows_what_programs_of_32_bit_arm_need() -> None:
    """Their threads cannot start without set_tls, which is a private call of that architecture."""
    set_tls, mount = 0x0F_0005, 21
    profile = default_profile().replace(architectures=("SCMP_ARCH_ARM",))
    machine = Machine(compile_profile(profile).program)
    assert machine.run(set_tls, arch=ARM) == ALLOW
    assert machine.run(mount, arch=ARM) == ERRNO | errno.EPERM
