"""Each line has the time at which it began to come, whatever the other stream does meanwhile."""

from containerd_py.api.log_lines import StampedLines
from containerd_py.engine.views import OutputChunk, Stream

OUT, ERR = Stream.STDOUT, Stream.STDERR
ZERO = b"1970-01-01T00:00:00.000000Z "
ONE = b"1970-01-01T00:00:01.000000Z "


def test_lines_of_two_streams() -> None:
    lines = StampedLines()
    assert list(lines.feed(OutputChunk(OUT, 0, b"a\nb", 0))) == [ZERO + b"a\n"]
    assert list(lines.feed(OutputChunk(ERR, 3, b"e\n\n", 1_000_000_000))) == [ONE + b"e\n", ONE + b"\n"]
    assert list(lines.feed(OutputChunk(OUT, 6, b"c\nd", 1_000_000_000))) == [ZERO + b"bc\n"]
    assert list(lines.end()) == [ONE + b"d"]
    assert list(lines.end()) == []


def test_a_long_line_comes_in_pieces_with_one_time() -> None:
    lines = StampedLines()
    told = b"".join(data for n in range(5) for data in lines.feed(OutputChunk(OUT, n, b"x" * 32_768, 0)))
    told += b"".join(lines.feed(OutputChunk(OUT, 9, b"\n", 0))) + b"".join(lines.end())
    assert told == ZERO + b"x" * 32_768 * 5 + b"\n"


def test_microseconds() -> None:
    (line,) = StampedLines().feed(OutputChunk(OUT, 0, b"\n", 1_740_821_400_123_456_789))
    assert line == b"2025-03-01T09:30:00.123456Z \n"
