"""One line for each event, whatever its values are."""

import io
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


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Return what reads the lines that were written."""
    stream = io.StringIO()
    monkeypatch.setattr(log, "sys", SimpleNamespace(stderr=stream))  # pytest puts another one in place for each phase
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    log.configure("info")
    return stream.getvalue


def test_a_line_has_time_level_and_event_first(written: Callable[[], str]) -> None:
    structlog.get_logger().info("serving", socket="/run/x", pid=7)
    time, rest = written().split(" ", 1)
    assert time.startswith("timestamp=20")
    assert rest == "level=info event=serving socket=/run/x pid=7\n"


def test_the_journal_adds_the_time_itself(monkeypatch: pytest.MonkeyPatch, written: Callable[[], str]) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    log.configure("info")
    structlog.get_logger().info("serving")
    assert written() == "level=info event=serving\n"


@pytest.mark.parametrize(
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
    ],
)
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


def test_a_failure_is_one_line_too(written: Callable[[], str]) -> None:
    structlog.get_logger().error("request failed", exc_info=RuntimeError(FORGED + "\x1b[2J"))
    text = written()
    assert text.count("\n") == 1
    assert "RuntimeError" in text
    assert "\x1b" not in text


def test_text_of_any_language_stays_readable(written: Callable[[], str]) -> None:
    structlog.get_logger().info("event", name="größe-日本")
    assert "name=größe-日本" in written()


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


def test_it_goes_to_standard_error() -> None:
    script = "import structlog; from containerd_py import log; log.configure('info'); structlog.get_logger().info('hello')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == ""
    assert "event=hello" in done.stderr
