"""What WebSockets have in common."""

import pytest

from containerd_py.api.websockets import reason


@pytest.mark.parametrize("before", range(4))
def test_a_reason_ends_with_a_whole_character(before: int) -> None:
    text = "x" * before + "…" * 60
    told = reason(text)
    assert 120 < len(told) <= 123
    assert text.startswith(told.decode())
    assert reason("short") == b"short"
