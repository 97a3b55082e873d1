"""completion: what a shell needs to complete what is typed."""

import enum
from typing import Annotated

import typer


class Shell(enum.StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def register(app: typer.Typer) -> None:
    app.command("completion")(completion)


def completion(shell: Annotated[Shell, typer.Argument(help="Whose completion.")]) -> None:
    """Print what makes a shell complete commands, options, containers, execs, signals and labels.

    For this session: eval "$(pyctr completion bash)", the same with zsh, or pyctr completion fish | source. For good: put
    that line into ~/.bashrc, ~/.zshrc (after compinit) or ~/.config/fish/config.fish.
    """
    from containerd_py.cli.completion.scripts import SCRIPTS
    from containerd_py.cli.output import write_line

    write_line(SCRIPTS[shell.value].rstrip("\n"))
