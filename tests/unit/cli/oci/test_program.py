"""What `pyrunc` does before its command and after it."""

import errno
import os
import sys

import pytest

from containerd_py.cli.oci import program
from containerd_py.errors import Unavailable
from containerd_py.runtime import prepared


class Ended(Exception):
    """In place of the end of this process."""


@pytest.fixture
def codes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The exit codes that a program has ended with."""
    told: list[int] = []

    def end(code: int) -> None:
        told.append(code)
        raise Ended

    monkeypatch.setattr(os, "_exit", end)
    return told


@pytest.mark.parametrize("problem", [Unavailable("cannot seal the interpreter"), OSError(errno.EMFILE, "too many")])
def test_a_launcher_that_cannot_be_prepared_is_not_missed_yet(
    monkeypatch: pytest.MonkeyPatch, codes: list[int], problem: Exception
) -> None:
    """What the command line asks for may need none; else its own exit code tells."""
    tried = []

    def fail() -> None:
        tried.append(True)
        raise problem

    monkeypatch.setattr(prepared, "prepare", fail)
    monkeypatch.setattr(sys, "argv", ["pyrunc", "run", "--help"])
    with pytest.raises(Ended):
        program.run()
    assert (tried, codes) == ([True], [0])


@pytest.mark.parametrize(
    ("arguments", "launchers"), [(["run", "--help"], 1), (["list", "--help"], 0), (["help", "create"], 1), ([], 0)]
)
def test_a_launcher_gets_ready_for_what_starts_a_process_and_is_ended_where_it_is_not_needed(
    monkeypatch: pytest.MonkeyPatch, codes: list[int], arguments: list[str], launchers: int
) -> None:
    started = []
    start = prepared.Launcher.start

    def note() -> prepared.Launcher:
        started.append(start())
        return started[-1]

    monkeypatch.setattr(prepared.Launcher, "start", note)
    monkeypatch.setattr(sys, "argv", ["pyrunc", *arguments])
    with pytest.raises(Ended):
        program.run()
    assert codes == [0]
    assert len(started) == launchers
    for launcher in started:
        with pytest.raises(ChildProcessError):
            os.waitpid(launcher.pid, 0)
