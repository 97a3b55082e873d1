"""GVariant's text format, as GLib prints and reads it."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containerd_py.runtime.cgroups.systemd.variant import NotAVariant, parse


@pytest.mark.parametrize(
    ("text", "signature", "value"),
    [
        ("true", "b", True),
        (" false ", "b", False),
        ("5", "i", 5),
        ("-5", "i", -5),
        ("0x1F", "i", 31),
        ("017", "i", 15),
        ("uint64 123456789", "t", 123456789),
        ("uint64 18446744073709551615", "t", 2**64 - 1),
        ("@t 5", "t", 5),
        ("byte 0xff", "y", 255),
        ("int16 -32768", "n", -32768),
        ("1.5", "d", 1.5),
        ("-1e3", "d", -1000.0),
        ("1e-2", "d", 0.01),
        ("double 2", "d", 2.0),
        ("inf", "d", float("inf")),
        ("'inactive-or-failed'", "s", "inactive-or-failed"),
        ('"it\'s"', "s", "it's"),
        (r"'a\'b\n\u00e9\U0001F600\\'", "s", "a'b\né😀\\"),
        ("'größe'", "s", "größe"),
        ("objectpath '/a/b'", "o", "/a/b"),
        ("signature 'a{sv}'", "g", "a{sv}"),
        ("['a', 'b']", "as", ["a", "b"]),
        ("@as []", "as", []),
        ("[uint32 1, 2]", "au", [1, 2]),
        ("@ay [1, 0x02]", "ay", b"\x01\x02"),
        (r"b'a\001'", "ay", b"a\x01\0"),
        ("[[1], [2, 3]]", "aai", [[1], [2, 3]]),
        ("(1, 'a')", "(is)", (1, "a")),
        ("(1,)", "(i)", (1,)),
        ("[(2, [byte 127, 0, 0, 0], uint32 8)]", "a(iayu)", [(2, b"\x7f\0\0\0", 8)]),
        ("@a(ss) [('/dev/null', 'rw')]", "a(ss)", [("/dev/null", "rw")]),
        ("{'a': <1>, 'b': <'x'>}", "a{sv}", {"a": ("i", 1), "b": ("s", "x")}),
        ("@a{sv} {}", "a{sv}", {}),
        ("<uint64 1>", "v", ("t", 1)),
    ],
)
def test_what_it_says(text: str, signature: str, value: Any) -> None:
    assert parse(text) == (signature, value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "inactive",
        "'open",
        "5 6",
        "5x",
        "09",
        "2147483648",
        "uint64 -1",
        "byte 256",
        "uint64 1.5",
        "uint64 'a'",
        "string 5",
        "boolean 1",
        "@as 5",
        "@as ['a', 1]",
        "@(is) (1,)",
        "@(i) (1, 2)",
        "@a{sv} ['a']",
        "@as {'a': 'b'}",
        "[]",
        "{}",
        "()",
        "[1, 'a']",
        "[1,]",
        "[1",
        "{1 2}",
        "{[1]: 2}",
        "<1",
        "@ 5",
        "@ii 5",
        "@z 5",
        "@a{vs} {}",
        "@() ()",
        "handle 1",
        "just 5",
        "@mi nothing",
        "'\\u0000'",
        "'\\U00110000'",
        "'\\ud800'",
        "objectpath 'a'",
        "signature 'z'",
        "[" * 100,
        "<" * 50 + "1" + ">" * 50,
        "@" + "a" * 100 + "s []",
        "\x00",
    ],
)
def test_what_says_nothing(text: str) -> None:
    with pytest.raises(NotAVariant):
        parse(text)


@given(st.text(alphabet="ab'\"\\@<>[](){},:0159.-+eux strue \n", max_size=40))
def test_any_text_is_a_value_or_none(text: str) -> None:
    try:
        signature, _value = parse(text)
    except NotAVariant:
        return
    assert signature


@given(st.integers(-(2**31), 2**31 - 1))
def test_numbers_come_back(number: int) -> None:
    assert parse(str(number)) == ("i", number)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_strings_come_back(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    assert parse(f"'{quoted}'") == ("s", text)


@pytest.mark.parametrize(
    "text",
    [
        "(" + "1," * 256 + ")",
        "@(" + "y" * 1000 + ") (1,)",
        "signature '" + "y" * 256 + "'",
        "<(" + "1," * 256 + ")>",
    ],
)
def test_a_type_is_no_longer_than_one_of_dbus(text: str) -> None:
    """A bus hangs up on who sends a longer one."""
    with pytest.raises(NotAVariant, match="more than 255 letters"):
        parse(text)


def test_a_long_value_takes_no_longer_than_its_length() -> None:
    start = time.perf_counter()
    parse("[" + "1," * 2000 + "1]")
    fair_s = time.perf_counter() - start
    assert len(parse("[" + "1," * 200_000 + "1]")[1]) == 200_001
    assert time.perf_counter() - start < 400 * fair_s + 2
