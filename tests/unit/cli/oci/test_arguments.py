"""Options as Go programs write them."""

from __future__ import annotations

from typing import Any

import pytest

from containerd_py.cli.oci.arguments import Parser, UsageError
from containerd_py.cli.oci.main import main


def read(*arguments: str, rest: bool = False) -> dict[str, Any]:
    parser = Parser("pyrunc test", "Be tested.")
    parser.add_argument("--bundle", "-b")
    parser.switch("--detach", "-d", help="")
    parser.container()
    if rest:
        parser.add_argument("command", nargs="...")
    return vars(parser.read(list(arguments)))


@pytest.mark.parametrize(
    "arguments",
    [
        ("-bundle", "x", "-detach", "box"),
        ("--bundle=x", "--detach=true", "box"),
        ("-bundle=x", "-d=1", "box"),
        ("box", "-b", "x", "-d"),
    ],
)
def test_options_are_read_with_one_dash_and_with_values(arguments: tuple[str, ...]) -> None:
    assert read(*arguments) == {"bundle": "x", "detach": True, "id": "box"}


def test_a_switch_can_be_off() -> None:
    assert read("--detach=false", "box")["detach"] is False


@pytest.mark.parametrize("wrong", ["--detach=perhaps", "-nosuch", "---bundle"])
def test_what_is_neither_is_refused(wrong: str) -> None:
    with pytest.raises(UsageError):
        read(wrong, "box")


def test_values_and_what_another_program_is_told_stay(capsys: pytest.CaptureFixture[str]) -> None:
    assert read("-b", "-", "box", "ls", "-detach", "--detach=false", rest=True) == {
        "bundle": "-",
        "detach": False,
        "id": "box",
        "command": ["ls", "-detach", "--detach=false"],
    }
    assert read("box", "--", "-detach", rest=True)["command"][-1:] == ["-detach"]
    assert not capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["help"], ["h"], ["-h"], ["--help"], ["--root", "/x", "help"]])
def test_help_is_a_command_too(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("NAME:\n   pyrunc - Open Container Initiative runtime\n")


def test_help_of_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--debug", "help", "kill"]) == 0
    assert capsys.readouterr().out.startswith("NAME:\n   pyrunc kill - ")
    assert main(["help", "kill"]) == 0
    assert capsys.readouterr().out.startswith("NAME:\n   pyrunc kill - ")
    assert main(["help", "foo"]) == 3
    assert "No help topic for 'foo'" in capsys.readouterr().err
