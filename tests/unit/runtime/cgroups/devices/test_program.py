"""The program about devices, by what it answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containerd_py.runtime.cgroups.devices.program import assemble, instructions
from containerd_py.runtime.cgroups.devices.rules import with_default_devices
from containerd_py.runtime.cgroups.resources import DeviceRule
from tests.unit.runtime.cgroups.devices.interpreter import run

NOTHING = DeviceRule(allow=False)
EVERYTHING = DeviceRule(allow=True)


def rule(text: str) -> DeviceRule:
    """Read "+c 1:3 rw": + allows, - denies, * is any number."""
    sign, kind, major, minor, access = text.replace(":", " ").replace("+", "+ ").replace("-", "- ").split()
    major_number, minor_number = (None if number == "*" else int(number) for number in (major, minor))
    return DeviceRule(sign == "+", kind, major_number, minor_number, access)


@pytest.mark.parametrize(
    ("rules", "asked", "allowed"),
    [
        ([], "c 1:3 rw", True),
        (["+c 1:3 r"], "b 9:9 rwm", True),
        ([NOTHING], "c 1:3 r", False),
        ([NOTHING, EVERYTHING], "c 1:3 rwm", True),
        ([EVERYTHING, NOTHING], "c 1:3 r", False),
        ([NOTHING, "+c 1:3 rw"], "c 1:3 rw", True),
        ([NOTHING, "+c 1:3 rw"], "c 1:3 r", True),
        ([NOTHING, "+c 1:3 rw"], "c 1:3 rm", False),
        ([NOTHING, "+c 1:3 rw"], "b 1:3 r", False),
        ([NOTHING, "+c 1:3 rw"], "c 1:4 r", False),
        ([NOTHING, "+c 1:3 rw"], "c 2:3 r", False),
        ([NOTHING, "+c 1:* rwm"], "c 1:77 m", True),
        ([NOTHING, "+c *:3 r"], "c 9:3 r", True),
        ([NOTHING, "+c *:* m"], "c 9:3 m", True),
        ([NOTHING, "+c *:* m"], "c 9:3 rm", False),
        ([NOTHING, "+c 1:3 r", "+c 1:3 w"], "c 1:3 rw", True),
        ([NOTHING, "+c 1:* rwm", "-c 1:3 w"], "c 1:3 rw", False),
        ([NOTHING, "+c 1:* rwm", "-c 1:3 w"], "c 1:3 r", True),
        ([NOTHING, "+c 1:* rwm", "-c 1:3 w"], "c 1:4 rw", True),
        (["-c 1:3 w"], "c 1:3 rw", False),
        (["-c 1:3 w"], "c 1:3 r", True),
        (["-c 1:3 rwm", "+c 1:3 r"], "c 1:3 r", True),
        (["-c 1:3 rwm", "+c 1:3 r"], "c 1:3 rw", False),
        ([NOTHING, "+c 4294967295:2147483648 r"], "c 4294967295:2147483648 r", True),
        ([NOTHING, "+c 4294967295:2147483648 r"], "c 4294967295:2147483647 r", False),
    ],
)
def test_answers(rules: list[str | DeviceRule], asked: str, allowed: bool) -> None:  # noqa: FBT001
    code = assemble([rule(entry) if isinstance(entry, str) else entry for entry in rules])
    question = rule(f"+{asked}")
    assert run(code, question.kind, question.major or 0, question.minor or 0, question.access) is allowed


def test_default_devices_are_allowed_whatever_is_asked() -> None:
    code = assemble(with_default_devices((NOTHING, rule("-c 1:3 rwm"))))
    for major, minor in ((1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2), (136, 9)):
        assert run(code, "c", major, minor, "rwm")
    assert run(code, "b", 8, 0, "m")
    assert not run(code, "b", 8, 0, "r")
    assert not run(code, "c", 1, 1, "r")


def test_an_instruction_has_eight_bytes() -> None:
    assert len(assemble([])) == 8 * len(instructions([])) == 8 * 8
    # from clang -target bpf: r2 = *(u32 *)(r1 + 0); exit
    assert assemble([])[:8] == bytes.fromhex("6112000000000000")
    assert assemble([])[-8:] == bytes.fromhex("9500000000000000")


def test_what_stands_before_a_rule_for_everything_is_left_out() -> None:
    """The verifier refuses what can never be reached."""
    assert instructions([rule("+c 1:3 r"), NOTHING]) == instructions([NOTHING])


RULES = st.builds(
    DeviceRule,
    allow=st.booleans(),
    kind=st.sampled_from("bc"),
    major=st.sampled_from([None, 1, 2]),
    minor=st.sampled_from([None, 1, 2]),
    access=st.sampled_from(["r", "w", "m", "rw", "rm", "wm", "rwm"]),
) | st.sampled_from([NOTHING, EVERYTHING])


def decided(rules: list[DeviceRule], kind: str, major: int, minor: int, letter: str) -> bool:
    """What the module promises, said another way."""
    for entry in reversed(rules):
        if entry.kind == "a":
            return entry.allow
        if entry.kind == kind and entry.major in (None, major) and entry.minor in (None, minor) and letter in entry.access:
            return entry.allow
    return True


@given(
    rules=st.lists(RULES, max_size=6),
    kind=st.sampled_from("bc"),
    major=st.integers(1, 3),
    minor=st.integers(1, 3),
    access=st.sampled_from(["r", "w", "m", "rw", "rwm"]),
)
def test_the_last_rule_counts_for_each_access(
    rules: list[DeviceRule], kind: str, major: int, minor: int, access: str
) -> None:
    expected = all(decided(rules, kind, major, minor, letter) for letter in access)
    assert run(assemble(rules), kind, major, minor, access) is expected
