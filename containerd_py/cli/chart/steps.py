"""The plan of a container, a line for each step: in colours at a terminal, plain elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from containerd_py.cli.output import printable, write_text

if TYPE_CHECKING:
    from containerd_py.wire import Explanation

_KINDS = (
    ("magenta", ("Await", "await", "hook")),
    ("green", ("exec", "Exec", "program")),
    ("red", ("seccomp", "Seccomp", "capabilities", "mask", "Mask", "no_new_privs", "readonly")),
    ("blue", ("mount", "Mount", "root", "Root", "bind", "pivot", "attach", "tmpfs", "device")),
)


def write_steps(explanation: Explanation) -> None:
    write_text(Text.assemble("namespaces: ", (printable(", ".join(explanation.namespaces)), "bold")))
    numbers = len(str(len(explanation.steps)))
    names = max((len(step.step) for step in explanation.steps), default=0)
    for one in explanation.steps:
        text = Text(f"{one.index:>{numbers}}. ", style="dim")
        text.append(printable(f"{one.step:<{names}}"), style=f"not dim bold {style_of(one.step)}")
        text.append(printable(f"  {one.description}"), style="not dim")
        write_text(text)


def style_of(step: str) -> str:
    """Return the colour of what a step is about: file systems, confinement, the program, or what it waits for."""
    return next((style for style, parts in _KINDS if any(part in step for part in parts)), "cyan")
