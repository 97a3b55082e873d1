"""What could be left behind: by a test, of a process (children, descriptors) and on the machine (mounts, cgroups, links,
units, workers); by a daemon, of everything that it holds.
"""

import gc
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest

_CGROUPS = Path("/sys/fs/cgroup")
_LINKS = Path("/sys/class/net")
_UNITS = Path("/run/systemd/transient")
_PATIENCE_S = 30.0  # the kernel lets go of processes and cgroups a moment after their end

_MAY_GROW_KIB = 16 * 1024
"""Caches, the allocator's slack, and the ring of events: bounded, and full long before the end of a soak."""

_EXECUTOR_THREADS = (os.cpu_count() or 1) + 4
"""As many as asyncio's default executor makes in all, when they are first wanted (ThreadPoolExecutor)."""

_EVENTS = {"state/events.jsonl", "state/events.jsonl.1"}
"""There are two at most, of a bounded size."""

_FOLDERS = {"data/containers", "data/execs"}
"""Made with the first output, which need not come in the warm-up."""

SHARED = "PYCONTAINERD_TESTS_SHARE_MACHINE" in os.environ
"""Others than this run of the tests use the machine too: what is there comes and goes."""

ALONE = not SHARED and "PYTEST_XDIST_WORKER" not in os.environ
"""Nobody else does, not even further tests of this run."""

Look = Callable[[], frozenset[str]]


def of_process() -> frozenset[str]:
    gc.collect()
    return frozenset((*_children(), *_descriptors()))


def of_machine() -> frozenset[str]:
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    links = (f"link {name}" for name in os.listdir(_LINKS))
    units = (f"unit {path.name}" for path in _UNITS.glob("pycontainerd*"))
    cgroups_there = (f"cgroup {path}" for path in cgroups())
    return frozenset((*(f"mount {line}" for line in mounts), *cgroups_there, *links, *units, *_workers()))


def host_mounts(own: Path | None = None) -> list[str]:
    """Return the host's lines of mountinfo, without those below folders of other tests. own: the test's folder."""
    temporary, ours = f"{tempfile.gettempdir()}/", f"{own}/"
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if not (place := line.split()[4]).startswith(temporary) or f"{place}/".startswith(ours)]


def changes(before: frozenset[str], look: Look) -> list[str]:
    """Return what is different still, after the kernel has had time to let go of it."""
    deadline = time.monotonic() + _PATIENCE_S
    while (told := _changes(before, look())) and time.monotonic() < deadline:
        time.sleep(0.01)
    return told


def _changes(before: frozenset[str], after: frozenset[str]) -> list[str]:
    gone = (one for one in before - after if one.startswith("mount "))
    return [*(f"left: {one}" for one in after - before), *(f"gone: {one}" for one in gone)]


@contextmanager
def settling() -> Iterator[None]:
    """Fail where something is left of what was done inside."""
    looks: list[Look] = [of_process, of_machine] if ALONE else [of_process]
    before = [look() for look in looks]
    gc.freeze()  # what is there already stays: to look through it again after each test took longer than most tests
    yield
    told = [change for seen, look in zip(before, looks, strict=True) for change in changes(seen, look)]
    if told:
        pytest.fail("not settled: " + "; ".join(told))


def cgroups(name: str = "pycontainerd*") -> Iterator[str]:
    """Those of that name right below the top, of all hierarchies."""
    yield from map(str, _CGROUPS.glob(f"*/{name}"))
    yield from map(str, _CGROUPS.glob(name))


def _workers() -> Iterator[str]:
    """Spawners and init workers, by the names that they give themselves."""
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):  # one that has just ended
            name = Path(f"/proc/{entry}/comm").read_text().strip()
            if name.startswith("pyc:"):
                yield f"worker {entry} {name}"


def _children() -> Iterator[str]:
    for pid in _children_of(os.getpid()):
        with suppress(FileNotFoundError):  # one that just ended
            yield f"child {pid} {Path(f'/proc/{pid}/comm').read_text().strip()}"


def _descriptors() -> Iterator[str]:
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            continue  # the listing's own
        # the loop's own (made once per test run) and the sealed interpreter, which is kept for good
        if not target.startswith(("anon_inode:[eventpoll]", "/memfd:pycontainerd")):
            yield f"descriptor {number} {target}"


@dataclass(frozen=True)
class Level:
    """What a daemon holds at one moment, to be compared with another one at which it has as little to do.

    fds: by what they are open on, a namespace by its kind; namespaces: how many daemon, spawner and their children are in;
    processes: in cgroups of containers, whoever their parent is; files: below the state and the data directory; rss_kib:
    daemon, spawner.
    """

    tasks: int
    threads: int
    fds: Counter[str]
    children: int
    mounts: int
    cgroups: int
    namespaces: int
    processes: int
    files: frozenset[str]
    rss_kib: tuple[int, int]

    @classmethod
    def of(cls, info: Any, metrics: str, folder: Path) -> Self:
        """info, metrics: as the daemon tells them (/v1/info, /metrics); folder: where its directories lie."""
        daemon, spawner = info["daemon_pid"], info["spawner_pid"]
        tasks = next(line for line in metrics.splitlines() if line.startswith("pycontainerd_tasks "))
        family = (daemon, spawner, *(child for pid in (daemon, spawner) for child in _children_of(pid)))
        return cls(
            tasks=int(float(tasks.split()[1])),
            threads=len(os.listdir(f"/proc/{daemon}/task")),
            fds=Counter(map(_kind, (*_links(daemon), *_links(spawner)))),
            children=len(family) - 2,
            mounts=sum(Path(f"/proc/{pid}/mountinfo").read_text().count("\n") for pid in (daemon, spawner)),
            cgroups=sum(1 for _ in _CGROUPS.glob(f"*{info['cgroup_parent']}/*/")),
            namespaces=len({one for pid in family for one in _namespaces(pid)}),
            processes=sum(1 for _ in _members(info["cgroup_parent"])),
            files=frozenset(_below(folder, "state", "data")),
            rss_kib=(_rss_kib(daemon), _rss_kib(spawner)),
        )

    def differences(self, before: "Level") -> list[str]:
        """Return in words what there is more of than before."""
        told = [
            f"{name}: {getattr(before, name)} before, {getattr(self, name)} now"
            for name in ("tasks", "children", "mounts", "cgroups", "namespaces", "processes")
            if getattr(self, name) > getattr(before, name)
        ]
        if self.threads > before.threads + _EXECUTOR_THREADS:
            told.append(f"threads: {before.threads} before, {self.threads} now")
        told += [f"descriptors: {count} more of {kind}" for kind, count in (self.fds - before.fds).items()]
        told += [f"file: {path}" for path in sorted(self.files - before.files - _EVENTS - _FOLDERS)]
        for name, now, then in zip(("daemon", "spawner"), self.rss_kib, before.rss_kib, strict=True):
            if now > then + _MAY_GROW_KIB:
                told.append(f"memory of the {name}: {then} KiB before, {now} KiB now")
        return told


def _below(folder: Path, *names: str) -> Iterator[str]:
    """Relative to `folder`. What goes meanwhile is passed over, as `Path.rglob` does not."""
    for name in names:
        for directory, directories, files in os.walk(folder / name):
            for each in (*directories, *files):
                yield os.path.relpath(os.path.join(directory, each), folder)


def _links(pid: int) -> Iterator[str]:
    for number in os.listdir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):  # it was closed this moment
            yield os.readlink(f"/proc/{pid}/fd/{number}")


def _kind(target: str) -> str:
    """ "socket:[123]" is "socket"; a file is itself."""
    return target.split(":[")[0]


def _children_of(pid: int) -> Iterator[int]:
    for task in os.listdir(f"/proc/{pid}/task"):
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that ended this moment
            yield from map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())


def _namespaces(pid: int) -> Iterator[str]:
    with suppress(FileNotFoundError, ProcessLookupError, PermissionError):  # a process that has just ended
        for name in os.listdir(f"/proc/{pid}/ns"):
            yield os.readlink(f"/proc/{pid}/ns/{name}")


def _members(cgroup_parent: str) -> Iterator[str]:
    """Processes that are in a cgroup of the daemon's, whoever their parent is by now."""
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with suppress(FileNotFoundError, ProcessLookupError):  # one that has just ended
            if f"{cgroup_parent}/" in Path(f"/proc/{entry}/cgroup").read_text():
                yield entry


def _rss_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1])
    raise AssertionError("smaps_rollup has no Rss")
