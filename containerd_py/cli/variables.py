"""`--env-file` and `--label-file`: a K=V or a K on each line, # before a comment. Errors are InvalidArgument."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable


def read_files(paths: Iterable[str] | None) -> list[str]:
    """Return the lines that say something, of all files in their order."""
    return [line for path in paths or () for line in _lines(path)]


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.rstrip("\r\n").lstrip() for line in file]
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InvalidArgument(f"cannot read {path!r}: {cause.lower()}", step="parse") from error
    return [line for line in lines if line and not line.startswith("#")]
