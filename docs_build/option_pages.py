"""The pages of commands and their options: what `--help` prints, for each command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.testing import CliRunner

from containerd_py.cli.main import app
from containerd_py.cli.oci import commands
from containerd_py.cli.oci.arguments import Parser
from containerd_py.cli.oci.settings import declare

if TYPE_CHECKING:
    import typer
    from typer.models import TyperInfo

_PYCTR = """# pyctr

The client of the daemon, for people at a terminal. [Use pyctr at a terminal](../how-to/pyctr.md) tells how it prints and
completes, [Control what runs](../how-to/control.md) what its commands do,
[HTTP API](http.md) what the daemon does for them.

"""
_PYRUNC = """# Options of pyrunc

What each command of `pyrunc` takes. What it does with it is in [pyrunc](pyrunc.md).

"""


def pyctr() -> str:
    paths = [[name] for name in _names(app)]
    paths += [path for group in app.registered_groups for path in _group(group)]
    return "".join([_PYCTR, _block(_help([])), *(f"\n## {' '.join(path)}\n\n{_block(_help(path))}" for path in paths)])


def _names(commands: typer.Typer) -> list[str]:
    return [str(command.name or getattr(command.callback, "__name__", "")) for command in commands.registered_commands]


def _group(group: TyperInfo) -> list[list[str]]:
    """Return the commands of a group after itself; none where they are those of pyctr by longer names."""
    inner, name = group.typer_instance, group.name
    if inner is None or not isinstance(name, str):
        return []
    known = {command.callback for command in app.registered_commands}
    own = [] if known.issuperset(command.callback for command in inner.registered_commands) else _names(inner)
    return [[name], *([name, one] for one in own)]


def pyrunc() -> str:
    before = Parser("pyrunc", "Options before the command.")
    declare(before)
    return "".join([_PYRUNC, _block(before.format_help()), *map(_pyrunc_command, commands.NAMES)])


def _pyrunc_command(name: str) -> str:
    command = commands.load(name)
    parser = Parser(f"pyrunc {name}", command.__doc__ or "")
    command.declare(parser)
    return f"\n## {name}\n\n{_block(parser.format_help())}"


def _help(arguments: list[str]) -> str:
    answer = CliRunner().invoke(app, [*arguments, "--help"], prog_name="pyctr", color=False)
    if answer.exit_code != 0:
        raise RuntimeError(f"cannot read the help of pyctr {arguments}: {answer.output}")
    return answer.output


def _block(text: str) -> str:
    return f"```text\n{text.strip()}\n```\n"
