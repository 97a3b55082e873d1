"""What a test could leave behind: a process's own children and descriptors; the machine's mounts, cgroups and workers."""

import gc
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_CGROUPS = Path("/sys/fs/cgroup")
_PATIENCE_S = 10.0  # the kernel lets go of processes and cgroups a moment after their end

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
    found = (*(f"mount {line}" for line in mounts), *(f"cgroup {path}" for path in cgroups()), *_workers())
    return frozenset(found)


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
    for task in os.listdir("/proc/self/task"):
        with suppress(FileNotFoundError):  # a thread, or a child, that just ended
            for pid in Path(f"/proc/self/task/{task}/children").read_text().split():
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
