"""Logging: structlog, one line of key=value for each event on stderr; where that is the journal, an entry with fields.

Values are escaped (SECURITY R20): what a container is called or says cannot forge a line.
"""

from __future__ import annotations

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
    """Set up logging for this process. Under systemd the journal adds the time, elsewhere the lines bear it."""
    native = _is_journal()
    stamps = [] if "JOURNAL_STREAM" in os.environ else [structlog.processors.TimeStamper(fmt="iso", utc=True)]
    line = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], drop_missing=True)
    structlog.configure(
        processors=[
            *stamps,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            *([structlog.processors.CallsiteParameterAdder(_PLACE)] if native else []),
            escape,
            _Fields(line) if native else line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=(lambda *_args: _JOURNAL) if native else structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


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


class _Fields:
    """The last processor: from an event to (its line, its entry). line: what renders it for people."""

    def __init__(self, line: structlog.processors.LogfmtRenderer) -> None:
        self._line = line

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
