"""The formats of control files."""

import pytest

from containerd_py.runtime.cgroups import keyed


@pytest.mark.parametrize(("text", "expected"), [("5", 5), ("0", 0), ("max", 0), ("-1", 0), ("", 0), (None, 0)])
def test_a_number(text: str | None, expected: int) -> None:
    assert keyed.number(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4096", 4096),
        ("0", 0),
        ("max", None),
        ("-1", None),
        ("", None),
        (None, None),
        ("9223372036854771712", None),  # v1, pages of 4 KiB
        ("9223372036854710272", None),  # of 64 KiB
        ("9223372036854710271", 9223372036854710271),
    ],
)
def test_a_limit(text: str | None, expected: int | None) -> None:
    assert keyed.limit(text) == expected


def test_flat_keyed_lines() -> None:
    text = "usage_usec 10\nuser_usec 6\n\nnuma 1 2 3\nname text\n"
    assert keyed.keyed(text) == {"usage_usec": 10, "user_usec": 6}
    assert keyed.keyed(None) == {}


def test_nested_keyed_lines() -> None:
    text = "8:0 rbytes=1 wbytes=2\n8:16\n\nmlx5_1 hca_handle=max odd\n"
    assert keyed.nested(text) == {"8:0": {"rbytes": "1", "wbytes": "2"}, "8:16": {}, "mlx5_1": {"hca_handle": "max"}}
    assert keyed.nested(None) == {}
