"""One line for each event, whatever its values are: of key=value at a terminal, of JSON elsewhere."""

import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import structlog

from containerd_py import log

FORGED = "x\nlevel=error event=forged"


@pytest.fixture(autouse=True)
def configured() -> Iterator[None]:
    """The set-up is the process's: others find it as it was."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def reading(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    monkeypatch.setattr(log, "sys", SimpleNamespace(stderr=stream))  # pytest puts another one in place for each phase
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    log.configure("info")
    return stream.getvalue


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Return what reads the lines that were written to a terminal."""
    return reading(Terminal(), monkeypatch)


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Return what reads the lines that were written to what is no terminal."""
    return reading(io.StringIO(), monkeypatch)


def test_a_line_has_time_level_and_event_first(written: Callable[[], str]) -> None:
    structlog.get_logger().info("serving", socket="/run/x", pid=7)
    time, rest = written().split(" ", 1)
    assert time.startswith("timestamp=20")
    assert rest == "level=info event=serving socket=/run/x pid=7\n"


def test_elsewhere_it_is_json_with_time_level_and_event_first(stored: Callable[[], str]) -> None:
    structlog.get_logger().info("serving", socket="/run/x", pid=7, ms=0.5, ready=True, cause=None, where={"a": [1]})
    (line,) = stored().splitlines()
    found = json.loads(line)
    assert list(found)[:3] == ["timestamp", "level", "event"]
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", found.pop("timestamp"))
    told = {"socket": "/run/x", "pid": 7, "ms": 0.5, "ready": True, "cause": None, "where": {"a": [1]}}
    assert found == {"level": "info", "event": "serving"} | told


def test_a_variable_that_another_has_left_is_no_journal(monkeypatch: pytest.MonkeyPatch, stored: Callable[[], str]) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    log.configure("info")
    structlog.get_logger().info("serving")
    assert json.loads(stored()).keys() == {"timestamp", "level", "event"}


def test_what_json_has_no_word_for_is_its_text(stored: Callable[[], str]) -> None:
    structlog.get_logger().info("event", error=ValueError("why"))
    assert json.loads(stored())["error"] == "why"


VALUES = pytest.mark.parametrize(
    "value",
    [
        FORGED,
        "x\rlevel=error",
        "x\x1b[2J\x1b[H",
        "x\x9b2J",
        "x\x85y",
        "x\u2028y",
        "x\u2029y",
        "x\x0by\x0cz\x1cw",
        "x\u202ey",  # right to left: what is read is not what stands there
        "\0",
        '" level=error "',
        "a=b",
        "\x7f",
        "\U000e0001",  # a tag, which nobody sees
        "\udcff",  # a byte of a file's name that is no text
        '", "level": "error',
        "\\u000a\\",
    ],
)


@VALUES
def test_json_has_a_value_as_it_was_and_a_terminal_sees_text_alone(stored: Callable[[], str], value: str) -> None:
    structlog.get_logger().warning(value)
    structlog.get_logger().warning("event", key=value)
    text = stored()
    assert all(character.isprintable() or character == "\n" for character in text)
    first, second = (json.loads(line) for line in text.splitlines())
    assert (first["event"], first["level"]) == (value, "warning")
    assert (second["key"], second["level"]) == (value, "warning")


@VALUES
def test_a_value_cannot_forge_a_line_or_a_key(written: Callable[[], str], value: str) -> None:
    structlog.get_logger().warning(value)
    structlog.get_logger().warning("event", key=value)
    text = written()
    assert text.count("\n") == 2
    assert all(character.isprintable() or character == "\n" for character in text)
    for line in text.splitlines():
        assert dict(_pairs(line)).keys() <= {"timestamp", "level", "event", "key"}
        assert ("level", "warning") in _pairs(line)


def _pairs(line: str) -> list[tuple[str, str]]:
    """Read logfmt: key=value, a value with blanks in quotes."""
    return re.findall(r'([a-z]+)=("(?:[^"\\]|\\.)*"|[^ "]*)(?: |$)', line)


def test_a_failure_is_one_object_too(stored: Callable[[], str]) -> None:
    structlog.get_logger().error("request failed", exc_info=RuntimeError(FORGED))
    (line,) = stored().splitlines()
    assert json.loads(line)["exception"].endswith(f"RuntimeError: {FORGED}")


def test_a_failure_is_one_line_too(written: Callable[[], str]) -> None:
    structlog.get_logger().error("request failed", exc_info=RuntimeError(FORGED + "\x1b[2J"))
    text = written()
    assert text.count("\n") == 1
    assert "RuntimeError" in text
    assert "\x1b" not in text


def test_text_of_any_language_stays_readable(written: Callable[[], str]) -> None:
    structlog.get_logger().info("event", name="größe-日本")
    assert "name=größe-日本" in written()


def test_in_json_too(stored: Callable[[], str]) -> None:
    structlog.get_logger().info("event", name="größe-日本")
    assert '"name": "größe-日本"' in stored()


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_level_decides(written: Callable[[], str], level: str, expected: list[str]) -> None:
    log.configure(level)
    for name in ("debug", "info", "warning", "error"):
        getattr(structlog.get_logger(), name)("event")
    assert [line.split(" ")[1] for line in written().splitlines()] == [f"level={name}" for name in expected]


_SCRIPT = "import structlog; from containerd_py import log; log.configure('info'); structlog.get_logger().info('hello')"


def test_it_goes_to_standard_error() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == ""
    assert json.loads(done.stderr)["event"] == "hello"


def test_at_a_real_terminal_it_is_for_people() -> None:
    ours, theirs = pty.openpty()
    try:
        subprocess.run([sys.executable, "-c", _SCRIPT], stderr=theirs, check=True, timeout=30)
        assert b"level=info event=hello\r\n" in os.read(ours, 4096)
    finally:
        os.close(ours)
        os.close(theirs)
