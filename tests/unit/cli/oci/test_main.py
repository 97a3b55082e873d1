"""The command line as a whole: which options, errors in one line and in the log, exit codes, what is imported."""

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from containerd_py.cli.oci import commands
from containerd_py.cli.oci.main import main
from containerd_py.cli.oci.settings import default_root
from containerd_py.errors import InvalidArgument
from tests.unit.cli.oci.conftest import Library, Pyrunc


def test_an_error_is_one_line_with_its_hint(pyrunc: Pyrunc, library: Library) -> None:
    library.has().fails["pause"] = InvalidArgument("cannot pause it: so\x1bso", hint="do this")
    result = pyrunc("pause", "box")
    assert (result.code, result.stdout) == (1, "")
    assert result.stderr == "pyrunc: cannot pause it: so\\x1bso; do this\n"


@pytest.mark.parametrize("form", ["json", "text"])
def test_an_error_is_logged_in_runcs_form(pyrunc: Pyrunc, tmp_path: Path, form: str) -> None:
    log = tmp_path / "log"
    assert pyrunc("--log", str(log), "--log-format", form, "state", "nobody").code == 1
    (line,) = log.read_text().splitlines()
    if form == "json":
        entry = json.loads(line)
        assert entry.pop("time").endswith("Z")
        assert entry == {"level": "error", "msg": "cannot find container 'nobody': container does not exist"}
    else:
        assert line.endswith("level=error msg=\"cannot find container 'nobody': container does not exist\"")


def test_the_log_is_made_though_nothing_fails(pyrunc: Pyrunc, library: Library, tmp_path: Path) -> None:
    library.has()
    assert pyrunc("--log", str(tmp_path / "log"), "pause", "box").code == 0
    assert (tmp_path / "log").read_text() == ""


def test_a_log_that_cannot_be_written_is_refused(pyrunc: Pyrunc, library: Library, tmp_path: Path) -> None:
    box = library.has()
    result = pyrunc("--log", str(tmp_path / "no" / "log"), "pause", "box")
    assert (result.code, box.heard) == (1, [])
    assert "cannot write log" in result.stderr


def test_debug_tells_what_is_done(pyrunc: Pyrunc, library: Library, tmp_path: Path) -> None:
    library.has()
    pyrunc("--debug", "--log", str(tmp_path / "log"), "pause", "box")
    assert "level=debug" in (tmp_path / "log").read_text()
    assert pyrunc("--debug", "--log", str(tmp_path / "log"), "pause", "box").stderr == ""


def test_without_a_log_it_goes_to_stderr(pyrunc: Pyrunc, library: Library) -> None:
    library.has()
    assert "level=debug" in pyrunc("--debug", "pause", "box").stderr
    assert '"level":"debug"' in pyrunc("--debug", "--log-format", "json", "pause", "box").stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("no-such-command",), 3, "no-such-command"),
        (("state", "box", "--no-such-option"), 1, "-no-such-option"),
        (("--no-such-option", "state", "box"), 1, "-no-such-option"),
        (("state",), 1, "container-id"),
        (("state", "a", "b"), 1, "b"),
        (("--log-format", "xml", "list"), 1, "xml"),
        (("--ro", "/x", "list"), 1, "-ro"),
        (("create", "--preserve-fds", "-1", "box"), 1, "-1"),
        (("events", "--interval", "0s", "box"), 1, "0s"),
        (("events", "--interval", "soon", "box"), 1, "soon"),
        (("list", "--format", "xml"), 1, "xml"),
    ],
)
def test_a_wrong_command_line_is_told_with_the_usage(
    pyrunc: Pyrunc, library: Library, arguments: tuple[str, ...], code: int, told: str
) -> None:
    box = library.has()
    result = pyrunc(*arguments)
    assert (result.code, result.stdout, box.heard) == (code, "", [])
    usage, error = result.stderr.split("pyrunc: ", 1)
    assert usage.startswith("usage: pyrunc")
    assert told in error


def test_a_defect_is_told_in_one_line(pyrunc: Pyrunc, library: Library) -> None:
    library.has().spec = None  # type: ignore[assignment]
    result = pyrunc("exec", "box", "ls")
    assert result.code == 255
    assert result.stderr.count("\n") == 1
    assert "AttributeError" in result.stderr


@pytest.mark.parametrize("name", commands.NAMES)
def test_every_command_has_help(pyrunc: Pyrunc, name: str) -> None:
    result = pyrunc(name, "--help")
    assert result.code == 0
    assert result.stdout.startswith(f"NAME:\n   pyrunc {name} - ")
    assert f"usage: pyrunc {name}" in result.stdout
    assert (255 if name == "exec" else 1) == commands.load(name).FAILURE


def test_the_version_has_runcs_first_lines(pyrunc: Pyrunc) -> None:
    lines = pyrunc("--version").stdout.splitlines()
    assert lines[0].startswith("pyrunc version ")
    assert [line.split(":")[0] for line in lines[1:3]] == ["commit", "spec"]


class _Full(io.StringIO):
    """/dev/full."""

    def write(self, _text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("state", "--help")])
def test_a_text_that_cannot_be_printed_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", _Full())
        assert main(list(arguments)) == 1
    assert capsys.readouterr().err == "pyrunc: cannot perform the command: [Errno 28] No space left on device\n"


def test_the_state_of_root_is_in_run() -> None:
    assert default_root({"XDG_RUNTIME_DIR": "/run/user/0"}) == "/run/pyrunc"


@pytest.mark.parametrize("environ", [{}, {"XDG_RUNTIME_DIR": ""}, {"XDG_RUNTIME_DIR": "relative"}])
def test_the_state_of_a_user_needs_a_place(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(InvalidArgument, match="XDG_RUNTIME_DIR"):
        default_root(environ)


def test_the_state_of_a_user_is_in_the_runtime_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert default_root({"XDG_RUNTIME_DIR": "/run/user/1000"}) == "/run/user/1000/pyrunc"


def test_a_command_imports_little() -> None:
    """Start-up counts; what a command needs of the library comes on top."""
    script = "import sys; import containerd_py.cli.oci.main as m; m.commands.load('state'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    for heavy in ("pydantic", "typer", "rich", "asyncio", "aiohttp", "structlog", "subprocess", "containerd_py.client"):
        assert heavy not in loaded


def test_a_root_below_a_working_directory_that_is_gone(
    pyrunc: Pyrunc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    result = pyrunc("--root", "state", "list")
    assert result.code == 1
    assert result.stderr == ("pyrunc: cannot find --root 'state': the working directory is gone; give an absolute path\n")
