"""A container's standard streams over real pipes and a real terminal."""

import asyncio
import contextlib
import errno
import fcntl
import os
import pty
import termios
import tty
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from containerd_py.engine import stdio
from containerd_py.engine.output import OutputLog
from containerd_py.engine.stdio import Stdio
from containerd_py.engine.views import OutputChunk, Stream
from containerd_py.errors import Conflict
from containerd_py.runtime.console import window_size
from containerd_py.runtime.linux.fd import Fd
from tests.unit.store.small_disk import fill, needs_root, small_disk

LONG_S = 30
FLOOD = b"f" * 300_000  # more than a pipe or a terminal holds


class Payload:
    """A container's streams, and the payload's ends of them by name ("terminal": the slave)."""

    def __init__(self, directory: str, *, terminal: bool = False, stdin: bool = True) -> None:
        self.ends = 0
        self.log = OutputLog(directory)
        if terminal:
            master, slave = pty.openpty()
            tty.setraw(slave)
            ours, self.theirs = stdio.open_terminal(Fd(master)), {"terminal": Fd(slave)}
        else:
            ours, self.theirs = stdio.open_pipes(stdin=stdin)
        self.stdio = Stdio(self.log, ours, on_end=self._ended)

    def _ended(self) -> None:
        self.ends += 1

    def number(self, name: str) -> int:
        return self.theirs[name].fileno()

    def end(self, *names: str) -> None:
        for name in names or tuple(self.theirs):
            self.theirs[name].close()

    def output(self) -> list[tuple[Stream, bytes]]:
        with contextlib.closing(self.log.reader(0)) as reader:
            found = iter(reader.next, None)
            return [(chunk.stream, chunk.data) for chunk in found if isinstance(chunk, OutputChunk)]

    def text(self) -> bytes:
        return b"".join(data for _stream, data in self.output())

    def close(self) -> None:
        self.end()
        self.stdio.close()
        self.log.close()


@pytest.fixture
async def payload(tmp_path: Path) -> AsyncIterator[Payload]:
    with contextlib.closing(Payload(str(tmp_path / "log"))) as found:
        yield found


@pytest.fixture
async def on_terminal(tmp_path: Path) -> AsyncIterator[Payload]:
    with contextlib.closing(Payload(str(tmp_path / "log"), terminal=True)) as found:
        yield found


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(LONG_S):
        while not true():
            await asyncio.sleep(0.001)


async def blocked_writer(payload: Payload) -> asyncio.Task[None]:
    task = asyncio.ensure_future(payload.stdio.write_stdin(FLOOD))
    await until(lambda: payload.stdio._blocked)
    return task


# ── output of pipes ──


async def test_output_goes_to_the_log_as_it_comes(payload: Payload) -> None:
    payload.stdio.start()
    os.write(payload.number("stdout"), b"one")
    await until(lambda: payload.log.size == 3)
    os.write(payload.number("stderr"), b"two")
    await until(lambda: payload.log.size == 6)
    assert payload.output() == [(Stream.STDOUT, b"one"), (Stream.STDERR, b"two")]
    assert not payload.stdio.ended


async def test_the_end_comes_once_when_both_pipes_have_ended(payload: Payload) -> None:
    payload.stdio.start()
    os.write(payload.number("stdout"), b"last")
    payload.end("stdout")
    await until(lambda: payload.stdio._sources == {"stderr"})
    assert (payload.ends, payload.stdio.ended) == (0, False)
    payload.end("stderr")
    await until(lambda: payload.ends)
    assert (payload.ends, payload.stdio.ended, payload.text()) == (1, True, b"last")


async def test_draining_takes_all_that_is_there(payload: Payload) -> None:
    payload.stdio.start()
    os.write(payload.number("stdout"), b"o" * 60_000)
    os.write(payload.number("stderr"), b"e" * 60_000)
    payload.stdio.drain()
    assert payload.log.size == 120_000
    assert not payload.stdio.ended


async def test_draining_ends_pipes_that_nobody_holds(payload: Payload) -> None:
    payload.stdio.start()
    os.write(payload.number("stdout"), b"last")
    payload.end()
    payload.stdio.drain()
    assert (payload.text(), payload.ends, payload.stdio.ended) == (b"last", 1, True)
    payload.stdio.drain()
    assert payload.ends == 1


async def test_a_pipe_that_was_full_gets_more_room_and_others_do_not(payload: Payload) -> None:
    payload.stdio.start()
    os.write(payload.number("stdout"), b"o" * 65_536)
    os.write(payload.number("stderr"), b"e" * 65_535)
    await until(lambda: payload.log.size == 131_071)
    sizes = {name: fcntl.fcntl(payload.number(name), fcntl.F_GETPIPE_SZ) for name in ("stdout", "stderr")}
    assert sizes == {"stdout": 262_144, "stderr": 65_536}
    os.write(payload.number("stdout"), b"o" * 262_144)
    await until(lambda: payload.log.size == 131_071 + 262_144)


async def test_a_pipe_that_the_payload_has_given_more_room_keeps_it(payload: Payload) -> None:
    fcntl.fcntl(payload.number("stdout"), fcntl.F_SETPIPE_SZ, 1 << 20)
    payload.stdio.start()
    os.write(payload.number("stdout"), b"o" * 70_000)
    await until(lambda: payload.log.size == 70_000)
    assert fcntl.fcntl(payload.number("stdout"), fcntl.F_GETPIPE_SZ) == 1 << 20


async def test_a_user_whose_pipes_are_at_their_limit_loses_nothing(
    payload: Payload, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_fd: int, command: int, _size: int = 0) -> int:
        if command == fcntl.F_GETPIPE_SZ:
            return 65_536
        raise PermissionError(errno.EPERM, "over fs.pipe-user-pages-soft")

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: problems.append(context))
    payload.stdio.start()
    os.write(payload.number("stdout"), b"o" * 65_536)
    await until(lambda: payload.log.size == 65_536)
    os.write(payload.number("stdout"), b"more")
    await until(lambda: payload.log.size == 65_540)
    assert problems == []


async def test_a_grandchild_that_keeps_a_pipe_open_keeps_it_open(payload: Payload) -> None:
    payload.stdio.start()
    os.write(payload.number("stdout"), b"x")
    payload.end("stderr")
    payload.stdio.drain()
    assert (payload.ends, payload.stdio.ended) == (0, False)


@needs_root
async def test_on_a_full_disk_draining_ends_and_the_payload_is_not_held_up() -> None:
    with small_disk() as disk, contextlib.closing(Payload(f"{disk}/log")) as payload:
        fill(disk)
        payload.stdio.start()
        for _ in range(3):
            os.write(payload.number("stdout"), b"x" * 60_000)
            payload.stdio.drain()
        assert payload.log.size + payload.log.lost == 180_000
        payload.end()
        payload.stdio.drain()
        assert payload.stdio.ended


# ── a terminal's output ──


async def test_a_terminals_output_goes_to_the_log(on_terminal: Payload) -> None:
    on_terminal.stdio.start()
    os.write(on_terminal.number("terminal"), b"hello")
    await until(lambda: on_terminal.log.size == 5)
    assert on_terminal.output() == [(Stream.STDOUT, b"hello")]
    assert on_terminal.stdio.has_terminal


async def test_a_terminal_ends_when_nobody_has_it_open_and_loses_nothing(on_terminal: Payload) -> None:
    on_terminal.stdio.start()
    os.write(on_terminal.number("terminal"), b"last words")
    on_terminal.end()
    await until(lambda: on_terminal.ends)
    assert (on_terminal.text(), on_terminal.stdio.ended) == (b"last words", True)
    await asyncio.sleep(0)
    assert on_terminal.ends == 1


async def test_draining_a_terminal_takes_all_that_is_there(on_terminal: Payload) -> None:
    on_terminal.stdio.start()
    os.write(on_terminal.number("terminal"), b"x" * 4000)
    os.write(on_terminal.number("terminal"), b"y" * 4000)
    await until(lambda: on_terminal.log.size)  # the line discipline hands on in its own time
    on_terminal.end()
    await until(lambda: on_terminal.ends)
    assert on_terminal.text() == b"x" * 4000 + b"y" * 4000


async def test_much_output_of_a_terminal_arrives_whole(on_terminal: Payload) -> None:
    on_terminal.stdio.start()
    data = bytes(range(256)) * 2000
    writing = asyncio.ensure_future(asyncio.to_thread(_write_all, on_terminal.number("terminal"), data))
    await until(lambda: on_terminal.log.size == len(data))
    await writing
    assert on_terminal.text() == data


@needs_root
async def test_on_a_full_disk_every_byte_of_a_terminal_is_kept_or_counted() -> None:
    with small_disk() as disk, contextlib.closing(Payload(f"{disk}/log", terminal=True)) as payload:
        payload.stdio.start()
        os.write(payload.number("terminal"), b"x")
        await until(lambda: payload.log.size == 1)
        fill(disk)
        os.write(payload.number("terminal"), b"y" * 4000)
        os.write(payload.number("terminal"), b"z" * 4000)
        payload.end()
        await until(lambda: payload.ends)
        assert payload.log.size + payload.log.lost == 8001
        assert payload.log.lost > 0


def _write_all(number: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(number, rest) :]


# ── input ──


@pytest.mark.parametrize("terminal", [False, True])
async def test_input_reaches_the_payload(tmp_path: Path, terminal: bool) -> None:  # noqa: FBT001
    with contextlib.closing(Payload(str(tmp_path / "log"), terminal=terminal)) as payload:
        await payload.stdio.write_stdin(b"hello\n")
        assert os.read(payload.number("terminal" if terminal else "stdin"), 100) == b"hello\n"


@pytest.mark.parametrize("terminal", [False, True])
async def test_a_payload_that_does_not_read_holds_the_writer_up(tmp_path: Path, terminal: bool) -> None:  # noqa: FBT001
    with contextlib.closing(Payload(str(tmp_path / "log"), terminal=terminal)) as payload:
        task = await blocked_writer(payload)
        number = payload.number("terminal" if terminal else "stdin")
        received = 0
        async with asyncio.timeout(LONG_S):
            while received < len(FLOOD):
                received += len(await asyncio.to_thread(os.read, number, 65_536))
            await task
        assert received == len(FLOOD)


async def test_two_writers_do_not_mix(payload: Payload) -> None:
    first = await blocked_writer(payload)
    second = asyncio.ensure_future(payload.stdio.write_stdin(b"second"))
    received = b""
    while len(received) < len(FLOOD) + 6:
        received += await asyncio.to_thread(os.read, payload.number("stdin"), 65_536)
    await asyncio.gather(first, second)
    assert received == FLOOD + b"second"


async def test_closing_wakes_a_writer_that_waits_and_those_behind_it(payload: Payload) -> None:
    first = await blocked_writer(payload)
    second = asyncio.ensure_future(payload.stdio.write_stdin(b"second"))
    await asyncio.sleep(0)
    payload.stdio.close()
    for task in (first, second):
        with pytest.raises(Conflict, match="cannot write standard input: it is closed"):
            await asyncio.wait_for(task, LONG_S)


async def test_a_writer_that_was_woken_leaves_the_number_to_whom_has_it_now(payload: Payload) -> None:
    """The kernel gives the lowest number that is free: mostly one that was closed a moment ago."""
    loop = asyncio.get_running_loop()
    number = payload.stdio.numbers()["stdin"]
    writing = asyncio.ensure_future(payload.stdio.write_stdin(FLOOD))
    await asyncio.sleep(0.05)
    payload.stdio.close()
    read, write = os.pipe()
    os.dup2(write, number)
    writable = asyncio.Event()
    loop.add_writer(number, writable.set)
    with pytest.raises(Conflict):
        await writing
    async with asyncio.timeout(LONG_S):
        await writable.wait()
    assert loop.remove_writer(number)
    for fd in {read, write, number}:
        os.close(fd)


async def test_a_payload_that_ends_wakes_a_writer_that_waits(payload: Payload) -> None:
    task = await blocked_writer(payload)
    payload.end("stdin")
    with pytest.raises(Conflict):
        await asyncio.wait_for(task, LONG_S)


async def test_a_writer_that_gives_up_leaves_the_input_to_others(payload: Payload) -> None:
    task = await blocked_writer(payload)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    rest = len(os.read(payload.number("stdin"), 1 << 20))
    assert 0 < rest < len(FLOOD)
    await asyncio.wait_for(payload.stdio.write_stdin(b"next"), LONG_S)
    assert os.read(payload.number("stdin"), 100) == b"next"


async def test_without_input_writing_is_refused(tmp_path: Path) -> None:
    with contextlib.closing(Payload(str(tmp_path / "log"), stdin=False)) as payload:
        with pytest.raises(Conflict) as refused:
            await payload.stdio.write_stdin(b"x")
        assert (refused.value.step, bool(refused.value.hint)) == ("stdin", True)
        assert not await payload.stdio.close_stdin()
        assert set(payload.stdio.numbers()) == {"stdout", "stderr"}


async def test_closing_input_is_its_end_for_the_payload(payload: Payload) -> None:
    await payload.stdio.write_stdin(b"last")
    assert set(payload.stdio.numbers()) == {"stdin", "stdout", "stderr"}
    assert await payload.stdio.close_stdin()
    assert os.read(payload.number("stdin"), 100) == b"last"
    assert os.read(payload.number("stdin"), 100) == b""
    assert set(payload.stdio.numbers()) == {"stdout", "stderr"}
    assert not await payload.stdio.close_stdin()  # nothing to drop any more
    with pytest.raises(Conflict):
        await payload.stdio.write_stdin(b"x")


async def test_input_is_closed_after_what_is_being_written(payload: Payload) -> None:
    writing = await blocked_writer(payload)
    closing = asyncio.ensure_future(payload.stdio.close_stdin())
    received = 0
    async with asyncio.timeout(LONG_S):
        while data := await asyncio.to_thread(os.read, payload.number("stdin"), 65_536):
            received += len(data)
        await writing
        assert await closing
    assert received == len(FLOOD)


async def test_on_a_terminal_the_end_of_input_is_typed(on_terminal: Payload) -> None:
    assert not await on_terminal.stdio.close_stdin()
    assert os.read(on_terminal.number("terminal"), 10) == b"\x04"
    await on_terminal.stdio.write_stdin(b"more")
    assert os.read(on_terminal.number("terminal"), 10) == b"more"


async def test_on_a_terminal_in_its_usual_mode_a_reader_sees_the_end(on_terminal: Payload) -> None:
    number = on_terminal.number("terminal")
    settings = termios.tcgetattr(number)
    settings[3] |= termios.ICANON
    settings[6][termios.VEOF] = b"\x04"
    termios.tcsetattr(number, termios.TCSANOW, settings)
    await on_terminal.stdio.close_stdin()
    assert await asyncio.wait_for(asyncio.to_thread(os.read, number, 10), LONG_S) == b""


# ── size, descriptors ──


async def test_the_terminals_size_is_set(on_terminal: Payload) -> None:
    on_terminal.stdio.resize(33, 101)
    assert window_size(on_terminal.number("terminal")) == (33, 101)


async def test_pipes_have_no_size(payload: Payload) -> None:
    with pytest.raises(Conflict, match="cannot resize terminal") as refused:
        payload.stdio.resize(10, 10)
    assert refused.value.step == "resize"


async def test_the_spawner_gets_every_descriptor_by_its_name(on_terminal: Payload) -> None:
    assert set(on_terminal.stdio.numbers()) == {"terminal", "relay_read", "relay_write"}
    for number in on_terminal.stdio.numbers().values():
        assert not os.get_inheritable(number)


async def test_our_ends_do_not_block_and_the_payloads_do(payload: Payload) -> None:
    assert not any(map(os.get_blocking, payload.stdio.numbers().values()))
    assert all(os.get_blocking(fd.fileno()) for fd in payload.theirs.values())


async def test_closing_twice_closes_once(payload: Payload) -> None:
    payload.stdio.start()
    numbers = payload.stdio.numbers()
    payload.stdio.close()
    payload.stdio.close()
    for number in numbers.values():
        with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
            os.fstat(number)
    assert payload.stdio.numbers() == {}
    assert payload.stdio.ended
    assert payload.ends == 0
    with pytest.raises(Conflict):
        payload.stdio.resize(1, 1)


class Refilled(OutputLog):
    """Whenever it has taken something, somebody writes more to the same stream, at once."""

    def __init__(self, directory: str, *, times: int) -> None:
        super().__init__(directory)
        self.left = times
        self.writer = -1

    def take(self, pipe: int, stream: Stream) -> bool:
        alive = super().take(pipe, stream)
        if self.left:
            self.left -= 1
            with contextlib.suppress(BlockingIOError):  # a terminal hands on what it has when the kernel gets to it
                os.write(self.writer, FLOOD[:4096])
        return alive


@pytest.mark.parametrize("terminal", [False, True], ids=["pipe", "terminal"])
async def test_the_end_of_a_payload_waits_for_nobody_who_writes_on(tmp_path: Path, *, terminal: bool) -> None:
    payload = Payload(str(tmp_path / "log"), terminal=terminal)
    payload.log = payload.stdio.log = log = Refilled(str(tmp_path / "log"), times=2000)
    log.writer = payload.number("terminal" if terminal else "stdout")
    os.set_blocking(log.writer, False)
    try:
        os.write(log.writer, b"what was there before")
        payload.stdio.start()

        payload.stdio.drain()

        assert log.left > 1000, "it has taken what was written meanwhile, again and again"
        assert payload.text().startswith(b"what was there before")
    finally:
        payload.close()
