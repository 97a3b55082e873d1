"""Tables: in a pipe whole, at a terminal as wide as it is, with one column that gives way; or drawn again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from containerd_py.cli.output import console_of_stdout, printable, terminal_width, write_line, write_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.text import Text

_GAP = 2
_COLUMN_GAP = 3  # of docker's tables by template
_LEAST = 8
"""A column is not cut to less: where there is no room even for that, the terminal wraps the lines."""


def write_table(
    headers: Sequence[str], rows: Iterable[Sequence[str]], *, elastic: str | None, numbers: Sequence[str] = ()
) -> None:
    """Write a table, its column `elastic` cut to the terminal's width where stdout is one; None: nothing is cut.

    numbers: the columns set to the right.
    """
    width = None if elastic is None else terminal_width()
    for line in _lines(headers, rows, elastic=elastic, numbers=numbers, width=width):
        write_text(line)


def write_columns(lines: Iterable[str]) -> None:
    """Write lines whose cells are separated by tabs, the cells of a column below each other."""
    rows = [line.split("\t") for line in lines]
    columns = range(max(map(len, rows), default=0))
    widths = [max(_cells(row[column]) for row in rows if column < len(row)) for column in columns]
    for row in rows:
        write_line((" " * _COLUMN_GAP).join(map(_set_left, row, widths)).rstrip())


class LiveTable:
    """A context manager: a table at a terminal that the next one takes the place of. What has no room is cut."""

    def __init__(self) -> None:
        from rich.live import Live

        self._live = Live(console=console_of_stdout(), auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_problem: object) -> None:
        self._live.stop()

    def show(
        self,
        headers: Sequence[str],
        rows: Iterable[Sequence[str]],
        *,
        elastic: str,
        numbers: Sequence[str] = (),
        heading: str | None = None,
    ) -> None:
        """As `write_table`. heading: a line above it."""
        from rich.console import Group
        from rich.text import Text

        lines = _lines(headers, rows, elastic=elastic, numbers=numbers, width=terminal_width())
        above = () if heading is None else (Text(printable(heading)),)
        whole = [*above, *lines]
        for line in whole:
            line.no_wrap, line.overflow = True, "crop"
        self._live.update(Group(*whole), refresh=True)


def _lines(
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    elastic: str | None,
    numbers: Sequence[str],
    width: int | None,
) -> Iterator[Text]:
    """Yield the lines. width: of the terminal; None: none is cut."""
    from rich.text import Text

    cells = [tuple(map(printable, row)) for row in rows]
    widths = [max(map(_cells, column)) for column in zip(headers, *cells, strict=True)]
    if width is not None and elastic is not None:
        chosen = headers.index(elastic)
        room = width - sum(widths) + widths[chosen] - _GAP * (len(widths) - 1)
        if room >= min(_LEAST, widths[chosen]):
            widths[chosen] = min(widths[chosen], room)
    shapes = [_set_right if header in numbers else _set_left for header in headers]
    for index, row in enumerate((tuple(headers), *cells)):
        set_cells = (shape(cell, size) for shape, cell, size in zip(shapes, row, widths, strict=True))
        yield Text((" " * _GAP).join(set_cells).rstrip(), style="" if index else "bold")


def _set_left(text: str, width: int) -> str:
    from rich.cells import set_cell_size

    return set_cell_size(text, width)


def _set_right(text: str, width: int) -> str:
    return " " * (width - _cells(text)) + text


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
