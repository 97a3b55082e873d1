"""The manual pages: that troff and mandoc read them without a warning, and that nothing is missing."""

import re
import subprocess
from pathlib import Path

import pytest
import typer

from containerd_py.cli.main import app
from containerd_py.cli.oci import commands
from tools.man.pages import pages
from tools.man.roff import escaped

PAGES = pages()


@pytest.fixture(params=sorted(PAGES))
def page(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / str(request.param)
    path.write_text(PAGES[path.name])
    return path


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout


def test_troff_has_nothing_to_say(page: Path) -> None:
    assert run("groff", "-man", "-ww", "-z", "-Tutf8", str(page)) == ""


def test_mandoc_has_nothing_to_say(page: Path) -> None:
    assert run("mandoc", "-T", "lint", "-W", "warning", str(page)) == ""


def test_every_command_and_option_is_told() -> None:
    shown = " ".join(re.sub(r".\x08", "", run_text("pyctr.1")).split())
    command = typer.main.get_command(app)
    for name, inner in command.commands.items():  # type: ignore[attr-defined]  # a group, which mypy cannot know
        assert f"pyctr {name} " in shown, name
        if not hasattr(inner, "commands"):
            for option in inner.params:
                if option.param_type_name == "option":
                    assert max(option.opts, key=len) in shown, (name, option.opts)
    assert "pyctr execs logs [OPTIONS] EXEC" in shown
    for name in commands.NAMES:
        assert f"pyrunc {name}" in " ".join(run_text("pyrunc.1").split()), name
    assert "--state-dir" in run_text("pycontainerd.8")


def run_text(name: str) -> str:
    command = ("/usr/bin/mandoc", "-T", "ascii", "-O", "width=200")
    done = subprocess.run(command, input=PAGES[name], capture_output=True, text=True, timeout=30, check=True)
    return re.sub(r".\x08", "", done.stdout)


@pytest.mark.parametrize(
    ("text", "roff"),
    [
        (".TH is no macro here", "\\&.TH is no macro here"),
        ("'so /etc/passwd", "\\(aqso /etc/passwd"),
        ("a\n.SH b", "a .SH b"),
        ("--all \\t é", "\\-\\-all \\et \\[u00E9]"),
    ],
)
def test_text_stays_text(text: str, roff: str) -> None:
    assert escaped(text) == roff
