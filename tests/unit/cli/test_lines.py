"""Lines of output as JSON."""

import base64
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from containerd_py.cli.lines import Lines


def objects(*frames: tuple[str, bytes]) -> list[dict[str, Any]]:
    lines, offset = Lines(), 0
    found: list[str] = []
    for stream, data in frames:
        found += lines.feed(stream, offset, data)
        offset += len(data)
    return [json.loads(line) for line in (*found, *lines.end())]


def content(line: dict[str, Any]) -> bytes:
    return line["text"].encode() if "text" in line else base64.b64decode(line["base64"])


def test_each_line_has_its_stream_and_its_place() -> None:
    assert objects(("stdout", b"one\ntw"), ("stderr", b"oops\nx"), ("stdout", b"o\n\n"), ("stdout", b"rest")) == [
        {"stream": "stdout", "offset": 0, "text": "one\n"},
        {"stream": "stderr", "offset": 6, "text": "oops\n"},
        {"stream": "stdout", "offset": 4, "text": "two\n"},
        {"stream": "stdout", "offset": 14, "text": "\n"},
        {"stream": "stderr", "offset": 11, "text": "x"},
        {"stream": "stdout", "offset": 15, "text": "rest"},
    ]


def test_a_character_may_come_in_parts_and_what_is_none_is_told_as_bytes() -> None:
    assert objects(("stdout", b"\xc3"), ("stdout", b"\xa9\n\xff\n")) == [
        {"stream": "stdout", "offset": 0, "text": "é\n"},
        {"stream": "stdout", "offset": 3, "base64": "/wo="},
    ]


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    found = objects(*[("stdout", b"x" * 10_000)] * 20)
    assert [line["offset"] for line in found] == [0, 70_000, 140_000]


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.binary())))
def test_no_byte_is_lost(frames: list[tuple[str, bytes]]) -> None:
    for stream in ("stdout", "stderr"):
        told = b"".join(content(line) for line in objects(*frames) if line["stream"] == stream)
        assert told == b"".join(data for name, data in frames if name == stream)
