"""What a daemon holds at one moment, to be compared with another one at which it has as little to do."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_CGROUPS = Path("/sys/fs/cgroup")
_MAY_GROW_KIB = 16 * 1024
"""Caches, the allocator's slack, and the ring of events: bounded, and full long before the end of a soak."""

_EXECUTOR_THREADS = (os.cpu_count() or 1) + 4
"""As many as asyncio's default executor makes in all, when they are first wanted (ThreadPoolExecutor)."""
_EVENTS = {"state/events.jsonl", "state/events.jsonl.1"}
"""There are two at most, of a bounded size."""

_FOLDERS = {"data/containers", "data/execs"}
"""Made with the first output, which need not come in the warm-up."""


@dataclass(frozen=True)
class Level:
    """fds: by what they are open on; files: below the state and the data directory; rss_kib: daemon, spawner."""

    tasks: int
    threads: int
    fds: Counter[str]
    children: int
    mounts: int
    cgroups: int
    files: frozenset[str]
    rss_kib: tuple[int, int]

    @classmethod
    def of(cls, *, tasks: int, daemon: int, spawner: int, folder: Path, cgroup_parent: str) -> Self:
        return cls(
            tasks=tasks,
            threads=len(os.listdir(f"/proc/{daemon}/task")),
            fds=Counter(map(_kind, (*_links(daemon), *_links(spawner)))),
            children=sum(1 for pid in (daemon, spawner) for _ in _children(pid)),
            mounts=sum(Path(f"/proc/{pid}/mountinfo").read_text().count("\n") for pid in (daemon, spawner)),
            cgroups=sum(1 for _ in _CGROUPS.glob(f"*{cgroup_parent}/*/")),
            files=frozenset(_below(folder, "state", "data")),
            rss_kib=(_rss_kib(daemon), _rss_kib(spawner)),
        )

    def differences(self, before: "Level") -> list[str]:
        """Return in words what there is more of than before."""
        told = [
            f"{name}: {getattr(before, name)} before, {getattr(self, name)} now"
            for name in ("tasks", "children", "mounts", "cgroups")
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


def _children(pid: int) -> Iterator[int]:
    for task in os.listdir(f"/proc/{pid}/task"):
        with suppress(FileNotFoundError):  # a thread that ended this moment
            yield from map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())


def _rss_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1])
    raise AssertionError("smaps_rollup has no Rss")
