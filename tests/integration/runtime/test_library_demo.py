"""examples/libcontainer_demo.py at a real terminal, as a person would use it. Needs root and busybox."""

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from containerd_py.runtime import console
from containerd_py.runtime.linux.fd import Fd

DEMO = str(Path(__file__).parents[3] / "examples/libcontainer_demo.py")
PROMPT = "/ # "
_DEADLINE_S = 60.0


class Terminal:
    """A terminal with the demo as its foreground process: what is typed, what is shown."""

    def __init__(self, bundle: Path) -> None:
        self.bundle = bundle
        master, slave = os.openpty()
        self.master, self.slave = Fd(master), Fd(slave)
        self.shown = ""
        console.resize(master, rows=31, columns=97)
        self.settings = termios.tcgetattr(slave)
        self.demo = subprocess.Popen(
            ["/usr/bin/setsid", "--ctty", sys.executable, DEMO],
            cwd=bundle,
            env={**os.environ, "TMPDIR": str(bundle), "TERM": "dumb"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )

    def type(self, text: str) -> None:
        os.write(self.master.fileno(), text.encode())

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Read until the pattern is shown; forget what came up to its end."""
        deadline = time.monotonic() + _DEADLINE_S
        while not (found := re.search(pattern, self.shown)):
            left = max(0.0, deadline - time.monotonic())
            assert select.select([self.master], [], [], left)[0], f"{pattern!r} is not shown, but {self.shown!r}"
            self.shown += os.read(self.master.fileno(), 65_536).decode(errors="replace").replace("\r\n", "\n")
        self.shown = self.shown[found.end() :]
        return found

    def run(self, command: str) -> str:
        """Type a command; return what it shows. The end is a number that the echo of the command does not show."""
        self.type(f"{command}; echo end-$((40 + 2))\n")
        self.wait_for(r"end-\$\(\(40 \+ 2\)\)\n")
        return self.wait_for(r"(?s)(.*?)end-42\n" + re.escape(PROMPT))[1]

    def state(self) -> dict[str, Any]:
        (path,) = (self.bundle / "libcontainer-demo").glob("*/state.json")
        return dict(json.loads(path.read_bytes()))

    def finish(self) -> int:
        """Wait for the demo's end, as the terminal's reader; return its exit code."""
        deadline = time.monotonic() + _DEADLINE_S
        pidfd = os.pidfd_open(self.demo.pid)
        with Fd(pidfd):
            while not select.select([pidfd], [], [], 0)[0]:
                assert time.monotonic() < deadline, f"the demo does not end: {self.shown!r}"
                master = self.master.fileno()
                if select.select([pidfd, master], [], [], 1)[0] == [master]:
                    self.shown += os.read(master, 65_536).decode(errors="replace")
        return self.demo.wait()

    def close(self) -> None:
        self.master.close()
        self.slave.close()
        try:
            self.demo.wait(30)  # the hangup ends it
        except subprocess.TimeoutExpired:
            self.demo.kill()
            self.demo.wait()


@pytest.fixture
def terminal(rootfs: Path) -> Iterator[Terminal]:
    made = Terminal(rootfs.parent)
    yield made
    made.close()
    assert not (rootfs.parent / "libcontainer-demo").exists()


@pytest.fixture
def shell(terminal: Terminal) -> Terminal:
    terminal.wait_for(re.escape(PROMPT))
    return terminal


def test_a_shell_from_prompt_to_exit(shell: Terminal) -> None:
    assert shell.run("hostname") == "demo\n"
    assert shell.run("echo $$; cat /proc/1/comm") == "1\nsh\n"
    shell.type("exit 7\n")
    assert shell.finish() == 7
    assert termios.tcgetattr(shell.slave.fileno()) == shell.settings


def test_the_process_has_no_rights(shell: Terminal) -> None:
    status = dict(line.split(":\t", 1) for line in shell.run("cat /proc/self/status").splitlines() if ":\t" in line)
    sets = {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    assert sets == dict.fromkeys(sets, 0)
    assert status["NoNewPrivs"] == "1"
    shell.type("exit\n")
    assert shell.finish() == 0


def test_the_limit_is_seen_from_the_host(shell: Terminal) -> None:
    state = shell.state()
    assert (state["id"], state["status"]) == (f"demo-{shell.demo.pid}", "running")
    limits = [Path(path, "pids.max") for path in [state["cgroupV2"], *state["cgroupsV1"]]]
    assert [limit.read_text() for limit in limits if limit.exists()] == ["128\n"]
    members = [Path(path, "cgroup.procs").read_text().split() for path in [state["cgroupV2"], *state["cgroupsV1"]]]
    assert members == [[str(state["pid"])]] * len(members)
    shell.type("exit\n")
    assert shell.finish() == 0


def test_namespaces_are_its_own(shell: Terminal) -> None:
    links = {kind: os.readlink(f"/proc/{shell.state()['pid']}/ns/{kind}") for kind in ("mnt", "pid", "uts", "ipc", "net")}
    ours = {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in links}
    assert {kind for kind in links if links[kind] != ours[kind]} == {"mnt", "pid", "uts", "ipc"}
    shell.type("exit\n")
    assert shell.finish() == 0


def test_mounts_masks_and_read_only_paths(shell: Terminal) -> None:
    found: dict[str, tuple[str, set[str]]] = {}
    for line in shell.run("mount").splitlines():
        _source, _on, target, _type, fstype, options = line.split(" ")
        found[target] = (fstype, set(options.strip("()").split(",")))
    for place, kind, wanted in (
        ("/proc", "proc", {"noexec", "nosuid", "nodev"}),
        ("/dev", "tmpfs", {"nosuid", "mode=755"}),
        ("/dev/shm", "tmpfs", {"size=65536k"}),
    ):
        assert (found[place][0], found[place][1] >= wanted) == (kind, True)
    assert not found["/dev"][1] & {"relatime", "noatime"}  # strictatime
    assert shell.run("ls -ld /dev/shm").startswith("drwxrwxrwt")
    for name in ("kcore", "latency_stats", "timer_list", "sched_debug"):
        if os.path.exists(f"/proc/{name}"):
            assert f"/proc/{name}" in found
            assert shell.run(f"cat /proc/{name}") == ""
    for name in ("asound", "bus", "fs", "irq", "sys", "sysrq-trigger"):
        if os.path.exists(f"/proc/{name}"):
            assert "ro" in found[f"/proc/{name}"][1]
    assert "Read-only file system" in shell.run("echo x >/proc/sys/kernel/domainname")
    shell.type("exit\n")
    assert shell.finish() == 0


def test_the_window_size_is_followed(shell: Terminal) -> None:
    assert shell.run("stty size") == "31 97\n"
    console.resize(shell.master.fileno(), rows=40, columns=120)
    deadline = time.monotonic() + _DEADLINE_S
    while shell.run("stty size") != "40 120\n":
        assert time.monotonic() < deadline
    shell.type("exit\n")
    assert shell.finish() == 0


def test_an_interrupt_is_the_payloads(shell: Terminal) -> None:
    shell.type("echo go-$((1 + 1)); cat\n")
    shell.wait_for("go-2\n")
    shell.type("ping\n")
    shell.wait_for("ping\nping\n")  # its echo, and cat's answer
    shell.type("\x03")
    shell.wait_for(re.escape(PROMPT))
    assert shell.run("echo here") == "here\n"
    shell.type("\x04")
    assert shell.finish() in (0, 130)
    assert termios.tcgetattr(shell.slave.fileno()) == shell.settings


def test_what_is_typed_too_early_is_not_lost(terminal: Terminal) -> None:
    terminal.type("exit 9\n")
    assert terminal.finish() == 9


@pytest.mark.parametrize("way", ["closed", "signal"])
def test_a_terminal_that_hangs_up_ends_the_container(shell: Terminal, way: str) -> None:
    """The window is closed, or the connection lost: whoever reads sees the end, the shell and what runs in it."""
    shell.type("echo go-$((1 + 1)); cat\n")
    shell.wait_for("go-2\n")
    if way == "signal":
        os.kill(shell.demo.pid, signal.SIGHUP)
    else:
        shell.slave.close()
        shell.master.close()
    shell.demo.wait(_DEADLINE_S)


def test_a_payload_that_is_killed(shell: Terminal) -> None:
    os.kill(shell.state()["pid"], signal.SIGKILL)
    assert shell.finish() == 128 + signal.SIGKILL
    assert termios.tcgetattr(shell.slave.fileno()) == shell.settings


@pytest.mark.parametrize("on_terminal", [False, True])
def test_commands_from_a_pipe(rootfs: Path, *, on_terminal: bool) -> None:
    """Without any terminal the payload has the pipes; with output on one, a terminal of its own."""
    with contextlib.ExitStack() as stack:
        master, slave = (stack.enter_context(Fd(number)) for number in os.openpty())
        demo = subprocess.Popen(
            [sys.executable, DEMO],
            cwd=rootfs.parent,
            env={**os.environ, "TMPDIR": str(rootfs.parent), "TERM": "dumb"},
            stdin=subprocess.PIPE,
            stdout=slave.fileno() if on_terminal else subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        with demo:
            output, _ = demo.communicate(b"hostname\nexit 3\n", timeout=_DEADLINE_S)
        shown = os.read(master.fileno(), 65_536) if on_terminal else output
    assert demo.returncode == 3
    assert b"demo" in shown.split()
    assert not (rootfs.parent / "libcontainer-demo").exists()
