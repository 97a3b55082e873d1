"""The shell blocks of a page, and what stands below them as their output."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_NOT = "<!-- not executed:"
_REST = "…"
_PATIENCE_S = 150


@dataclass(frozen=True)
class Block:
    """expected: its output, where one is shown; `…` is anything in it, and a line of `…` alone any lines."""

    line: int
    commands: str
    expected: str | None


def blocks(page: Path) -> list[Block]:
    """Return the blocks that are to be executed, in order."""
    found: list[Block] = []
    last: Block | None = None
    for line, kind, body, excused in _fences(page.read_text()):
        if kind == "text" and last is not None:
            found[-1] = Block(last.line, last.commands, body)
        last = None
        if kind == "sh" and not excused:
            last = Block(line, body, None)
            found.append(last)
    return found


def of_kind(page: Path, kind: str) -> list[str]:
    """Return the bodies of all blocks of a kind; "": without one."""
    return [body for _, one, body, _ in _fences(page.read_text()) if one == kind]


def _fences(text: str) -> Iterator[tuple[int, str, str, bool]]:
    """Yield each fence: its line, kind and body, and whether the line before or after it says that it is not executed."""
    lines = text.splitlines()
    start = None
    for number, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if start is None:
            start = number
            continue
        around = [*lines[max(0, start - 1) : start], *lines[number + 1 : number + 2]]
        body = "\n".join(lines[start + 1 : number]) + "\n"
        yield start + 1, lines[start].lstrip("`").split(" ")[0], body, any(one.startswith(_NOT) for one in around)
        start = None


def execute(found: list[Block], folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Execute blocks in one shell, which ends with the first command that fails; return the output of each."""
    mark = "end of block"
    script = "set -eE\ntrap 'echo \"failed: $BASH_COMMAND\" >&2' ERR\n"
    script += "".join(f"{block.commands}\necho '{mark}'\n" for block in found)
    out, err = folder / "out", folder / "err"
    with out.open("wb") as stdout, err.open("wb") as stderr:  # files: what a page starts may outlive the shell
        ended = subprocess.run(
            ["/bin/bash"],
            input=script.encode(),
            stdout=stdout,
            stderr=stderr,
            env=environment,
            timeout=_PATIENCE_S,
            check=False,
        )
    told = out.read_text()
    assert ended.returncode == 0, f"{told[-1500:]}\n{err.read_text()[-1500:]}"
    return told.split(f"{mark}\n")[:-1]


def check(block: Block, output: str) -> None:
    if block.expected is not None:
        pattern = "".join(map(_pattern, block.expected.splitlines()))
        assert re.fullmatch(pattern, output), f"line {block.line}: {output!r} is not {block.expected!r}"


def _pattern(line: str) -> str:
    if line == _REST:
        return r"(?:[^\n]*\n)*?"
    return ".*?".join(map(re.escape, line.split(_REST))) + r"\n?"
