"""The keys that leave a container."""

import pytest

from containerd_py.cli.detach import USUAL, DetachKeys, parse_keys
from containerd_py.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "keys"),
    [(USUAL, b"\x10\x11"), ("a,b", b"ab"), ("ctrl-@,ctrl-_", b"\x00\x1f"), ("ctrl-\\", b"\x1c"), ("", b"")],
)
def test_keys_are_written_as_dockers(text: str, keys: bytes) -> None:
    assert parse_keys(text) == keys


@pytest.mark.parametrize("text", ["ctrl-", "ctrl-1", "abc", "é", "a,,b", ","])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(InvalidArgument, match="is no key"):
        parse_keys(text)


@pytest.mark.parametrize(
    ("typed", "passed", "left"),
    [
        ((b"x\x10", b"\x11y"), b"x", True),
        ((b"\x10", b"x"), b"\x10x", False),
        ((b"\x10\x10\x11",), b"\x10", True),
        ((b"a" * 10,), b"a" * 10, False),
    ],
)
def test_they_are_found_in_pieces(typed: tuple[bytes, ...], passed: bytes, left: bool) -> None:  # noqa: FBT001 - a case of the table
    keys = DetachKeys(b"\x10\x11")
    told = [keys.feed(piece) for piece in typed]
    assert b"".join(one for one, _ in told) == passed
    assert told[-1][1] is left


def test_none_are_never_found() -> None:
    assert DetachKeys(b"").feed(b"\x10\x11") == (b"\x10\x11", False)
