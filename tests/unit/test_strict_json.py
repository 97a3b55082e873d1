"""JSON from outside: whatever is allowed comes back equal, the rest is refused with a reason."""

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containerd_py import strict_json
from containerd_py.errors import InvalidArgument

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=30)


def loads(text: str | bytes) -> Any:
    return strict_json.loads(text.encode() if isinstance(text, str) else text, what="request")


@given(value=VALUES, ascii_only=st.booleans(), indent=st.none() | st.integers(0, 3))
def test_what_json_dumps_makes_comes_back_equal(value: Any, ascii_only: bool, indent: int | None) -> None:  # noqa: FBT001
    found = loads(json.dumps(value, ensure_ascii=ascii_only, indent=indent))
    assert found == value
    assert repr(found) == repr(value)  # 1 is not True, and 1.0 is not 1


@given(data=st.binary(max_size=60) | TEXT.map(str.encode))
def test_nothing_but_a_refusal_comes_of_garbage(data: bytes) -> None:
    with contextlib.suppress(InvalidArgument):
        assert loads(data) == json.loads(data)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Expecting value (line 1, column 1)"),
        ("{", "line 1, column 2"),
        ('{"a": 1}\n{', "line 2, column 1"),
        ("[1,]", "line 1"),
        ("{'a': 1}", "line 1"),
        ("// x\n1", "line 1"),
        ("01", "line 1"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b'"\xff"', "byte 1 is not UTF-8"),
        ('"a"'.encode("utf-16"), "not UTF-8"),
        (b'"\xed\xa0\x80"', "byte 1 is not UTF-8"),  # a surrogate as such
        ('{"a": 1, "b": 2, "a": 3}', "duplicate key 'a'"),
        ('[{"x": {"k": 1, "\\u006b": 1}}]', "duplicate key 'k'"),
        ("NaN", "NaN"),
        ("[Infinity]", "Infinity"),
        ('{"a": -Infinity}', "-Infinity"),
        ("1e999", ""),
        ("[-1e999]", ""),
        (r'"\ud800"', "lone surrogate"),
        (r'{"\udfff": 1}', "lone surrogate"),
        (r'["a\u0000b"]', "NUL"),
        (r'{"a\u0000": 1}', "NUL"),
        ('"a\0b"', ""),
        ("1" * 5000, ""),
        ("[" * 33 + "]" * 33, "deeper than 32"),
        ('{"a":' * 33 + "1" + "}" * 33, "deeper than 32"),
        ("[" * 1_000_000, "deeper than 32"),
        ('{"a":' * 200_000, "deeper than 32"),
    ],
)
def test_what_is_refused_is_told(text: str | bytes, words: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        loads(text)
    assert refused.value.message.startswith("cannot parse request: ")
    assert words in refused.value.message
    assert len(refused.value.message) < 300


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (r'{"a": ["b", {"c": "x\u0000"}]}', "a.1.c: NUL in 'x\\x00'"),
        (r'{"a": {"b\u0000": 1}}', "a.b\\x00: NUL in 'b\\x00'"),
        (r'{"a": {"\ud800": 1}}', "a.\\ud800: lone surrogate in '\\ud800'"),
        ('{"a": [{"k": 1, "k": 2}]}', "a.0.k: duplicate key 'k'"),
        ('{"a": [0, NaN]}', "a.1: NaN is not JSON"),
        ('{"a": [0, 1e999]}', "a.1: number 1e999 is too large"),
        ('{"a": ' + "1" * 5000 + "}", f"a: number {'1' * 40}… is too large"),
        ('{"a": ' + "[" * 32 + "]" * 32 + "}", f"a{'.0' * 31}: nested deeper than 32"),
        ('{"' + "a" * 1000 + '": NaN}', f"{'a' * 200}: NaN is not JSON"),
    ],
)
def test_the_place_of_what_is_refused_is_told(text: str, told: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        loads(text)
    assert refused.value.message == f"cannot parse request: {told}"


@pytest.mark.parametrize("text", ["[" * 32 + "1" + "]" * 32, '{"a":' * 32 + '"x"' + "}" * 32, "[]" + " " * 100, " \n{}\t"])
def test_what_is_just_allowed(text: str) -> None:
    assert loads(text) == json.loads(text)


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert loads(r'"\ud83d\ude00"') == "😀"


def test_many_keys_with_a_duplicate_among_them_take_no_longer_than_without() -> None:
    """A quadratic search would hold the daemon up for hours at 10 MiB."""
    keys = [f'"{number}":0' for number in range(200_000)]
    start = time.perf_counter()
    loads("{" + ",".join(keys) + "}")
    fair_s = time.perf_counter() - start
    with pytest.raises(InvalidArgument, match="duplicate key '199999'"):
        loads("{" + ",".join([*keys, keys[-1]]) + "}")
    assert time.perf_counter() - start < 20 * fair_s + 1
