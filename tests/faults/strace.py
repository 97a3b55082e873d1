"""Faults at a system call, made by strace(1): a process is killed where it would enter one, or is told that it has failed.

strace counts for each thread, and for each call by itself: `inject=all:when=5` is the fifth time of whichever call is there
five times first. So to step through all calls is to step through a list of (call, how often before), which `Seen` has.
"""

import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(r"^(?:(\d+) +)?(\w+)\(")


@dataclass(frozen=True)
class Point:
    """The moment at which a thread enters a call for the n-th time."""

    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.call}#{self.number}"

    def injecting(self, fault: str) -> str:
        return f"inject={self.call}:{fault}:when={self.number}"


@dataclass(frozen=True)
class Seen:
    """Calls by thread, in the order in which they were entered."""

    calls: dict[int, list[str]]

    @classmethod
    def read(cls, path: Path) -> "Seen":
        calls: dict[int, list[str]] = {}
        for line in path.read_text(errors="replace").splitlines():
            if found := _LINE.match(line):
                calls.setdefault(int(found[1] or 0), []).append(found[2])
        return cls(calls)

    def points(self) -> list[Point]:
        """Every moment that can be hit: where threads enter the same call, of the one that enters it most."""
        found: dict[Point, None] = {}
        for calls in self.calls.values():
            times: Counter[str] = Counter()
            for call in calls:
                times[call] += 1
                found[Point(call, times[call])] = None
        return list(found)


def was_hit(output: Path) -> bool:
    """Tell whether a thread was killed, or a call made to fail."""
    text = output.read_text(errors="replace")
    return "+++ killed by SIGKILL" in text or "(INJECTED)" in text


@contextmanager
def strace(
    *options: str,
    pids: tuple[int, ...],
    follow: bool = False,
    output: Path | None = None,
    paths: tuple[Path, ...] = (),
) -> Iterator[None]:
    """Attach to threads before the body begins, and let go of them after it.

    pids: threads; others of their processes are left alone. follow: also what they start, until it executes a program.
    output: a file for what was seen, for `Seen` and `was_hit`. paths: calls that have to do with these alone count.
    """
    command = ["strace", "-q", *(("-f", "-b", "execve") if follow else ())]
    command += ["-e", "signal=KILL", "-o", "/dev/null" if output is None else str(output)]
    for path in paths:
        command += ["-P", str(path)]
    for option in options:
        command += ["-e", option]
    for pid in pids:
        command += ["-p", str(pid)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        _wait_until_attached(process, pids)
        yield
    finally:
        process.terminate()
        process.communicate()


def _wait_until_attached(process: subprocess.Popen[bytes], pids: tuple[int, ...]) -> None:
    """TracerPid of proc_pid_status(5) tells it for each thread. One that has ended meanwhile is passed over."""
    while not all(_tracer(pid) in (None, process.pid) for pid in pids):
        assert process.poll() is None, f"strace: {process.communicate()[1].decode()}"
        time.sleep(0.001)


def _tracer(thread: int) -> int | None:
    try:
        status = Path(f"/proc/{thread}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("TracerPid:"))
