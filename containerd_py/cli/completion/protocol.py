"""The dialogue with the shells' scripts.

    pyctr __complete WORD… INCOMPLETE      the words before the cursor, the last one as far as it goes (it may be "")
    pyctr __complete_line LINE             the same as bash has it: the line before the cursor, pyctr's name included
    value<TAB>about                        a line for each word that may come there
    :files, :directories or :none          at last: what the shell may add by itself

A value that ends with "=" or ":" is not whole: no space follows it.
"""

import importlib
from collections.abc import Iterator, Sequence
from typing import Any

from containerd_py.cli.completion.values import NOTHING

WORDS, LINE = "__complete", "__complete_line"
ASKED = (WORDS, LINE)
_PATHS = {"file": ":files", "dir": ":directories"}


def answer(command: Any, asked: str, given: Sequence[str]) -> Iterator[str]:
    """Yield the answer's lines. command: what `typer.main.get_command` returned."""
    machinery = _machinery(command)
    *before, incomplete = _words(machinery, given) if asked == LINE else (given or ("",))
    # The class is abstract in what concerns the scripts of one shell.
    concrete = type(
        "Complete", (machinery.ShellComplete,), dict.fromkeys(getattr(machinery.ShellComplete, "__abstractmethods__", ()))
    )
    items = concrete(command, {}, "pyctr", "").get_completions(before, incomplete)
    directive = ":files"
    for item in items:
        if item.type in _PATHS:
            directive = _PATHS[item.type]
            continue
        directive = ":none"
        if item.value.endswith(NOTHING):
            continue
        about = " ".join((item.help or "").split())
        yield f"{item.value}\t{about}"
    yield directive


def _words(machinery: Any, given: Sequence[str]) -> list[str]:
    """Cut a line as a shell does, a quote that is still open included."""
    line = " ".join(given)
    words: list[str] = machinery.split_arg_string(line)[1:]
    return words if words and not line[-1:].isspace() else [*words, ""]


def _machinery(command: Any) -> Any:
    """Return click's module for completion, of the copy of click that the command's class is from (typer has its own)."""
    base = next(one for one in type(command).__mro__ if one.__name__ == "Command")
    return importlib.import_module(f"{base.__module__.rpartition('.')[0]}.shell_completion")
