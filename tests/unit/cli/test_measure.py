"""stats and top: what they ask, and how figures are printed."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
from typing import Any

import pytest

from containerd_py.cli.figures import cpu_text, size_text
from tests.unit.cli.test_commands import CONTAINER

TIME = "2026-01-02T03:04:05.000006Z"
STATS = {
    "id": "0123456789abcdef",
    "name": "web\x1b",
    "time": TIME,
    "cpu": {
        "usage_ns": 5,
        "user_ns": 3,
        "kernel_ns": 2,
        "percent": 12.34,
        "throttled_periods": 0,
        "throttled_ns": 0,
        "pressure": None,
    },
    "memory": {
        "usage_bytes": 3 << 20,
        "limit_bytes": 8 << 20,
        "peak_bytes": 0,
        "working_set_bytes": 2 << 20,
        "anon_bytes": 1536,
        "file_bytes": 0,
        "kernel_bytes": 0,
        "swap_bytes": 0,
        "oom_kills": 0,
        "pressure": None,
    },
    "pids": {"current": 2, "limit": 64},
    "io": {"read_bytes": 1023, "write_bytes": 1 << 30, "reads": 0, "writes": 0, "pressure": None},
}
ROUND = {"time": TIME, "containers": [STATS]}
FIRST = {"time": TIME, "containers": [STATS | {"name": "first"}]}
PROCESS = {
    "pid": 4242,
    "container_pid": 1,
    "parent_pid": 815,
    "user_id": 5,
    "state": "S",
    "name": "sh",
    "args": ["/bin/sh", "-c", "\x1b[31m"],
    "threads": 1,
    "cpu_ns": 62_500_000_000,
    "rss_bytes": 1 << 20,
    "started_at": TIME,
}


def lines(*documents: Any) -> bytes:
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


def test_stats_once_measures_a_moment(daemon: Any, pyctr: Any) -> None:
    daemon.replies("GET /v1/stats", lines(FIRST, ROUND))
    daemon.replies("GET /v1/containers", {"containers": []})
    header, row = pyctr("stats", "--no-stream", "web", "db", "--label", "a=b").text.splitlines()
    assert header.split() == [
        "ID",
        "NAME",
        "CPU",
        "%",
        "MEMORY",
        "LIMIT",
        "MEM",
        "%",
        "ANON",
        "FILE",
        "READ",
        "WRITTEN",
        "PIDS",
    ]
    assert row.split() == [
        "0123456789ab",
        "web\\x1b",
        "12.3",
        "2.0",
        "MiB",
        "8.0",
        "MiB",
        "25.0",
        "1.5",
        "KiB",
        "0",
        "B",
        "1023",
        "B",
        "1.0",
        "GiB",
        "2/64",
    ]
    assert daemon.heard[0] == "GET /v1/stats?container=web&container=db&label=a%3Db&follow=true&interval=0.5"


def test_stats_go_on(daemon: Any, pyctr: Any) -> None:
    daemon.replies("GET /v1/stats", lines(FIRST, ROUND))
    assert pyctr("stats", "--interval", "2").text.count("0123456789ab") == 2
    assert [json.loads(line) for line in pyctr("stats", "--format", "json").text.splitlines()] == [FIRST, ROUND]
    assert daemon.heard == ["GET /v1/stats?follow=true&interval=2.0", "GET /v1/stats?follow=true&interval=1.0"]


def test_what_is_not_known_is_a_dash(daemon: Any, pyctr: Any) -> None:
    memory: dict[str, Any] = STATS["memory"] | {"limit_bytes": None}  # type: ignore[operator] # a literal of mixed values
    bare = STATS | {"cpu": STATS["cpu"] | {"percent": None}, "memory": memory}  # type: ignore[operator] # as above
    daemon.replies("GET /v1/stats", lines({"time": TIME, "containers": [bare]}))
    assert pyctr("stats").text.splitlines()[1].split()[2:7] == ["-", "2.0", "MiB", "-", "-"]


def test_what_does_not_run_has_no_figures(daemon: Any, pyctr: Any) -> None:
    daemon.replies("GET /v1/stats", lines(FIRST, ROUND))
    idle = [CONTAINER | {"id": one * 20, "name": f"old-{one}", "status": "stopped"} for one in "ef"]
    daemon.replies("GET /v1/containers", {"containers": idle})
    rows = pyctr("stats", "--no-stream", "--all", "--no-trunc", "--label", "a").text.splitlines()[1:]
    assert [row.split()[0] for row in rows] == [STATS["id"], "e" * 20, "f" * 20]
    assert rows[1].split() == ["e" * 20, "old-e", *["-"] * 9]
    assert daemon.heard[1] == "GET /v1/containers?label=a&status=creating&status=created&status=stopped"
    rows = pyctr("stats", "--no-stream", "web", "old-f").text.splitlines()[1:]
    assert [row.split()[1] for row in rows] == ["web\\x1b", "old-f"]
    assert len(pyctr("stats", "--no-stream").text.splitlines()) == 2
    refused = pyctr("stats", "--no-stream", "--all", "--format", "json")
    assert (refused.code, refused.err.count("--all")) == (2, 1)


def test_at_a_terminal_the_table_is_drawn_again_until_it_is_interrupted(daemon: Any, pyctr: Any) -> None:
    daemon.replies("GET /v1/stats", lines(FIRST, ROUND))
    master, slave = pty.openpty()
    child = pyctr.spawn("stats", stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    while select.select([master], [], [], 20)[0]:
        try:
            shown += os.read(master, 65_536)
        except OSError:  # the terminal has no other end any more
            break
    os.close(master)
    assert child.wait(20) == 0
    assert shown.count(b"0123456789ab") >= 2
    assert b"\x1b[1A" in shown  # up, over the table before
    assert b"web\x1b " not in shown


def test_top_prints_the_processes(daemon: Any, pyctr: Any) -> None:
    daemon.replies("GET /v1/containers/web/top", {"processes": [PROCESS]})
    header, row = pyctr("top", "web").text.splitlines()
    assert header.split() == ["PID", "IN", "PARENT", "UID", "STATE", "THREADS", "CPU", "RSS", "STARTED", "COMMAND"]
    assert row.split()[:9] == ["4242", "1", "815", "5", "S", "1", "1:02.50", "1.0", "MiB"]
    assert row.rstrip().endswith(r"/bin/sh -c '\x1b[31m'")
    assert pyctr("top", "web", "--format", "json").json == [PROCESS]


@pytest.mark.parametrize("options", [("-ef",), ("-o", "pid,cmd"), ("aux",)])
def test_options_of_ps_are_refused_with_the_reason(daemon: Any, pyctr: Any, options: tuple[str, ...]) -> None:
    told = pyctr("top", "web", *options)
    assert (told.code, daemon.heard) == (2, [])
    assert "no program is run for this" in told.err


def test_top_that_is_watched_is_drawn_with_the_busiest_first(daemon: Any, pyctr: Any) -> None:
    idle: dict[str, Any] = PROCESS | {"args": ["idle"]}
    busy: dict[str, Any] = PROCESS | {"pid": 4343, "args": ["busy"]}
    daemon.replies("GET /v1/containers/web/top", {"processes": [idle, busy]})
    master, slave = pty.openpty()
    child = pyctr.spawn("top", "-w", "0.1", "web", stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    while b"% of a CPU" not in shown:
        shown += os.read(master, 65_536)
    assert shown.index(b"idle") < shown.index(b"busy")
    busy["cpu_ns"] += 10**9
    shown = b""
    while b"idle" not in shown or shown.rindex(b"busy") > shown.rindex(b"idle"):
        shown += os.read(master, 65_536)
        busy["cpu_ns"] += 10**9
    assert b"web: 2 processes, 2 threads, " in shown or b" % of a CPU, 2.0 MiB" in shown
    child.send_signal(signal.SIGTERM)
    shown = b""
    with contextlib.suppress(OSError):  # the terminal has no other end any more
        while more := os.read(master, 65_536):
            shown += more
    os.close(master)
    assert child.wait(20) == -signal.SIGTERM
    assert b"\x1b[?25h" in shown  # the cursor is there again


def test_top_is_asked_for_again_while_it_is_watched(daemon: Any, pyctr: Any) -> None:
    """Until there is nothing to see any more."""
    daemon.refuses("GET /v1/containers/web/top", 409, "conflict", "cannot measure container 'web': it is stopped")
    ended = pyctr("top", "--watch", "0.1", "web")
    assert (ended.code, ended.err) == (1, "pyctr: cannot measure container 'web': it is stopped\n")
    daemon.replies("GET /v1/containers/web/top", {"processes": [PROCESS]})
    child = pyctr.spawn("top", "-w", "0.1", "web", stdout=-1)
    while daemon.heard.count("GET /v1/containers/web/top") < 4:
        assert child.poll() is None
        select.select([], [], [], 0.01)
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=20)[0].count(b"4242") >= 2
    assert child.returncode == 130


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (1 << 30, "1.0 GiB"), (1 << 70, "1024.0 EiB")],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(("used_ns", "text"), [(0, "0:00.00"), (62_500_000_000, "1:02.50"), (7_200 * 10**9, "120:00.00")])
def test_times_of_the_cpu(used_ns: int, text: str) -> None:
    assert cpu_text(used_ns) == text
