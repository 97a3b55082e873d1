"""The output log: what is written comes back, with its stream, from any offset, after a crash, and on a full disk."""

import asyncio
import contextlib
import os
import select
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from containerd_py.engine.output import Limits, OutputLog
from containerd_py.engine.output_reader import OutputReader
from containerd_py.engine.views import OutputChunk, OutputGap, Stream
from tests.unit.store.small_disk import fill, needs_root, small_disk, use_up_inodes

OUT, ERR = Stream.STDOUT, Stream.STDERR
ENTRY = struct.Struct("<QQQ")


class Pipe:
    """A payload's pipe: its end for writing, and ours."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.read, self.write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.open = True

    def end(self) -> None:
        if self.open:
            os.close(self.write)
        self.open = False

    def close(self) -> None:
        self.end()
        os.close(self.read)


class Payload:
    """Both pipes, and the log that they go to."""

    def __init__(self, directory: str) -> None:
        self.log = OutputLog(directory)
        self.pipes = {stream: Pipe(stream) for stream in (OUT, ERR)}

    def say(self, stream: Stream, data: bytes) -> None:
        """Write and have it taken at once."""
        pipe = self.pipes[stream]
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(pipe.write, rest[:60_000]) :]
            while select.select([pipe.read], [], [], 0)[0]:
                assert self.log.take(pipe.read, stream)

    def close(self) -> None:
        self.log.close()
        for pipe in self.pipes.values():
            pipe.close()


@contextlib.contextmanager
def payload_in(directory: str) -> Iterator[Payload]:
    with contextlib.closing(Payload(directory)) as payload:
        yield payload


@pytest.fixture
def payload(tmp_path: Path) -> Iterator[Payload]:
    with payload_in(str(tmp_path / "log")) as found:
        yield found


def read(log: OutputLog, offset: int = 0) -> list[OutputChunk]:
    with contextlib.closing(log.reader(offset)) as reader:
        return chunks(reader)


def chunks(reader: OutputReader) -> list[OutputChunk]:
    """What there is, of a log from which nothing was removed."""
    found = []
    while (chunk := reader.next()) is not None:
        assert isinstance(chunk, OutputChunk)
        found.append(chunk)
    return found


def brief(log: OutputLog, offset: int = 0) -> list[tuple[Stream, int, bytes]]:
    return [(chunk.stream, chunk.offset, chunk.data) for chunk in read(log, offset)]


# ── what is written comes back ──


def test_both_streams_come_back_in_order(payload: Payload) -> None:
    payload.say(OUT, b"one\n")
    payload.say(ERR, b"two\n")
    payload.say(OUT, b"three\n")
    assert brief(payload.log) == [(OUT, 0, b"one\n"), (ERR, 4, b"two\n"), (OUT, 8, b"three\n")]
    assert (payload.log.size, payload.log.lost) == (14, 0)


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (2, [(OUT, 2, b"e\n"), (ERR, 4, b"two\n")]),
        (4, [(ERR, 4, b"two\n")]),
        (7, [(ERR, 7, b"\n")]),
        (8, []),
        (1000, []),
    ],
)
def test_reading_begins_anywhere(payload: Payload, offset: int, expected: list[tuple[Stream, int, bytes]]) -> None:
    payload.say(OUT, b"one\n")
    payload.say(ERR, b"two\n")
    assert brief(payload.log, offset) == expected


@settings(max_examples=60, deadline=None)
@given(
    runs=st.lists(st.tuples(st.sampled_from([OUT, ERR]), st.binary(min_size=1, max_size=300)), min_size=1, max_size=20),
    start=st.floats(0, 1),
    resumed_after=st.integers(0, 20),
)
def test_any_output_comes_back_from_any_offset(
    tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[Stream, bytes]], start: float, resumed_after: int
) -> None:
    directory = str(tmp_path_factory.mktemp("log"))
    expected = [(stream, byte) for stream, data in runs for byte in data]
    offset = int(start * len(expected))
    with payload_in(directory) as payload:
        for index, (stream, data) in enumerate(runs):
            if index == resumed_after:  # another daemon goes on
                payload.log.close()
                payload.log = OutputLog(directory)
                payload.log.resume()
            payload.say(stream, data)
        chunks = read(payload.log, offset)
    assert [(chunk.stream, byte) for chunk in chunks for byte in chunk.data] == expected[offset:]
    assert [chunk.offset for chunk in chunks] == [offset + sum(len(c.data) for c in chunks[:i]) for i in range(len(chunks))]


def test_a_chunk_fits_a_websocket_frame_and_long_output_is_whole(payload: Payload) -> None:
    data = os.urandom(300_000)
    payload.say(OUT, data)
    chunks = read(payload.log)
    assert b"".join(chunk.data for chunk in chunks) == data
    assert max(len(chunk.data) for chunk in chunks) < 65_536


def test_a_reader_goes_on_where_it_stopped(payload: Payload) -> None:
    with contextlib.closing(payload.log.reader(0)) as reader:
        assert reader.next() is None
        payload.say(OUT, b"one")
        assert reader.next() == OutputChunk(OUT, 0, b"one")
        assert reader.next() is None
        payload.say(OUT, b"two")
        payload.say(ERR, b"three")
        assert [reader.next(), reader.next(), reader.next()] == [
            OutputChunk(OUT, 3, b"two"),
            OutputChunk(ERR, 6, b"three"),
            None,
        ]


def test_nothing_is_made_before_the_first_byte(payload: Payload) -> None:
    assert payload.log.take(payload.pipes[OUT].read, OUT)
    assert not os.path.exists(payload.log.directory)
    payload.say(OUT, b"x")
    for name in ("output", "output.index"):
        assert os.stat(f"{payload.log.directory}/{name}").st_mode & 0o777 == 0o600
    assert os.stat(payload.log.directory).st_mode & 0o777 == 0o700


def test_the_index_tells_when_each_run_came(payload: Payload) -> None:
    payload.say(OUT, b"one")
    payload.say(ERR, b"two")
    data = Path(payload.log.directory, "output.index").read_bytes()
    entries = list(ENTRY.iter_unpack(data))
    assert [(offset, stream) for offset, _time, stream in entries] == [(0, 0), (3, 1)]
    assert 0 < entries[0][1] <= entries[1][1]


def test_what_a_reader_knows_of_a_run_does_not_make_it_longer(payload: Payload) -> None:
    """It is in the middle of a run when the other stream goes on, and then the first."""
    payload.say(OUT, b"o" * 60_000)
    payload.say(OUT, b"p" * 60_000)
    with contextlib.closing(payload.log.reader(0)) as reader:
        first = [reader.next() for _ in range(2)]
        payload.say(ERR, b"e")
        payload.say(OUT, b"q")
        rest = [(chunk.stream, chunk.data[:1], len(chunk.data)) for chunk in chunks(reader)]
    assert [chunk.data[:1] for chunk in first if isinstance(chunk, OutputChunk)] == [b"o", b"p"]
    assert rest == [(ERR, b"e", 1), (OUT, b"q", 1)]


def test_a_reader_in_the_middle_of_a_run(tmp_path: Path) -> None:
    with payload_in(str(tmp_path / "log")) as payload, contextlib.closing(payload.log.reader(50_000)) as reader:
        payload.say(OUT, b"o" * 60_000)
        begun = reader.next()
        payload.say(ERR, b"e" * 60_000)
        assert [(chunk.stream, chunk.offset, len(chunk.data)) for chunk in chunks(reader)] == [(ERR, 60_000, 60_000)]
    assert isinstance(begun, OutputChunk)
    assert (begun.stream, begun.offset, len(begun.data)) == (OUT, 50_000, 10_000)


# ── the end of a pipe ──


def test_a_pipe_ends_after_its_last_byte(payload: Payload) -> None:
    pipe = payload.pipes[OUT]
    os.write(pipe.write, b"last")
    pipe.end()
    assert payload.log.take(pipe.read, OUT)
    assert not payload.log.take(pipe.read, OUT)
    assert brief(payload.log) == [(OUT, 0, b"last")]


def test_an_empty_pipe_is_not_at_its_end(payload: Payload) -> None:
    assert payload.log.take(payload.pipes[OUT].read, OUT)
    payload.pipes[OUT].end()
    assert not payload.log.take(payload.pipes[OUT].read, OUT)
    assert payload.log.size == 0


@pytest.mark.parametrize("blocking", [False, True])
def test_taking_never_blocks(payload: Payload, blocking: bool) -> None:  # noqa: FBT001 - a parameter of the case
    os.set_blocking(payload.pipes[OUT].read, blocking)
    assert payload.log.take(payload.pipes[OUT].read, OUT)


# ── after a crash ──


def crash(payload: Payload) -> OutputLog:
    """The daemon is gone without a word; another one goes on."""
    payload.log.close()
    payload.log = OutputLog(payload.log.directory)
    payload.log.resume()
    return payload.log


def test_a_new_daemon_goes_on(payload: Payload) -> None:
    payload.say(OUT, b"before")
    log = crash(payload)
    assert log.size == 6
    payload.say(ERR, b"after")
    assert brief(log) == [(OUT, 0, b"before"), (ERR, 6, b"after")]


def test_resuming_without_output_makes_nothing(payload: Payload) -> None:
    payload.log.resume()
    assert not os.path.exists(payload.log.directory)
    assert read(payload.log) == []


@pytest.mark.parametrize("next_stream", [OUT, ERR])
def test_an_entry_without_bytes_does_no_harm(payload: Payload, next_stream: Stream) -> None:
    """The daemon ended between writing an entry and moving its bytes."""
    payload.say(OUT, b"before")
    with open(f"{payload.log.directory}/output.index", "ab") as index:
        index.write(ENTRY.pack(6, 1, 1))
    log = crash(payload)
    assert brief(log) == [(OUT, 0, b"before")]
    payload.say(next_stream, b"after")
    expected = [(OUT, 0, b"before"), (next_stream, 6, b"after")]
    assert brief(log) == expected
    assert brief(log, 6) == expected[1:]
    assert brief(log, 3) == [(OUT, 3, b"ore"), expected[1]]


@pytest.mark.parametrize("kept", range(1, ENTRY.size))
def test_an_index_cut_short_is_written_over(payload: Payload, kept: int) -> None:
    before = b"b" * 0x0203  # cut after its first byte, this offset reads as 3
    payload.say(ERR, before)
    with open(f"{payload.log.directory}/output.index", "ab") as index:
        index.write(ENTRY.pack(len(before), 1, 0)[:kept])
    log = crash(payload)
    assert brief(log) == [(ERR, 0, before)]
    payload.say(OUT, b"after")
    payload.say(ERR, b"more")
    assert brief(log) == [(ERR, 0, before), (OUT, len(before), b"after"), (ERR, len(before) + 5, b"more")]


def test_an_index_that_was_lost_does_not_stop_reading(payload: Payload) -> None:
    payload.say(OUT, b"before")
    os.truncate(f"{payload.log.directory}/output.index", 0)
    log = crash(payload)
    assert b"".join(chunk.data for chunk in read(log)) == b"before"


def test_a_symlink_in_place_of_the_log_is_not_followed(payload: Payload, tmp_path: Path) -> None:
    os.mkdir(payload.log.directory)
    target = tmp_path / "target"
    target.write_bytes(b"mine")
    os.symlink(target, f"{payload.log.directory}/output")
    payload.say(OUT, b"x")
    assert target.read_bytes() == b"mine"
    assert payload.log.lost == 1


# ── deletion ──


def test_a_reader_finishes_what_is_deleted_meanwhile(payload: Payload) -> None:
    payload.say(OUT, b"a" * 100_000)
    with contextlib.closing(payload.log.reader(0)) as reader:
        first = reader.next()
        assert isinstance(first, OutputChunk)
        payload.log.close()
        payload.log.remove()
        rest = chunks(reader)
    assert len(first.data) + sum(len(chunk.data) for chunk in rest) == 100_000


def test_a_reader_that_comes_after_deletion_finds_nothing(payload: Payload) -> None:
    payload.say(OUT, b"x")
    payload.log.close()
    payload.log.remove()
    assert read(payload.log) == []
    assert not os.path.exists(payload.log.directory)


def test_files_that_move_are_found_all_the_while(payload: Payload, tmp_path: Path) -> None:
    payload.say(OUT, b"before")
    log, old, new = payload.log, payload.log.directory, str(tmp_path / "elsewhere")
    log.move(new)
    assert not os.path.exists(old)
    assert read(log) == [OutputChunk(OUT, 0, b"before")]
    log.directory = old  # as it is in the midst of a move, which a thread of the engine does
    assert read(log) == [OutputChunk(OUT, 0, b"before")]
    log.directory = new
    log.remove()


def test_moving_what_is_not_there(tmp_path: Path) -> None:
    log = OutputLog(str(tmp_path / "none"))
    log.move(str(tmp_path / "other"))
    log.remove()
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_done_with_can_go(payload: Payload) -> None:
    log = payload.log
    log.limits = Limits(10, 100)
    for _ in range(6):
        payload.say(OUT, b"0123456789")
    assert log.bases == [0, 10, 20, 30, 40, 50]
    log.trim(25, kept=2)
    assert log.bases == [20, 30, 40, 50]
    log.trim(60, kept=2)
    assert (log.bases, log.first) == ([40, 50], 40)
    assert sorted(os.listdir(log.directory)) == ["output.40", "output.40.index", "output.50", "output.50.index"]


def test_removing_twice_or_nothing_is_no_error(payload: Payload) -> None:
    payload.log.remove()
    payload.say(OUT, b"x")
    payload.log.remove()
    payload.log.remove()


def test_a_log_that_cannot_be_opened_costs_its_output_only(tmp_path: Path) -> None:
    (tmp_path / "log" / "output").mkdir(parents=True)
    log = OutputLog(str(tmp_path / "log"))
    log.resume()
    read_end, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    os.write(write_end, b"lost")
    assert log.take(read_end, OUT)
    assert (log.lost, read(log)) == (4, [])
    os.close(read_end)
    os.close(write_end)


def test_what_others_have_put_there_stays(payload: Payload) -> None:
    payload.say(OUT, b"x")
    notes = Path(payload.log.directory) / "notes"
    notes.write_text("mine")
    payload.log.remove()
    assert list(notes.parent.iterdir()) == [notes]
    notes.unlink()
    payload.log.remove()
    assert not notes.parent.exists()


async def test_closing_wakes_readers(payload: Payload) -> None:
    waiting = asyncio.create_task(payload.log.changes.wait())
    await asyncio.sleep(0)
    payload.log.close()
    await waiting


# ── a full disk ──


@needs_root
def test_on_a_full_disk_the_pipe_is_drained_and_the_loss_counted() -> None:
    with small_disk(size="64k") as disk, payload_in(f"{disk}/log") as payload:
        data = os.urandom(50_000)
        for _ in range(4):
            payload.say(OUT, data)
        payload.say(ERR, b"e" * 100)
        log = payload.log
        assert log.size + log.lost == 200_100
        assert 0 < log.size <= 65_536
        kept = b"".join(chunk.data for chunk in read(log))
        assert kept == (data * 4)[: log.size]
        payload.pipes[OUT].end()
        assert not log.take(payload.pipes[OUT].read, OUT)


@needs_root
def test_output_is_kept_again_once_there_is_room() -> None:
    with small_disk(size="64k") as disk, payload_in(f"{disk}/log") as payload:
        payload.say(OUT, b"before")
        fill(disk)
        payload.say(ERR, b"x" * 10_000)
        lost = payload.log.lost
        assert 0 < lost <= 10_000
        os.unlink(f"{disk}/filler")
        payload.say(OUT, b"after")
        assert payload.log.lost == lost
        text = b"".join(chunk.data for chunk in read(payload.log))
        assert text == b"before" + b"x" * (10_000 - lost) + b"after"
        assert read(payload.log)[-1].stream is OUT


@needs_root
def test_a_disk_full_from_the_start_loses_everything_and_leaks_nothing() -> None:
    with small_disk(inodes=8) as disk, payload_in(f"{disk}/log") as payload:
        use_up_inodes(disk)
        for _ in range(5):
            payload.say(OUT, b"12345")
        assert (payload.log.size, payload.log.lost) == (0, 25)
        assert read(payload.log) == []


@needs_root
def test_a_disk_with_room_for_one_file_only_leaks_no_descriptor() -> None:
    with small_disk(inodes=8) as disk, payload_in(f"{disk}/log") as payload:
        use_up_inodes(disk)
        for number in range(2):  # the directory and one file
            os.unlink(f"{disk}/inode{number}")
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            payload.say(OUT, b"12345")
        assert len(os.listdir("/proc/self/fd")) - before <= 2
        assert payload.log.lost == 25


def test_what_was_lost_before_is_counted_on(tmp_path: Path) -> None:
    log = OutputLog(str(tmp_path / "log"), lost=7)
    assert log.lost == 7


# ── several files ──


@pytest.fixture
def limited(payload: Payload) -> Payload:
    """Ten bytes a file, three files."""
    payload.log.limits = Limits(10, 3)
    return payload


def parts(log: OutputLog, offset: int = 0) -> list[tuple[int, bytes] | OutputGap]:
    with contextlib.closing(log.reader(offset)) as reader:
        found: list[tuple[int, bytes] | OutputGap] = []
        while (one := reader.next()) is not None:
            found.append((one.offset, one.data) if isinstance(one, OutputChunk) else one)
        return found


def names(log: OutputLog) -> list[str]:
    return sorted(os.listdir(log.directory))


def test_a_full_file_is_followed_by_another(limited: Payload) -> None:
    limited.say(OUT, b"0123456789abcde")
    limited.say(ERR, b"fgh")
    assert names(limited.log) == ["output", "output.10", "output.10.index", "output.index"]
    assert brief(limited.log) == [(OUT, 0, b"0123456789"), (OUT, 10, b"abcde"), (ERR, 15, b"fgh")]
    assert brief(limited.log, 12) == [(OUT, 12, b"cde"), (ERR, 15, b"fgh")]
    assert (limited.log.first, limited.log.size) == (0, 18)


def test_the_oldest_go_and_a_reader_that_is_behind_is_told(limited: Payload) -> None:
    limited.say(OUT, bytes(range(55)))
    assert names(limited.log) == [f"output.{n}{end}" for n in (30, 40, 50) for end in ("", ".index")]
    expected = [(30, bytes(range(30, 40))), (40, bytes(range(40, 50))), (50, bytes(range(50, 55)))]
    assert parts(limited.log, 7) == [OutputGap(7, 30), *expected]
    assert parts(limited.log, 30) == expected
    assert limited.log.first == 30


def test_a_reader_finishes_the_file_that_it_has_open(limited: Payload) -> None:
    limited.say(OUT, b"01234")
    with contextlib.closing(limited.log.reader(0)) as reader:
        assert chunks(reader) == [OutputChunk(OUT, 0, b"01234")]
        limited.say(OUT, b"56789" + b"x" * 45)
        assert reader.next() == OutputChunk(OUT, 5, b"56789")
        assert reader.next() == OutputGap(10, 30)
        assert [chunk.offset for chunk in chunks(reader)] == [30, 40, 50]


@pytest.mark.parametrize("unlimited", [True, False])
def test_a_new_daemon_goes_on_in_the_newest_file(limited: Payload, unlimited: bool) -> None:  # noqa: FBT001 - of a case
    limited.say(OUT, bytes(range(55)))
    log = crash(limited)
    log.limits = Limits() if unlimited else Limits(10, 3)
    limited.say(ERR, b"after")
    limited.say(OUT, b"more")
    assert log.first == (30 if unlimited else 40)
    assert b"".join(chunk.data for chunk in read(log, 50)) == bytes(range(50, 55)) + b"aftermore"
    log.close()
    log.remove()
    assert not os.path.exists(log.directory)


def test_a_daemon_that_ended_while_it_began_a_file(limited: Payload) -> None:
    limited.say(OUT, b"0123456789")
    for kept in (0, 1):
        with open(f"{limited.log.directory}/output.10{'.index' * kept}", "wb"):
            pass
        log = crash(limited)
        log.limits = Limits(10, 3)
        assert brief(log) == [(OUT, 0, b"0123456789")]
    limited.say(ERR, b"after")
    assert brief(log, 5) == [(OUT, 5, b"56789"), (ERR, 10, b"after")]


def test_no_room_for_another_file_loses_nothing_that_is_there(limited: Payload) -> None:
    limited.say(OUT, b"0123456789")
    os.mkdir(f"{limited.log.directory}/output.10")
    limited.say(OUT, b"lost")
    assert limited.log.lost == 4
    os.rmdir(f"{limited.log.directory}/output.10")
    limited.say(OUT, b"kept")
    assert brief(limited.log) == [(OUT, 0, b"0123456789"), (OUT, 10, b"kept")]
