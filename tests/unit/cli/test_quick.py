"""Which command lines are run without the rest of `pyctr`, and that they ask for the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from containerd_py.cli.quick.session import exit_code
from containerd_py.cli.quick.usual import DEFAULT_SOCKET, read
from containerd_py.client import address

_ROOT = Path(__file__).resolve().parents[3]
_HEAVY = {"typer", "pydantic", "aiohttp", "asyncio", "enum", "re", "json", "typing", "contextlib", "collections", "socket"}


@pytest.mark.parametrize(
    "words",
    [
        ("--rootfs", "/r", "/bin/true"),
        ("--rootfs=relative/../r", "/bin/sh", "-c", "echo --rm", "--name", "x", "-"),
        ("--rm", "--init", "--read-only", "--rootfs", "/r", "sh"),
        ("--name", "web", "--hostname", "h", "-u", "1:2", "-w", "/w", "--rootfs", "/r", "sh"),
        ("--name=web", "-h", "h", "--user", "1", "--workdir=/w", "--rootfs", "/r", "sh"),
        (
            "-e",
            "A=b=c",
            "--env",
            "B=",
            "--env=HOME",
            "-e",
            "NONE",
            "-l",
            "a=b",
            "--label",
            "c",
            "--rootfs",
            "/r",
            "sh",
        ),
        ("--rootfs", "/r", "-e", "A=1", "-e", "A=2", "sh", "\N{SNOWMAN}\n"),
    ],
)
def test_it_asks_for_the_same(daemon: Any, pyctr: Any, quick_pyctr: Any, words: tuple[str, ...]) -> None:
    assert read(("run", *words), {}) is not None
    for one in (pyctr, quick_pyctr):
        daemon.prints()
        assert one("run", *words).code == 0
    assert daemon.bodies[0] == daemon.bodies[1]
    assert daemon.heard[0::3] == ["POST /v1/containers"] * 2 or "--rm" in words


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("ps",),
        ("run",),
        ("create", "--rootfs", "/r", "sh"),
        ("run", "--rootfs", "/r"),
        ("run", "sh"),
        ("--format", "json", "run", "--rootfs", "/r", "sh"),
        ("--socket",),
        ("--socket", "", "run", "--rootfs", "/r", "sh"),
        *(
            ("run", *more, "--rootfs", "/r", "sh")
            for more in (
                ("-d",),
                ("--init", "--"),
                ("-i",),
                ("-it",),
                ("--help",),
                ("--rm=true",),
                ("--rootfs", "/other"),
                ("--name", "-x"),
                ("-eA=b",),
                ("-e", "=b"),
                ("-l", "=b"),
                ("--memory", "1g"),
                ("-v", "/a:/b"),
                ("--name", "\udcff"),
            )
        ),
    ],
)
def test_other_forms_are_left_to_the_rest(words: tuple[str, ...]) -> None:
    assert read(words, {}) is None


def test_the_daemon_is_where_all_commands_look_for_it() -> None:
    words = ("run", "--rootfs", "/r", "sh")
    given = [
        read(words, {}),
        read(words, {"PYCONTAINERD_SOCKET": "/e"}),
        read(("--socket", "/s", *words), {"PYCONTAINERD_SOCKET": "/e"}),
    ]
    assert [one and one.socket for one in given] == [address.DEFAULT_SOCKET, "/e", "/s"]
    assert address.DEFAULT_SOCKET == DEFAULT_SOCKET


@pytest.mark.parametrize("option", [("--name", "a b"), ("--workdir", "relative"), ("--hostname", "")])
def test_what_is_wrong_is_told_in_the_same_words(
    daemon: Any, pyctr: Any, quick_pyctr: Any, option: tuple[str, ...]
) -> None:
    daemon.refuses("POST /v1/containers", 400, "invalid_argument", "cannot read the request: in other words")
    told = [one("run", *option, "--rootfs", "/r", "sh") for one in (pyctr, quick_pyctr)]
    assert told[0] == told[1]
    assert told[0].code == 125


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ({"status": "Success"}, 0),
        (
            {
                "status": "Failure",
                "reason": "NonZeroExitCode",
                "details": {"causes": [{"reason": "ExitCode", "message": "7"}]},
            },
            7,
        ),
        ({"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": []}}, None),
        ({"status": "Failure", "reason": "NonZeroExitCode"}, None),
        ({"status": "Failure", "reason": "InternalError"}, None),
        ({"status": "Failure"}, None),
        ([], None),
    ],
)
def test_only_a_status_that_tells_a_code_is_one(status: Any, code: int | None) -> None:
    assert exit_code(json.dumps(status).encode()) == code


def test_no_json_is_no_code() -> None:
    assert exit_code(b"{") is None


def test_nothing_that_is_slow_is_imported() -> None:
    script = f"import sys; sys.path.append({str(_ROOT)!r}); import containerd_py.cli.quick.program; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-IS", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert not _HEAVY & set(done.stdout.split())
