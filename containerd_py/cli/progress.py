"""How far a long work is: one line at the end of a terminal's text, on stderr, gone when it is done.

Nothing is shown where stderr is no terminal.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Self

from containerd_py.cli.output import printable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from types import TracebackType

    from rich.progress import Progress as Bar

_NAMES = 3


class Progress:
    """A context manager. doing: "stopping"; total: of how many things; 0: it cannot be counted."""

    def __init__(self, doing: str, total: int) -> None:
        self._doing = doing
        self._total = total
        self._under_way: list[str] = []
        self._bar: Bar | None = None
        self._undone = contextlib.ExitStack()

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from containerd_py.cli.signals import left_in_order  # here, for the completion's sake

            self._undone.enter_context(left_in_order())  # the cursor is hidden meanwhile
            self._bar = _bar(counted=self._total > 1)
            self._task = self._bar.add_task("", total=self._total or None, visible=False)
            self._bar.start()
            self._show()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._undone.close()

    @contextlib.asynccontextmanager
    async def on(self, name: str) -> AsyncIterator[None]:
        """While it is entered, that one is worked on."""
        self._under_way.append(name)
        self._show()
        try:
            yield
        finally:
            self._under_way.remove(name)
            if self._bar is not None:
                self._bar.advance(self._task)
            self._show()

    def aside(self, write: Callable[[], None]) -> None:
        """Write to stdout or stderr without the line in between: it is taken away, and comes again."""
        if self._bar is not None:
            self._bar.stop()
        write()
        if self._bar is not None:
            self._bar.start()

    def _show(self) -> None:
        if self._bar is None:
            return
        names = ", ".join(map(printable, self._under_way[:_NAMES])) + (" …" if len(self._under_way) > _NAMES else "")
        self._bar.update(self._task, description=f"{self._doing} {names}".rstrip(), visible=True)


def _bar(*, counted: bool) -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(bar_width=20), MofNCompleteColumn()) if counted else ()
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    return Bar(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        *columns,
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
