"""Lines for the journal: whole whatever the chunks were, bounded, and gone on with after a restart at any of them."""

from hypothesis import given
from hypothesis import strategies as st

from containerd_py.engine.line_cutting import LONGEST, Line, LineCutter, Mark, Piece
from containerd_py.engine.views import OutputChunk, Stream

OUT, ERR = Stream.STDOUT, Stream.STDERR
TEXT = st.lists(st.sampled_from([b"a", b"\n", b"\xff\0", b"x" * LONGEST, b"y" * 1000])).map(b"".join)
PARTS = st.lists(st.tuples(st.sampled_from([OUT, ERR]), TEXT.filter(bool)), max_size=8)


def chunks(*parts: tuple[Stream, bytes]) -> list[OutputChunk]:
    found, offset = [], 0
    for stream, data in parts:
        found.append(OutputChunk(stream, offset, data, offset + 1))
        offset += len(data)
    return found


def cut(cutter: LineCutter, given_: list[OutputChunk]) -> list[Line]:
    return [line for chunk in given_ for line in cutter.feed(chunk)]


def joined(lines: list[Line], stream: Stream) -> bytes:
    """Put lines together as a reader of the journal would."""
    mine = [line for line in lines if line.stream is stream]
    return b"".join(line.data + (b"\n" if line.piece is None or line.piece.last else b"") for line in mine)


def test_lines_of_two_streams() -> None:
    cutter = LineCutter()
    lines = cut(cutter, chunks((OUT, b"one\ntw"), (ERR, b"err\n"), (OUT, b"o\n\nlast")))
    assert [(line.stream, line.offset, line.data, line.time_ns) for line in lines] == [
        (OUT, 0, b"one", 1),
        (ERR, 6, b"err", 7),
        (OUT, 4, b"two", 1),
        (OUT, 12, b"", 11),
    ]
    assert all(line.piece is None for line in lines)
    assert cutter.pending() == 13
    (last,) = cutter.end()
    assert (last.data, last.piece, last.after) == (b"last", Piece(13, 1, last=False), Mark(17))
    assert list(cutter.end()) == []


def test_a_long_line_comes_in_pieces() -> None:
    lines = cut(LineCutter(), chunks((OUT, b"x" * (2 * LONGEST + 5)), (OUT, b"y\nshort\n")))
    assert [len(line.data) for line in lines] == [LONGEST, LONGEST, 6, 5]
    pieces = [Piece(0, number, last=number == 3) for number in (1, 2, 3)]
    assert [line.piece for line in lines] == [*pieces, None]


def test_a_line_that_just_fits_is_whole() -> None:
    (line,) = cut(LineCutter(), chunks((OUT, b"x" * LONGEST), (OUT, b"\n")))
    assert (len(line.data), line.piece) == (LONGEST, None)


@given(parts=PARTS, again=st.integers(min_value=0))
def test_nothing_is_lost_or_doubled_by_a_restart_after_any_line(parts: list[tuple[Stream, bytes]], again: int) -> None:
    given_ = chunks(*parts)
    whole = LineCutter()
    expected = [*cut(whole, given_), *whole.end()]
    for stream in (OUT, ERR):
        data = b"".join(data for found, data in parts if found is stream)
        assert joined(expected, stream) == data
    assert all(len(line.data) <= LONGEST for line in expected)
    sent = expected[: again % (len(expected) + 1)]
    marks = {line.stream: line.after for line in sent}
    resumed = LineCutter(marks)
    rest = [*cut(resumed, given_), *resumed.end()]
    for stream in (OUT, ERR):  # a restart may put what is of the two streams in another order, for what was held
        assert [line for line in (*sent, *rest) if line.stream is stream] == [
            line for line in expected if line.stream is stream
        ]
