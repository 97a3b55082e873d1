"""pyctr(1), pyrunc(1) and pycontainerd(8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

import containerd_py
from containerd_py import config
from containerd_py.cli.main import app
from containerd_py.cli.oci import commands
from containerd_py.cli.oci.arguments import Parser
from containerd_py.cli.oci.settings import declare
from containerd_py.cli.templates.functions import FUNCTIONS
from containerd_py.client.address import DEFAULT_SOCKET
from tools.man import arguments, click
from tools.man.roff import Entry, code, entries, escaped, heading, paragraphs, section, subsection

if TYPE_CHECKING:
    from collections.abc import Iterable

_VERSION = containerd_py.__version__
_NOT_RUN = "Of run, create, start and exec: it failed, the program cannot be executed, there is no such program."
_OWN = "Of run, exec, attach and start --attach: the program's own exit code; 128 + n after signal n."
_CODES = [
    Entry("0", "It was done."),
    Entry("1", "It failed. One line on standard error tells what, why, and what helps."),
    Entry("2", "The command line is wrong."),
    Entry("125, 126, 127", _NOT_RUN),
    Entry("other", _OWN),
]
_FUNCTIONS = ", ".join(FUNCTIONS)
_TEMPLATES = f"""\
Most commands take --format. table is for people, json for programs; anything with {{{{ in it is a template, in the language
of Go's text/template as docker and podman have it.

Fields are those of the JSON, by their names (exit_code) or as Go spells them (ExitCode), and beside them docker's words
(ID, Names, Status, RunningFor, State.Pid). Functions are {_FUNCTIONS}.
There are if, else, with, range and end, and {{{{- and -}}}}. After the word table a line of headings comes first, and cells
separated by \\t are aligned. An unknown field is an error that lists those that there are."""
_FIELDS = ["pyctr ps --format 'table {{.ID}}\\t{{.Names}}\\t{{.Label \"tier\"}}'", "pyctr inspect -f '{{.State.Pid}}' web"]


def pages() -> dict[str, str]:
    """Return the text of each page by the name of its file."""
    made = {"pyctr.1": _pyctr(), "pyrunc.1": _pyrunc(), "pycontainerd.8": _pycontainerd()}
    return {name: "\n".join(lines) + "\n" for name, lines in made.items()}


def _pyctr() -> Iterable[str]:
    command = typer.main.get_command(app)
    yield from heading("pyctr", 1, "run containers with pycontainerd", _VERSION)
    yield section("synopsis")
    yield escaped("pyctr [--socket PATH] [--format FORMAT] COMMAND [OPTIONS] [ARGUMENTS]")
    yield section("description")
    yield from paragraphs(
        "pyctr is the client of pycontainerd(8). A container is named by its id, the beginning of it, or its name. "
        "Commands and options are docker's where there is the same thing; `pyctr COMMAND --help` prints what is below."
    )
    yield section("options")
    yield from entries(click.options_of(command))
    yield section("commands")
    yield from click.sections_of(command, "pyctr")
    yield section("templates")
    yield from paragraphs(_TEMPLATES)
    yield from code(_FIELDS)
    yield section("exit status")
    yield from entries(_CODES)
    yield section("environment")
    yield from entries(
        [
            Entry("PYCONTAINERD_SOCKET", f"The daemon's socket, where --socket is not given (default: {DEFAULT_SOCKET})."),
            Entry("NO_COLOR", "With any value: no colours."),
        ]
    )
    yield section("see also")
    yield escaped("pycontainerd(8), pyrunc(1)")


def _pyrunc() -> Iterable[str]:
    own = Parser("pyrunc", "")
    declare(own)
    yield from heading("pyrunc", 1, "run containers as the OCI runtime specification has it", _VERSION)
    yield section("synopsis")
    yield escaped("pyrunc [OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]")
    yield section("description")
    about = "pyrunc is a container runtime with runc's command line, for podman, containerd and scripts, without a daemon."
    yield from paragraphs(about)
    yield section("options")
    yield from entries(arguments.options_of(own.argparse()))
    yield section("commands")
    for name in commands.NAMES:
        command = commands.load(name)
        parser = Parser(f"pyrunc {name}", command.__doc__ or "")
        command.declare(parser)
        yield subsection(f"pyrunc {name} [OPTIONS] {arguments.usage_of(parser.argparse())}".rstrip())
        yield from paragraphs(command.__doc__ or "")
        yield from entries(arguments.options_of(parser.argparse()))
    yield section("see also")
    yield escaped("pyctr(1), pycontainerd(8), runc(8)")


def _pycontainerd() -> Iterable[str]:
    parser = config._parser()  # noqa: SLF001  # the daemon alone parses with it
    yield from heading("pycontainerd", 8, "the container daemon", _VERSION)
    yield section("synopsis")
    yield escaped("pycontainerd [OPTIONS]")
    yield ".br"
    yield escaped("pycontainerd config check [OPTIONS]")
    yield section("description")
    yield from paragraphs(
        "pycontainerd runs containers for those who reach its Unix socket: pyctr(1), curl, any client of its HTTP API. It "
        "stays in the foreground, logs to standard error or the journal, and leaves its containers alone when it ends.\n\n"
        "config check reads the settings as a start would, and prints them, or tells what is wrong with them."
    )
    yield section("options")
    yield from entries(arguments.options_of(parser))
    yield section("settings")
    yield from paragraphs(parser.epilog or "")
    yield section("signals")
    yield from entries(
        [
            Entry("SIGTERM, SIGINT", "End; containers go on, and the next daemon has them."),
            Entry("SIGHUP", "Read the settings again."),
        ]
    )
    yield section("see also")
    yield escaped("pyctr(1), pyrunc(1), systemd(1)")
