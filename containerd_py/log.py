"""Logging: structlog, one line of key=value for each event on stderr, which systemd puts into the journal.

Values are escaped (SECURITY R20): what a container is called or says cannot forge a line.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Any

import structlog

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
    journal = "JOURNAL_STREAM" in os.environ
    stamps = [] if journal else [structlog.processors.TimeStamper(fmt="iso", utc=True)]
    structlog.configure(
        processors=[
            *stamps,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            escape,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], drop_missing=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
