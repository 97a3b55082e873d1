"""`pyctr start`, `kill` and `rm` without the rest of `pyctr`, and with it: the same questions, words and codes."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from containerd_py.cli.quick.plain import read


@pytest.fixture(params=["pyctr", "quick_pyctr"], ids=["whole", "quick"])
def pyctr(request: pytest.FixtureRequest, daemon: Any) -> Any:
    assert daemon is not None
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize(
    ("words", "heard"),
    [
        (("start", "a", "b"), ["POST /v1/containers/a/start", "POST /v1/containers/b/start"]),
        (("kill", "a"), ["POST /v1/containers/a/kill?signal=SIGKILL"]),
        (("kill", "-s", "TERM", "a"), ["POST /v1/containers/a/kill?signal=TERM"]),
        (("kill", "--signal", "15", "a"), ["POST /v1/containers/a/kill?signal=15"]),
        (("rm", "a"), ["DELETE /v1/containers/a?force=false"]),
        (("rm", "-f", "a", "b"), ["DELETE /v1/containers/a?force=true", "DELETE /v1/containers/b?force=true"]),
        (("rm", "--force", "a"), ["DELETE /v1/containers/a?force=true"]),
    ],
)
def test_it_is_done_to_each_and_each_is_printed(daemon: Any, pyctr: Any, words: Any, heard: list[str]) -> None:
    assert read(words, {}) is not None
    result = pyctr(*words)
    names = "".join(f"{word}\n" for word in words if word in ("a", "b"))
    assert (result.code, result.text, result.err) == (0, names, "")
    assert daemon.heard == heard


@pytest.mark.parametrize(("command", "code"), [("start", 125), ("kill", 1), ("rm", 1)])
def test_a_failure_is_told_and_the_rest_is_done(daemon: Any, pyctr: Any, command: str, code: int) -> None:
    for route in ("POST /v1/containers/a/start", "POST /v1/containers/a/kill", "DELETE /v1/containers/a"):
        daemon.refuses(route, 404, "not_found", "cannot find 'a'", hint="look")
    result = pyctr(command, "a", "b")
    assert (result.code, result.text, result.err) == (code, "b\n", "pyctr: cannot find 'a' (look)\n")


def test_a_program_that_is_not_there_has_a_shells_code(daemon: Any, pyctr: Any) -> None:
    daemon.refuses("POST /v1/containers/a/start", 400, "invalid_argument", "none", step="exec", errno="ENOENT")
    assert pyctr("start", "a").code == 127


@pytest.mark.parametrize(("command", "code"), [("start", 125), ("kill", 1), ("rm", 1)])
def test_a_lost_connection_is_told_and_the_rest_is_done(daemon: Any, pyctr: Any, command: str, code: int) -> None:
    for route in ("POST /v1/containers/a/start", "POST /v1/containers/a/kill", "DELETE /v1/containers/a"):
        daemon.breaks(route)
    result = pyctr(command, "a", "b")
    assert (result.code, result.text) == (code, "b\n")
    assert result.err.startswith("pyctr: cannot talk to the daemon at")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(("command", "code"), [("start", 125), ("kill", 1), ("rm", 1)])
def test_a_full_disk_is_told(daemon: Any, pyctr: Any, command: str, code: int) -> None:
    with open("/dev/full", "wb") as full:
        child = pyctr.spawn(command, "a", stdout=full, stderr=subprocess.PIPE)
        _, err = child.communicate(timeout=30)
    assert (child.returncode, err) == (code, b"pyctr: cannot copy the streams: no space left on device\n")
    assert len(daemon.heard) == 1


@pytest.mark.parametrize(
    "words",
    [
        *((command,) for command in ("start", "kill", "rm")),
        ("start", "-a", "web"),
        ("start", "web", "-a"),
        ("start", "--", "web"),
        ("kill", "-s", "TERM"),
        ("kill", "-s", "", "web"),
        ("kill", "-s", "TERM&x=y", "web"),
        ("kill", "--signal=TERM", "web"),
        ("kill", "--all"),
        ("rm", "-a"),
        ("rm", "-fa"),
        ("rm", "--no-block", "web"),
        ("rm", "..", "web"),
        ("rm", "a/b"),
        ("--format", "json", "rm", "web"),
        ("stop", "web"),
    ],
)
def test_other_forms_are_left_to_the_rest(words: tuple[str, ...]) -> None:
    assert read(words, {}) is None
