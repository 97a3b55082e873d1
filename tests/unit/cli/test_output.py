"""What comes from a container is shown, never obeyed."""

from __future__ import annotations

import datetime

import pytest

from containerd_py.cli.output import age_text, printable

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢", "plain é 漢"),
        ("a\x1b]0;title\x07b\n", r"a\x1b]0;title\x07b\n"),
        ("\x9b31m\u202egpj", r"\x9b31m\u202egpj"),
    ],
)
def test_control_characters_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("time", "text"),
    [
        ("2026-01-02T03:04:05.000000Z", "now"),
        ("2026-01-02T03:04:04.000000Z", "1 second ago"),
        ("2026-01-02T03:02:04.000000Z", "2 minutes ago"),
        ("2026-01-02T01:04:05.000000Z", "2 hours ago"),
        ("2025-12-02T03:04:05.000000Z", "31 days ago"),
        ("2027-01-02T03:04:05.000000Z", "now"),
        ("some day", "some day"),
    ],
)
def test_ages(time: str, text: str) -> None:
    assert age_text(time, NOW) == text
