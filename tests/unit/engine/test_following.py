"""A part of a log: by time, by lines from its end, and what it grows by."""

import asyncio
import os
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containerd_py.engine.following import Reading, chunks, tail_offset
from containerd_py.engine.output import OutputLog
from containerd_py.engine.output_reader import Picked
from containerd_py.engine.runs import Run
from containerd_py.engine.views import OutputChunk, Stream, Window

OUT, ERR = Stream.STDOUT, Stream.STDERR
S = 1_000_000_000


def written(folder: Path, *runs: tuple[Stream, int, bytes]) -> OutputLog:
    """A log of runs (stream, second, bytes)."""
    folder.mkdir(exist_ok=True)
    index, data = b"", b""
    for stream, second, text in runs:
        index += struct.pack("<QQQ", len(data), second * S, (OUT, ERR).index(stream))
        data += text
    (folder / "output").write_bytes(data)
    (folder / "output.index").write_bytes(index)
    log = OutputLog(str(folder))
    log.resume()
    return log


async def taken(log: OutputLog, *, offset: int = 0, stream: Stream | None = None, **window: Any) -> bytes:
    reading = Reading(offset, stream, follow=False, window=Window(**window))
    output = chunks(log, Run(), reading, closing=lambda: False)
    return b"".join([chunk.data async for chunk in output if isinstance(chunk, OutputChunk)])


@pytest.fixture
def log(tmp_path: Path) -> Any:
    made = written(tmp_path / "log", (OUT, 1, b"one\ntw"), (ERR, 2, b"oops\n"), (OUT, 3, b"o\nthree\n"), (OUT, 4, b"last"))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ({}, b"one\ntwoops\no\nthree\nlast"),
        ({"since_ns": 2 * S}, b"oops\no\nthree\nlast"),
        ({"until_ns": 2 * S}, b"one\ntwoops\n"),
        ({"since_ns": 2 * S, "until_ns": 3 * S - 1}, b"oops\n"),
        ({"since_ns": 9 * S}, b""),
        ({"tail": 0}, b""),
        ({"tail": 1}, b"last"),
        ({"tail": 2}, b"three\nlast"),
        ({"tail": 3}, b"o\nthree\nlast"),
        ({"tail": 99}, b"one\ntwoops\no\nthree\nlast"),
        ({"tail": 1, "until_ns": 2 * S}, b"twoops\n"),
        ({"tail": 9, "since_ns": 3 * S}, b"o\nthree\nlast"),
        ({"tail": 2, "stream": OUT}, b"three\nlast"),
        ({"tail": 3, "stream": OUT}, b"two\nthree\nlast"),
        ({"tail": 1, "stream": ERR}, b"oops\n"),
        ({"tail": 99, "offset": 4}, b"twoops\no\nthree\nlast"),
        ({"tail": 1, "offset": 99}, b""),
    ],
)
async def test_parts(log: OutputLog, window: dict[str, Any], expected: bytes) -> None:
    assert await taken(log, **window) == expected


def _with_lines(data: bytes) -> bytes:
    return bytes(b"\nab"[byte % 3] for byte in data)


@given(lines=st.lists(st.binary(max_size=5), max_size=20), count=st.integers(0, 25))
def test_any_tail(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], count: int) -> None:
    data = b"\n".join(lines)
    runs = [(OUT, at, data[at : at + 7]) for at in range(0, len(data), 7)]
    log = written(tmp_path_factory.mktemp("log"), *runs)
    *whole, rest = data.split(b"\n")
    expected = [line + b"\n" for line in whole] + ([rest] if rest else [])
    found = data[tail_offset(log, 0, count, Picked()) :]
    log.close()
    assert found == b"".join(expected[max(0, len(expected) - count) :])


Run_ = tuple[Stream, int, bytes]
RUNS = st.lists(
    st.tuples(st.sampled_from([OUT, ERR]), st.integers(0, 3), st.binary(min_size=1, max_size=6).map(_with_lines)),
    max_size=30,
)


@given(
    runs=RUNS,
    cuts=st.sets(st.integers(1, 29), max_size=3),
    stream=st.sampled_from([None, OUT, ERR]),
    since=st.none() | st.integers(0, 12),
    tail=st.none() | st.integers(0, 12),
    start=st.integers(0, 40),
)
def test_any_part_of_any_files(
    tmp_path_factory: pytest.TempPathFactory,
    runs: list[Run_],
    cuts: set[int],
    stream: Stream | None,
    since: int | None,
    tail: int | None,
    start: int,
) -> None:
    """Compared with reading everything, and leaving out what is not wanted. Times grow, as clocks mostly do."""
    second, timed = 0, []
    for kind, more, data in runs:
        second += more
        timed.append((kind, second, data))
    log = in_files(tmp_path_factory.mktemp("log"), timed, cuts)
    wanted, offset = b"", 0
    for kind, at, data in timed:
        if stream in (None, kind) and at >= (since or 0):
            wanted += data[max(0, start - offset) :]
        offset += len(data)
    if tail is not None:
        lines = wanted.splitlines(keepends=True)
        wanted = b"".join(lines[max(0, len(lines) - tail) :])
    window = {"tail": tail, "since_ns": None if since is None else since * S}
    found = asyncio.run(taken(log, offset=start, stream=stream, **window))
    log.close()
    assert found == wanted


def in_files(folder: Path, runs: list[Run_], cuts: set[int]) -> OutputLog:
    """A log whose files are cut before the runs of these numbers."""
    base = offset = 0
    pairs: dict[int, tuple[bytes, bytes]] = {}
    for number, (stream, second, data) in enumerate(runs):
        if number in cuts:
            base = offset
        before, index = pairs.get(base, (b"", b""))
        entry = struct.pack("<QQQ", offset, second * S, (OUT, ERR).index(stream))
        pairs[base] = before + data, index + entry
        offset += len(data)
    for first, (data, index) in pairs.items():
        name = f"output.{first}" if first else "output"
        (folder / name).write_bytes(data)
        (folder / f"{name}.index").write_bytes(index)
    log = OutputLog(str(folder))
    log.resume()
    return log


async def test_what_is_not_wanted_is_passed_over_a_part_at_a_time(tmp_path: Path) -> None:
    """Whoever asks for one stream of a long log must not have the daemon to himself."""
    log = written(tmp_path / "log", *[(OUT, second, b"x") for second in range(5000)], (ERR, 5000, b"last"))
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(other())
    assert await taken(log, stream=ERR) == b"last"
    assert await taken(log, since_ns=5000 * S) == b"last"
    task.cancel()
    log.close()
    assert turns > 10


async def test_following_ends_when_the_time_is_over(tmp_path: Path) -> None:
    log = OutputLog(str(tmp_path / "log"))
    read, write = os.pipe()
    until_ns = time.time_ns() + S // 2
    reading_to = Reading(0, None, follow=True, window=Window(until_ns=until_ns, tail=5))
    output = chunks(log, Run(), reading_to, closing=lambda: False)
    reading = asyncio.ensure_future(_all(output))
    await asyncio.sleep(0)
    os.write(write, b"in time\n")
    log.take(read, OUT)
    assert await asyncio.wait_for(reading, 30) == b"in time\n"
    assert time.time_ns() >= until_ns
    log.close()
    os.close(read)
    os.close(write)


async def _all(output: Any) -> bytes:
    return b"".join([chunk.data async for chunk in output])
