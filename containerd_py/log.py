"""Logging: structlog, to stderr: an entry with fields where that is the journal, key=value at a terminal, JSON elsewhere.

Values are escaped (SECURITY R20): what a container is called or says cannot forge a line. JSON has them as they were.
"""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import sys
from typing import TYPE_CHECKING, Any

import structlog

from containerd_py.journal_entry import SOCKET, encode

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_FIRST = ("timestamp", "level", "event")
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def escape(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape what a terminal or a reader of lines would take for more than text; line ends are the renderer's."""
    return {name: _escaped(value) if isinstance(value, str) else value for name, value in event.items()}


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character == "\n" else character.encode("unicode_escape").decode()
        for character in text
    )


def unfiltered() -> structlog.typing.FilteringBoundLogger:
    """Return a logger whose lines are written whatever the level is."""
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        None, wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET)
    )
    return logger


def configure(level: str) -> None:
    """Set up logging for this process. The journal adds the time, elsewhere the lines bear it."""
    native = _is_journal()
    structlog.configure(
        processors=[
            *([] if native else [structlog.processors.TimeStamper(fmt="iso", utc=True)]),
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            *(_for_the_journal() if native else (escape, _line()) if sys.stderr.isatty() else (as_json,)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=(lambda *_args: _JOURNAL) if native else structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def _line() -> structlog.processors.LogfmtRenderer:
    return structlog.processors.LogfmtRenderer(key_order=list(_FIRST), drop_missing=True)


# ── JSON ──


def as_json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    """Render an event as an object in one line. What a terminal would take for more than text is a "\\u…" in it."""
    ordered = {name: event[name] for name in _FIRST if name in event} | dict(event)
    text = json.dumps(ordered, ensure_ascii=False, default=str)
    return text if text.isprintable() else "".join(one if one.isprintable() else _code(one) for one in text)


def _code(character: str) -> str:
    """Only strings have such characters, and any character of those may be written so (RFC 8259, section 7)."""
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


# ── the journal ──

_CALLSITE = structlog.processors.CallsiteParameter
_PLACE = (_CALLSITE.PATHNAME, _CALLSITE.LINENO, _CALLSITE.FUNC_NAME)
_PRIORITIES = {"debug": b"7", "info": b"6", "warning": b"4", "error": b"3", "critical": b"2"}
_NAMES = {"pathname": "CODE_FILE", "lineno": "CODE_LINE", "func_name": "CODE_FUNC", "container": "CONTAINER_ID"}
_NAMES |= {"operation": "OPERATION"}
_PREFIX = "PYCONTAINERD_"


def _is_journal() -> bool:
    """Tell whether what is written to stderr arrives in the journal: JOURNAL_STREAM is inherited by much else."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def _for_the_journal() -> tuple[structlog.typing.Processor, ...]:
    return structlog.processors.CallsiteParameterAdder(_PLACE), escape, _Fields()


class _Fields:
    """The last processor: from an event to (its line, its entry)."""

    def __init__(self) -> None:
        self._line = _line()

    def __call__(
        self, logger: object, method: str, event: MutableMapping[str, Any]
    ) -> tuple[tuple[str, bytes], dict[str, Any]]:
        fields = {_field(name): str(value).encode() for name, value in event.items() if name not in ("event", "level")}
        shown = {name: value for name, value in event.items() if name not in ("pathname", "lineno", "func_name")}
        text = self._line(logger, method, shown)
        fields["MESSAGE"], fields["PRIORITY"] = text.encode(), _PRIORITIES.get(str(event.get("level")), b"6")
        fields["SYSLOG_IDENTIFIER"] = b"pycontainerd"
        return (text, encode(fields.items())), {}


def _field(name: str) -> str:
    return _NAMES.get(name) or _PREFIX + re.sub(r"[^A-Z0-9_]", "_", name.upper())


class _JournalLogger:
    """Sends entries and waits for nobody: one that the journal does not take at once is written as a line."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def msg(self, text: str, entry: bytes) -> None:
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            self._socket.sendto(entry, SOCKET)
        except OSError:
            sys.stderr.write(f"{text}\n")

    log = debug = info = warn = warning = error = critical = exception = fatal = msg


_JOURNAL = _JournalLogger()
