"""Lists of CPUs and memory nodes."""

import pytest

from containerd_py.runtime.spec.number_list import parse_number_list


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0", (0,)),
        ("0-3,7", (0, 1, 2, 3, 7)),
        ("7,0-1, 1", (0, 1, 7)),
        ("5-5", (5,)),
        ("8191", (8191,)),
    ],
)
def test_lists(text: str, numbers: tuple[int, ...]) -> None:
    assert parse_number_list(text) == numbers


@pytest.mark.parametrize("text", ["", ",", "a", "1,", "-1", "1-", "3-1", "8192", "0-99999", "1 2", "1.5", "٣", "1-2-3"])
def test_what_is_no_list(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a list|has a range"):
        parse_number_list(text)
