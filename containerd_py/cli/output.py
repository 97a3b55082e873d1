"""What is printed for people and for programs. Values come from containers: control characters are shown, not sent."""

from __future__ import annotations

import datetime
import os
import shlex
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from pydantic import BaseModel
    from rich.console import Console
    from rich.text import Text

    from containerd_py.wire import ContainerSummary

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def printable(text: str) -> str:
    """Return `text` with every character that a terminal might act on written as an escape: ESC as \\x1b."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def write_line(line: str) -> None:
    """Write one line to stdout at once, so that a reader of a pipe sees it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def write_model(model: BaseModel, *, indent: int | None = None) -> None:
    write_line(model.model_dump_json(indent=indent))


def write_models(models: Iterable[BaseModel]) -> None:
    """Write one JSON array."""
    write_line("[" + ",".join(model.model_dump_json() for model in models) + "]")


def write_pairs(pairs: Iterable[tuple[str, Any]]) -> None:
    """Write "name: value" lines, the values aligned."""
    rows = [(f"{name}:", printable(str(value))) for name, value in pairs]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        write_line(f"{name:<{width}}  {value}".rstrip())


def write_text(text: Text) -> None:
    """Write one line, with its colours and weights where stdout is a terminal that has some, and NO_COLOR is not set."""
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        write_line(text.plain)
        return
    console = console_of_stdout()
    with console.capture() as captured:  # rich would end the process at a closed pipe by itself
        console.print(text, soft_wrap=True)
    sys.stdout.write(captured.get())
    sys.stdout.flush()


def terminal_width() -> int | None:
    """Return the columns of the terminal that stdout is, or None where it is none."""
    return console_of_stdout().width if sys.stdout.isatty() else None


def silence_stdout() -> None:
    """Let what is still buffered for a closed pipe go nowhere, so that the interpreter's own flush is quiet too."""
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.dup2(null, 1)
    finally:
        os.close(null)


def status_text(container: ContainerSummary) -> str:
    """Return "running", "running (healthy)", "created", "exited (3)", "restarting (3)" before the next start, ...

    "lost": nobody saw how it ended.
    """
    if container.exit is None:
        return container.status if container.health is None else f"{container.status} ({container.health})"
    if container.exit.exit_code is None and container.next_start_at is None:
        return "lost"
    word = "exited" if container.next_start_at is None else "restarting"
    return word if container.exit.exit_code is None else f"{word} ({container.exit.exit_code})"


def age_text(time: str, now: datetime.datetime) -> str:
    """Return how long ago an RFC 3339 time was: "5 minutes ago"; the time itself where it cannot be read."""
    try:
        passed_s = int((now - datetime.datetime.fromisoformat(time)).total_seconds())
    except (ValueError, TypeError):
        return time
    for unit_s, unit in _UNITS:
        if passed_s >= unit_s:
            count = passed_s // unit_s
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "now"


def command_text(args: Sequence[str]) -> str:
    return shlex.join(args)


def console_of_stdout() -> Console:
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
