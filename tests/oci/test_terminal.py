"""Terminals: by a console socket where the runtime does not stay, joined with the caller's where it does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oci.console import ConsoleSocket, caller_terminal
from tests.oci.containers import Containers

SHELL = {"process.args": ["/bin/sh"], "process.terminal": True}
SIZED = SHELL | {"process.consoleSize": {"height": 33, "width": 77}}


@pytest.fixture
def console(place: Path) -> Iterator[ConsoleSocket]:
    made = ConsoleSocket(place / "console")
    yield made
    made.close()


def test_the_terminal_is_sent_to_the_console_socket(oci: Containers, console: ConsoleSocket) -> None:
    box = oci.create(SHELL, "--console-socket", console.path)
    with console.terminal() as terminal:
        box.start()
        terminal.write("tty; echo $((6*7))\n")
        assert "/dev/" in terminal.await_text("\n42")
        terminal.write("exit\n")
        box.await_status("stopped")


def test_run_detached_sends_it_too(oci: Containers, console: ConsoleSocket) -> None:
    box = oci.begin("run", SHELL, "--detach", "--console-socket", console.path)
    with console.terminal() as terminal:
        box.made.wait().ok()
        terminal.write("echo $((6*7))\n")
        terminal.await_text("\n42")


def test_the_terminal_has_the_size_of_the_configuration(oci: Containers, console: ConsoleSocket) -> None:
    box = oci.create(SIZED, "--console-socket", console.path)
    with console.terminal() as terminal:
        box.start()
        terminal.write("stty size\n")
        terminal.await_text("33 77")


def test_dev_console_is_the_terminal(oci: Containers, console: ConsoleSocket) -> None:
    box = oci.create(SHELL, "--console-socket", console.path)
    with console.terminal() as terminal:
        box.start()
        terminal.write("echo to the console > /dev/console\n")
        terminal.await_text("\nto the console")


def test_a_closed_terminal_hangs_up(oci: Containers, console: ConsoleSocket) -> None:
    box = oci.create(SHELL, "--console-socket", console.path)
    with console.terminal():
        box.start()
    box.await_status("stopped")


def test_run_joins_it_with_the_callers(oci: Containers) -> None:
    with caller_terminal() as (person, theirs):
        box = oci.begin("run", SHELL, stdin=theirs, stdout=theirs, stderr=theirs)
        person.write("tty; echo $((6*7))\n")
        person.await_text("\n42")
        person.write("exit 5\n")
        assert box.made.wait().code == 5


@pytest.mark.lacks("crun", "hands on what the terminal makes of it")
def test_what_is_written_to_a_pipe_has_lines_as_they_were_written(oci: Containers) -> None:
    with caller_terminal() as (_person, theirs):
        box = oci.begin("run", SHELL | {"process.args": ["/bin/echo", "a\nb"]}, stdin=theirs)
        assert box.made.wait().ok().stdout == "a\nb\n"


def test_control_c_reaches_the_payload_alone(oci: Containers) -> None:
    with caller_terminal() as (person, theirs):
        box = oci.begin("run", SHELL, stdin=theirs, stdout=theirs, stderr=theirs)
        person.write("trap 'echo $((40+2))' INT; echo $((3*7))\n")
        person.await_text("\n21")
        person.write("\x03")
        person.await_text("42")
        person.write("exit 6\n")
        assert box.made.wait().code == 6


@pytest.mark.lacks("crun", "sets it when it changes only")
def test_the_terminal_follows_the_callers_size(oci: Containers) -> None:
    """On a busy machine the shell may come first: runc sets it once the program is there."""
    with caller_terminal() as (person, theirs):
        person.resize(20, 60)
        box = oci.begin("run", SHELL, stdin=theirs, stdout=theirs, stderr=theirs)
        person.write("until stty size 2>/dev/null | grep '20 6[0]'; do sleep 0.1; done\n")
        person.await_text("20 60")
        person.write("exit\n")
        box.made.wait().ok()


def test_a_terminal_needs_a_console_socket_where_nobody_stays(oci: Containers) -> None:
    message = oci.refused(SHELL)
    assert "console" in message


@pytest.mark.lacks("crun", "does not look at it")
def test_a_console_socket_needs_a_terminal(oci: Containers, console: ConsoleSocket) -> None:
    oci.refused({}, "--console-socket", console.path)


def test_a_console_socket_that_nobody_listens_at_is_refused(oci: Containers, place: Path) -> None:
    oci.refused(SHELL, "--console-socket", place / "nobody")
