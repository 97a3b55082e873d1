"""The commands that look at containers or change them: what they ask, print and exit with."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import pty
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

import containerd_py
from containerd_py.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

CONTAINER = {
    "id": "0123456789abcdef0123",
    "name": "web",
    "status": "running",
    "args": ["/bin/sh", "-c", "echo \x1b[31m[bold]"],
    "rootfs": "/r",
    "labels": {},
    "terminal": False,
    "pid": 77,
    "created_at": "2026-01-02T03:04:05.000006Z",
    "started_at": None,
    "exit": None,
    "restart_count": 0,
    "next_start_at": None,
    "health": None,
}
DETAIL = CONTAINER | {
    "previous_exit": None,
    "restart": "no",
    "stop_signal": None,
    "stop_timeout_s": None,
    "durable": False,
    "auto_remove": False,
    "health_state": None,
    "notify_state": None,
    "stdin": False,
    "spec": {},
    "oci": {"ociVersion": "1.2.0"},
    "cgroup_paths": [],
    "output_bytes": 0,
    "lost_output_bytes": 0,
    "pids": [],
    "running_s": None,
}
EXIT = {
    "exit_code": 3,
    "reason": "exited",
    "signal": None,
    "finished_at": "2026-01-02T03:04:05.000006Z",
    "oom_killed": False,
    "stopped_by": None,
    "ran_s": None,
}
INFO = {
    "containers": {"running": 2},
    "state_dir": "/run/p",
    "data_dir": "/var/p",
    "cgroup_driver": "cgroupfs",
    "cgroup_controllers": ["pids", "memory"],
    "cgroup_parent": "/p",
    "features": {"idmap": True, "pidfd_info": False},
    "daemon_pid": 1,
    "spawner_pid": None,
    "daemon_rss_bytes": 5,
    "spawner_rss_bytes": None,
}
VERSION = {"version": "9", "api_version": "v1", "oci_version": "1.2.0", "python": "3.11", "kernel": "6.1", "machine": "m"}


def test_ps_lists_what_runs(daemon: Any, pyctr: Any) -> None:
    daemon.replies(
        "GET /v1/containers", {"containers": [CONTAINER, CONTAINER | {"status": "stopped", "pid": None, "exit": EXIT}]}
    )
    lines = pyctr("ps").text.splitlines()
    assert lines[0].split() == ["ID", "NAME", "STATUS", "PID", "CREATED", "COMMAND"]
    assert lines[1].split()[:4] == ["0123456789ab", "web", "running", "77"]
    assert "ago" in lines[1]
    assert lines[1].rstrip().endswith(r"/bin/sh -c 'echo \x1b[31m[bold]'")
    assert "exited (3)" in lines[2]
    assert daemon.heard == ["GET /v1/containers?status=running&status=paused&status=restarting"]


def test_ps_options(daemon: Any, pyctr: Any) -> None:
    daemon.replies("GET /v1/containers", {"containers": [CONTAINER]})
    assert pyctr("ps", "-aq", "--label", "a=b").text == "0123456789abcdef0123\n"
    assert pyctr("ps", "--format", "json").json == [CONTAINER]
    assert pyctr("--format", "json", "ps").json == [CONTAINER]
    assert len(pyctr("--format", "json", "ps", "--format", "table").text.splitlines()) == 2
    assert daemon.heard[0] == "GET /v1/containers?label=a%3Db"


def test_inspect_goes_on_after_one_that_is_not_there(daemon: Any, pyctr: Any) -> None:
    daemon.replies("GET /v1/containers/none", {"kind": "not_found", "message": "cannot inspect container 'none'"}, 404)
    daemon.replies("GET /v1/containers/web", DETAIL)
    told = pyctr("inspect", "none", "web", "-f", "{{.Name}}")
    assert (told.code, told.text.strip()) == (1, DETAIL["name"])
    assert "cannot inspect container 'none'" in told.err


def test_inspect_prints_everything(daemon: Any, pyctr: Any) -> None:
    daemon.replies("GET /v1/containers/web", DETAIL)
    assert pyctr("inspect", "web").json == DETAIL
    assert pyctr("inspect", "web", "--format", "json").text.count("\n") == 1


def test_several_containers_one_after_the_other(daemon: Any, pyctr: Any) -> None:
    daemon.refuses("DELETE /v1/containers/b", 409, "conflict", "cannot delete 'b': it runs", hint="stop it first")
    result = pyctr("rm", "a", "b", "c")
    assert (result.code, result.text) == (1, "a\nc\n")
    assert result.err == "pyctr: cannot delete 'b': it runs (stop it first)\n"
    assert daemon.heard == [f"DELETE /v1/containers/{one}?force=false" for one in "abc"]


@pytest.mark.parametrize(
    ("words", "asked", "done"),
    [
        (("stop",), "?status=running&status=paused", "POST {}/stop"),
        (("kill",), "?status=running&status=paused", "POST {}/kill?signal=SIGKILL"),
        (("restart",), "?status=running&status=paused", "POST {}/restart"),
        (("pause",), "?status=running", "POST {}/pause"),
        (("unpause",), "?status=paused", "POST {}/resume"),
        (("rm",), "?status=created&status=stopped", "DELETE {}?force=false"),
        (("rm", "-f"), "", "DELETE {}?force=true"),
    ],
)
def test_all_are_those_of_which_it_can_be_done(daemon: Any, pyctr: Any, words: Any, asked: str, done: str) -> None:
    daemon.replies("GET /v1/containers", {"containers": [CONTAINER]})
    daemon.replies(f"POST /v1/containers/{CONTAINER['id']}/stop", EXIT)
    told = pyctr(*words, "--all")
    assert (told.code, told.text) == (0, f"{CONTAINER['id']}\n")
    assert daemon.heard == [f"GET /v1/containers{asked}", done.format(f"/v1/containers/{CONTAINER['id']}")]


@pytest.mark.parametrize("command", ["stop", "kill", "restart", "pause", "unpause", "rm"])
def test_either_names_or_all(daemon: Any, pyctr: Any, command: str) -> None:
    for words, told in (((), "missing argument"), (("-a", "web"), "--all does not go with names")):
        ended = pyctr(command, *words)
        assert (ended.code, ended.err.count("\n")) == (2, 1)
        assert told in ended.err
        assert f"pyctr {command} --help" in ended.err
    assert daemon.heard == []


def test_rm_with_force(daemon: Any, pyctr: Any) -> None:
    assert pyctr("rm", "-f", "a", "--format", "json").json == {"container": "a"}
    assert daemon.heard == ["DELETE /v1/containers/a?force=true"]


def test_kill_and_stop_and_start(daemon: Any, pyctr: Any) -> None:
    daemon.replies("POST /v1/containers/a/stop", EXIT)
    assert pyctr("kill", "-s", "TERM", "a").text == "a\n"
    assert pyctr("kill", "a").code == 0
    assert pyctr("stop", "-t", "1.5", "a").text == "a\n"
    assert pyctr("stop", "a", "--format", "json").json == EXIT
    assert pyctr("start", "a").text == "a\n"
    assert daemon.heard == [
        "POST /v1/containers/a/kill?signal=TERM",
        "POST /v1/containers/a/kill?signal=SIGKILL",
        "POST /v1/containers/a/stop?timeout=1.5",
        "POST /v1/containers/a/stop",
        "POST /v1/containers/a/start",
    ]


def test_a_start_that_fails_is_125(daemon: Any, pyctr: Any) -> None:
    daemon.refuses("POST /v1/containers/a/start", 409, "conflict", "cannot start 'a': it runs")
    assert pyctr("start", "a").code == 125


def test_wait_prints_the_exit_codes(daemon: Any, pyctr: Any) -> None:
    daemon.replies("POST /v1/containers/a/wait", EXIT)
    daemon.replies("POST /v1/containers/b/wait", EXIT | {"exit_code": None, "reason": "lost"})
    result = pyctr("wait", "a", "b")
    assert (result.code, result.text) == (0, "3\nlost\n")
    assert pyctr("wait", "a", "--format", "json").json == EXIT


def test_logs_are_copied_byte_for_byte(daemon: Any, pyctr: Any) -> None:
    daemon.replies("GET /v1/containers/a/logs", b"\xff\x00\n" * 50_000)
    assert pyctr("logs", "--stream", "stderr", "a").out == b"\xff\x00\n" * 50_000
    assert daemon.heard == ["GET /v1/containers/a/logs?follow=false&stream=stderr"]
    assert pyctr("logs", "--stream", "both", "a").code == 2


def test_events_are_lines(daemon: Any, pyctr: Any) -> None:
    event = {"seq": 4, "time": "t", "type": "container.exited", "id": "a", "name": "web", "attributes": {"exit_code": "3"}}
    event["asked_by"] = None
    daemon.replies("GET /v1/events", json.dumps(event).encode() + b"\n")
    assert pyctr("events", "--since-id", "3").text == "4 t container.exited a web exit_code=3\n"
    assert pyctr("events", "--no-follow", "--format", "json").json == event
    assert daemon.heard == ["GET /v1/events?follow=true&since_id=3", "GET /v1/events?follow=false"]


def test_differences_are_lines_or_as_a_template_has_them(daemon: Any, pyctr: Any) -> None:
    changes = [{"kind": "added", "path": "/a\x1b"}, {"kind": "deleted", "path": "/b"}]
    daemon.replies("GET /v1/containers/web/diff", b"".join(json.dumps(one).encode() + b"\n" for one in changes))
    assert pyctr("diff", "web").text == "A /a\\x1b\nD /b\n"
    assert [json.loads(line) for line in pyctr("diff", "--format", "json", "web").text.splitlines()] == changes
    assert pyctr("container", "diff", "--format", "{{.Path}} {{.kind}}", "web").text.endswith("/b deleted\n")


def test_events_are_filtered_as_typed(daemon: Any, pyctr: Any) -> None:
    event = {"seq": 4, "time": "t", "type": "container.killed", "id": "a", "name": "web", "attributes": {}}
    daemon.replies("GET /v1/events", json.dumps(event | {"asked_by": {"uid": 7, "pid": 9}}).encode() + b"\n")
    filters = ("type=killed", "event=container.oom", "container=web", "label=app=x")
    options = [word for text in filters for word in ("--filter", text)]
    told = pyctr("events", "--since", "12.5", "--until", "2026-01-02T03:04:05Z", *options)
    assert told.text == "4 t container.killed a web (by uid=7 pid=9)\n"
    query = unquote(daemon.heard[0].partition("?")[2]).split("&")
    assert query[:2] == ["follow=true", "since=12.5"]
    assert datetime.datetime.fromisoformat(query[2].removeprefix("until=")).timestamp() == 1_767_323_045
    assert query[3:] == ["type=container.killed", "type=container.oom", "container=web", "label=app=x"]


@pytest.mark.parametrize(
    "args", [("--since", "yesterday"), ("--until", "2026-13-01"), ("--filter", "colour=red"), ("--since-id", "-1")]
)
def test_what_no_events_are_asked_by(daemon: Any, pyctr: Any, args: tuple[str, ...]) -> None:
    told = pyctr("events", *args)
    assert told.code != 0
    assert args[1].partition("=")[0] in told.err or args[0] in told.err
    assert daemon.heard == []


def test_events_by_the_words_of_docker(daemon: Any, pyctr: Any) -> None:
    daemon.replies("GET /v1/events", b"")
    words = ("start", "die", "destroy", "unpause", "health_status", "exec_die", "exec.killed", "oom")
    assert pyctr("events", *[part for word in words for part in ("-f", f"event={word}")]).code == 0
    assert [one.partition("=")[2] for one in daemon.heard[0].split("&")[1:]] == [
        *("container.started", "container.exited", "container.deleted", "container.resumed", "container.health"),
        *("exec.exited", "exec.killed", "container.oom"),
    ]


def test_ps_by_what_is_looked_at_here(daemon: Any, pyctr: Any) -> None:
    stopped = CONTAINER | {"id": "fedcba9876543210fedc", "status": "stopped", "pid": None, "exit": EXIT}
    daemon.replies("GET /v1/containers", {"containers": [CONTAINER, stopped]})

    def ids(*options: str) -> list[str]:
        return [one[:4] for one in pyctr("ps", "-q", *options).text.split()]

    assert ids("--filter", "id=0123") == ["0123"]
    assert ids("--filter", "exited=3", "--filter", "exited=4") == ["fedc"]
    assert ids("-a", "--filter", "exited=0") == []
    assert ids("-n", "1", "--filter", "exited=3") == ["fedc"]
    assert daemon.heard[0].endswith("?status=running&status=paused&status=restarting")
    assert daemon.heard[1] == "GET /v1/containers"  # an end is asked for: of all states
    assert daemon.heard[-1] == "GET /v1/containers?sort=-created"  # the limit is for what fits
    for wrong, words in (
        ("colour=red", "there is no filter 'colour'"),
        ("name", "KEY=VALUE"),
        ("exited=x", "an exit code"),
    ):
        refused = pyctr("ps", "--filter", wrong)
        assert refused.code == 1
        assert words in refused.err


def test_a_key_makes_a_creation_one(daemon: Any, pyctr: Any) -> None:
    """Who asks again finds what was made, and where it has been started follows it."""
    daemon.replies("GET /v1/containers/c0ffee00c0ffee00c0ffee00", DETAIL)
    arguments = ("--idempotency-key", "job 17", "--rootfs", "/r", "/bin/sh")
    assert pyctr("create", *arguments).code == 0
    assert daemon.keys == ['"job 17"']
    assert pyctr("run", "-d", *arguments).code == 0
    assert daemon.keys == ['"job 17"'] * 2
    assert not [one for one in daemon.heard if one.endswith("/start")]
    daemon.replies("GET /v1/containers/c0ffee00c0ffee00c0ffee00", DETAIL | {"status": "created"})
    assert pyctr("run", "-d", *arguments).code == 0
    assert daemon.heard[-1].endswith("/start")
    assert pyctr("create", "--idempotency-key", "é", *arguments[2:]).code == 125


def test_an_update_of_nothing_is_refused_here(daemon: Any, pyctr: Any) -> None:
    told = pyctr("update", "web")
    assert (told.code, daemon.heard) == (1, [])
    assert "--restart or --durable" in told.err


def test_explain_numbers_the_steps(daemon: Any, pyctr: Any) -> None:
    steps = [{"index": n, "step": "mount", "description": "mount\nproc"} for n in range(1, 11)]
    daemon.replies("POST /v1/explain", {"namespaces": ["pid", "mount"], "steps": steps})
    result = pyctr("explain", "--rootfs", "/r", "/bin/sh", "-c", "x")
    assert result.text.splitlines()[:2] == ["namespaces: pid, mount", r" 1. mount  mount\nproc"]
    assert pyctr("explain", "--format", "json", "--rootfs", "/r", "x").json["steps"] == steps
    assert daemon.bodies[0] == {"rootfs": "/r", "args": ["/bin/sh", "-c", "x"]}
    assert pyctr("explain", "x").code == 1


def test_timeline_is_a_table(daemon: Any, pyctr: Any) -> None:
    step = {"phase": "create", "step": "fork", "description": "clone3", "start_us": 12.4, "duration_us": 900.0}
    daemon.replies("GET /v1/containers/a/timeline", {"steps": [step]})
    assert pyctr("timeline", "a").text.splitlines()[1].split() == ["create", "fork", "clone3", "12", "900"]
    assert pyctr("timeline", "a", "--format", "json").json == {"steps": [step]}


def test_version_and_info(daemon: Any, pyctr: Any) -> None:
    daemon.replies("GET /v1/version", VERSION)
    daemon.replies("GET /v1/info", INFO)
    assert "kernel:       6.1" in pyctr("version").text.splitlines()
    assert pyctr("version", "--format", "json").json == VERSION
    info = {line.split(":")[0]: line.split(":", 1)[1].strip() for line in pyctr("info").text.splitlines()}
    assert info["features.idmap"] == "yes"
    assert (info["cgroup_controllers"], info["spawner_pid"], info["containers.running"]) == ("pids memory", "-", "2")
    assert pyctr("info", "--format", "json").json == INFO


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("ps", "--colour"), 2, "--colour"),
        ((), 2, "missing command"),
        (("rm",), 2, "missing argument"),
        (("dance",), 2, "dance"),
        (("logs", "--details", "a"), 2, "attributes of a container are its labels"),
        (("update", "--kernel-memory", "1", "a"), 2, "an OCI bundle's config.json"),
        (("rm", "-v", "a"), 2, "no named volumes"),
        (("system", "df"), 2, "`pyctr info` tells where"),
        (("run", "-a", "stdout"), 125, "attached to both"),
        (("-H", "unix:///x", "ps"), 2, "--socket PATH"),
        (("run", "--rootf", "x"), 125, "--rootfs? see `pyctr run --help`)"),
        (("run", "--network", "bridge"), 125, "'--net': 'bridge' is not one of"),
        (("run", "--colour"), 125, "pyctr run --help"),
        (("ps", "--format", "xml"), 2, "xml"),
        (("inspect", "../x"), 1, "cannot look up '../x'"),
    ],
)
def test_usage_errors_are_one_line(daemon: Any, pyctr: Any, args: tuple[str, ...], code: int, words: str) -> None:
    result = pyctr(*args)
    assert (result.code, result.out) == (code, b"")
    assert result.err.startswith("pyctr: ")
    assert words in result.err
    assert result.err.count("\n") == 1
    assert daemon.heard == []


def test_without_a_word_it_helps(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Commands" in capsys.readouterr().err


def test_help_is_no_error(pyctr: Any) -> None:
    result = pyctr("run", "--help")
    assert result.code == 0
    assert "--pids-limit" in result.text


def test_its_version_needs_no_daemon(pyctr: Any) -> None:
    told = pyctr("--version")
    assert (told.code, told.text) == (0, f"pyctr {containerd_py.__version__}\n")


def test_the_socket_comes_from_the_environment(daemon: Any) -> None:
    daemon.replies("GET /v1/version", VERSION)
    environment = os.environ | {"PYCONTAINERD_SOCKET": daemon.socket_path}
    command = [sys.executable, "-m", "containerd_py.cli.main", "version"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True)
    assert "6.1" in done.stdout


@pytest.mark.parametrize("args", [("wait", "a"), ("logs", "-f", "a"), ("events",)])
def test_an_interrupt_ends_a_wait_quietly(daemon: Any, pyctr: Any, args: tuple[str, ...]) -> None:
    daemon.replies("GET /v1/containers/a", DETAIL | {"id": "a"})
    for route in ("POST /v1/containers/a/wait", "GET /v1/containers/a/logs", "GET /v1/events"):
        daemon.hangs(route)
    child = pyctr.spawn(*args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert daemon.hanging.wait(30)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert (child.returncode, out, err) == (130, b"", b"")


def test_half_an_export_is_no_file(daemon: Any, pyctr: Any, tmp_path: Path) -> None:
    daemon.hangs("GET /v1/containers/a/export")
    folder = tmp_path / "exported"
    folder.mkdir()
    child = pyctr.spawn("export", "-o", str(folder / "a.tar"), "a")
    assert daemon.hanging.wait(30)
    assert list(folder.iterdir()) != []
    child.send_signal(signal.SIGTERM)
    assert child.wait(30) == -signal.SIGTERM
    assert list(folder.iterdir()) == []


def test_an_export_to_a_file_shows_that_it_goes_on(daemon: Any, pyctr: Any, tmp_path: Path) -> None:
    daemon.hangs("GET /v1/containers/a/export")
    master, slave = pty.openpty()
    child = pyctr.spawn("export", "-o", str(tmp_path / "a.tar"), "a", stderr=slave)
    os.close(slave)
    shown = b""
    while b"exporting a" not in shown:
        shown += os.read(master, 4096)
    child.send_signal(signal.SIGTERM)
    with contextlib.suppress(OSError):  # the terminal has no other end any more
        while more := os.read(master, 4096):
            shown += more
    os.close(master)
    assert child.wait(30) == -signal.SIGTERM
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")  # the cursor is there again
    assert not (tmp_path / "a.tar").exists()


def test_a_closed_pipe_is_quiet(daemon: Any, pyctr: Any) -> None:
    daemon.replies("GET /v1/containers", {"containers": [CONTAINER] * 5})
    readable, writable = os.pipe()
    os.close(readable)
    child = pyctr.spawn("ps", stdout=writable, stderr=subprocess.PIPE)
    os.close(writable)
    _, err = child.communicate(timeout=30)
    assert (child.returncode, err) == (141, b"")
