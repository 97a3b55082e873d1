"""The commands that control containers: what they ask, print and exit with."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(("command", "route"), [("pause", "pause"), ("unpause", "resume"), ("resume", "resume")])
def test_each_container_is_paused_and_resumed(daemon: Any, pyctr: Any, command: str, route: str) -> None:
    daemon.refuses(f"POST /v1/containers/b/{route}", 409, "conflict", f"cannot {route} container 'b': it is created")
    ended = pyctr(command, "a", "b", "c")
    assert (ended.code, ended.text) == (1, "a\nc\n")
    assert ended.err == f"pyctr: cannot {route} container 'b': it is created\n"
    assert daemon.heard == [f"POST /v1/containers/{one}/{route}" for one in "abc"]
    assert pyctr(command, "a", "--format", "json").json == {"container": "a"}


def test_restart_and_stop_say_how(daemon: Any, pyctr: Any) -> None:
    assert pyctr("restart", "-t", "3", "-s", "INT", "a", "b").text == "a\nb\n"
    assert pyctr("restart", "a").code == 0
    assert pyctr("stop", "--signal", "INT", "a", "--format", "json").code == 0
    how = "timeout=3.0&signal=INT"
    assert daemon.heard == [
        f"POST /v1/containers/a/restart?{how}",
        f"POST /v1/containers/b/restart?{how}",
        "POST /v1/containers/a/restart",
        "POST /v1/containers/a/stop?signal=INT",
    ]


def test_run_says_what_restarts_and_what_stops_it(daemon: Any, pyctr: Any) -> None:
    options = ("--restart", "on-failure:3", "--stop-signal", "QUIT", "--stop-timeout", "2.5")
    assert pyctr("run", "-d", *options, "--rootfs", "/r", "/bin/true").code == 0
    assert pyctr("create", *options, "--bundle", "/b").code == 0
    told = {"restart": "on-failure:3", "stop_signal": "QUIT", "stop_timeout_s": 2.5}
    assert daemon.bodies == [{"rootfs": "/r", "args": ["/bin/true"], **told}, {"bundle": "/b", **told}]


@pytest.mark.parametrize("options", [("--restart", "never"), ("--stop-signal", "NOPE"), ("--stop-timeout", "-1")])
def test_what_cannot_be_meant_is_told_before_anything_is_asked(daemon: Any, pyctr: Any, options: tuple[str, ...]) -> None:
    ended = pyctr("run", "-d", *options, "--rootfs", "/r", "/bin/true")
    assert (ended.code, ended.err.count("\n")) == (125, 1)
    assert options[0].strip("-").replace("-", "_") in ended.err.replace("-", "_")
    assert daemon.heard == []
