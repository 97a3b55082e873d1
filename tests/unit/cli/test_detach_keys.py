"""The keys that leave a container: how they are written, and how they are found in what is typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containerd_py.cli.detach_keys import DEFAULT, DetachKeys, parse
from containerd_py.errors import InvalidArgument

ALPHABET = st.sampled_from([b"a", b"b"])
TYPED = st.lists(ALPHABET, max_size=12).map(b"".join)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (DEFAULT, b"\x10\x11"),
        ("", b""),
        ("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", b"\x00\x1b\x1c\x1d\x1e\x1f"),
        ("a,CTRL-Z,DEL", b"a\x1a\x7f"),
        ("~", b"~"),
    ],
)
def test_written_as_docker_has_it(text: str, keys: bytes) -> None:
    assert parse(text) == keys


@pytest.mark.parametrize("text", ["ctrl-", "ctrl-1", "ctrl-pp", "ab", ",", "a,", "ctrl", "é", "\n", ",".join("a" * 17)])
def test_no_keys(text: str) -> None:
    with pytest.raises(InvalidArgument, match="cannot read --detach-keys"):
        parse(text)


def test_a_beginning_that_is_none_is_passed_on() -> None:
    keys = DetachKeys(b"\x10\x11")
    assert keys.feed(b"ls\x10") == (b"ls", False)
    assert keys.feed(b"x") == (b"\x10x", False)
    assert keys.feed(b"\x10") == (b"", False)
    assert keys.feed(b"\x10") == (b"\x10", False)
    assert keys.feed(b"\x11rest") == (b"", True)


def test_what_is_held_back_at_the_end_is_not_lost() -> None:
    keys = DetachKeys(b"\x10\x11")
    assert keys.feed(b"\x10") == (b"", False)
    assert keys.end() == b"\x10"
    assert keys.end() == b""


@given(sequence=st.lists(ALPHABET, min_size=1, max_size=4).map(b"".join), pieces=st.lists(TYPED))
def test_however_it_is_typed(sequence: bytes, pieces: list[bytes]) -> None:
    keys, passed, detached = DetachKeys(sequence), b"", False
    for piece in pieces:
        data, detached = keys.feed(piece)
        passed += data
        if detached:
            break
    typed = b"".join(pieces)
    before, found, _after = typed.partition(sequence)
    assert detached == bool(found)
    assert passed + keys.end() == before
