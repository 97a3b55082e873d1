"""The commands that control containers: what they ask, print and exit with."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.unit.cli.test_commands import CONTAINER


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


def test_rename_and_update(daemon: Any, pyctr: Any) -> None:
    assert pyctr("rename", "a", "b").text == "b\n"
    assert (
        pyctr("update", "--memory", "1m", "--cpus", "0.5", "--pids-limit", "-1", "--restart", "always", "b").text == "b\n"
    )
    assert pyctr("update", "--memory", "-1", "--cpus", "-1", "b").code == 0
    assert pyctr("update", "--no-durable", "b").code == 0
    assert daemon.heard == ["POST /v1/containers/a/rename?name=b", *["POST /v1/containers/b/update"] * 3]
    assert daemon.bodies == [
        {"resources": {"memory_bytes": 1 << 20, "cpus": 0.5, "pids": None}, "restart": "always"},
        {"resources": {"memory_bytes": None, "cpus": None}},
        {"durable": False},
    ]


@pytest.mark.parametrize("options", [("--memory", "much"), ("--cpus", "0"), ("--pids-limit", "0"), ("--restart", "never")])
def test_an_update_that_makes_no_sense_is_told(daemon: Any, pyctr: Any, options: tuple[str, ...]) -> None:
    ended = pyctr("update", *options, "a")
    assert (ended.code, ended.err.count("\n"), daemon.heard) == (1, 1, [])


def test_prune_tells_what_it_removed_and_what_it_could_not(daemon: Any, pyctr: Any) -> None:
    failure = {"id": "c2", "name": "stuck", "message": "cannot remove cgroup '/x': Device or resource busy"}
    pruned = {"removed": ["c0", "c1"], "freed_bytes": 3, "failed": [failure]}
    daemon.replies("POST /v1/prune", pruned)
    ended = pyctr("prune", "-f", "--filter", "label=a=b", "--filter", "label=c")
    assert (ended.code, ended.text, ended.err) == (1, "c0\nc1\n", f"pyctr: {failure['message']}\n")
    assert pyctr("prune", "-f", "--format", "json").json == pruned
    assert daemon.heard == ["POST /v1/prune?label=a%3Db&label=c", "POST /v1/prune"]


def test_prune_does_not_remove_without_being_told_to(daemon: Any, pyctr: Any) -> None:
    child = pyctr.spawn("prune", stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, err = child.communicate(timeout=20)
    assert (child.returncode, daemon.heard) == (1, [])
    assert b"--force" in err


def test_ps_filters(daemon: Any, pyctr: Any) -> None:
    daemon.replies("GET /v1/containers", {"containers": []})
    pyctr("ps", "-f", "status=exited", "--filter", "label=a=b", "-f", "name=we", "-f", "since=x", "-f", "before=y")
    pyctr("ps", "-a", "-f", "health=healthy", "-f", "health=none")
    pyctr("ps", "-n", "3")
    pyctr("ps", "-a", "--sort", "name")
    assert daemon.heard == [
        "GET /v1/containers?label=a%3Db&status=stopped&name=we&since=x&before=y",
        "GET /v1/containers?health=healthy&health=none",
        "GET /v1/containers?sort=-created&limit=3",
        "GET /v1/containers?sort=name",
    ]


@pytest.mark.parametrize("text", ["colour=red", "status", "status=", "=running", "since=a --filter since=b"])
def test_what_is_no_filter(daemon: Any, pyctr: Any, text: str) -> None:
    ended = pyctr("ps", "--filter", *text.split())
    assert (ended.code, ended.err.count("\n"), daemon.heard) == (1, 1, [])


def test_a_container_that_will_be_started_again_is_shown_as_such(daemon: Any, pyctr: Any) -> None:
    ended = {"exit_code": 3, "reason": "exited", "signal": None, "finished_at": "2026-01-02T03:04:05.000006Z"}
    waiting = CONTAINER | {"status": "stopped", "exit": ended, "next_start_at": ended["finished_at"]}
    daemon.replies("GET /v1/containers", {"containers": [waiting]})
    assert "restarting (3)" in pyctr("ps").text


def test_wait_names_its_condition(daemon: Any, pyctr: Any) -> None:
    daemon.exit["exit_code"] = 4
    assert pyctr("wait", "--condition", "next-exit", "a").text == "4\n"
    daemon.replies("POST /v1/containers/a/wait", {"kind": "not_found", "message": "cannot wait for container 'a': gone"})
    ended = pyctr("wait", "a")
    assert (ended.code, ended.err) == (1, "pyctr: cannot wait for container 'a': gone\n")
    assert daemon.heard == ["POST /v1/containers/a/wait?condition=next-exit", "POST /v1/containers/a/wait"]


@pytest.mark.parametrize("options", [("--restart", "never"), ("--stop-signal", "NOPE"), ("--stop-timeout", "-1")])
def test_what_cannot_be_meant_is_told_before_anything_is_asked(daemon: Any, pyctr: Any, options: tuple[str, ...]) -> None:
    ended = pyctr("run", "-d", *options, "--rootfs", "/r", "/bin/true")
    assert (ended.code, ended.err.count("\n")) == (125, 1)
    assert options[0].strip("-").replace("-", "_") in ended.err.replace("-", "_")
    assert daemon.heard == []


def test_metrics_are_printed_as_they_are(daemon: Any, pyctr: Any) -> None:
    daemon.replies("GET /metrics", b'a{b="c"} 1.0\n')
    assert pyctr("metrics").text == 'a{b="c"} 1.0\n'


@pytest.mark.parametrize(("status", "code"), [("warn", 0), ("fail", 1)])
def test_the_doctor_tells_each_check(daemon: Any, pyctr: Any, status: str, code: int) -> None:
    good = {"name": "kernel", "status": "ok", "found": "Linux \x1b", "meaning": "all is there", "hint": None}
    bad = {"name": "memfd", "status": status, "found": "2", "meaning": "no memory", "hint": "sysctl x=1"}
    daemon.replies("GET /v1/doctor", {"status": status, "checks": [good, bad]})
    told = pyctr("doctor")
    assert told.code == code
    assert told.text == (
        f"ok    kernel: Linux \\x1b\n      all is there\n{status:<4}  memfd: 2\n      no memory\n      -> sysctl x=1\n"
    )
    assert pyctr("doctor", "--format", "json").json == {"status": status, "checks": [good, bad]}
