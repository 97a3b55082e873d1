"""After every test everything is as before: no child, descriptor, mount, cgroup or task is left."""

import asyncio
import gc
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

_CGROUPS = Path("/sys/fs/cgroup")
_ALONE = "PYCONTAINERD_TESTS_SHARE_MACHINE" not in os.environ  # else cgroups of other runs come and go
_PATIENCE_S = 2.0  # the kernel lets go of processes and cgroups a moment after their end


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--runtime",
        metavar="PATH",
        help="the OCI runtime for tests/oci, tests/security (default: our pyrunc)",
    )


@dataclass(frozen=True)
class Surroundings:
    children: frozenset[str]
    descriptors: frozenset[str]
    mounts: str
    cgroups: frozenset[str]

    def differences(self, after: "Surroundings") -> list[str]:
        told = [f"child left: {child}" for child in after.children - self.children]
        told += [f"descriptor left: {fd}" for fd in after.descriptors - self.descriptors]
        told += [f"cgroup left: {path}" for path in after.cgroups - self.cgroups]
        if after.mounts != self.mounts:
            told.append(f"mounts changed: {set(after.mounts.splitlines()) ^ set(self.mounts.splitlines())}")
        return told


def _look() -> Surroundings:
    gc.collect()
    return Surroundings(
        children=frozenset(_children()),
        descriptors=frozenset(_descriptors()),
        mounts=Path("/proc/self/mountinfo").read_text(),
        cgroups=frozenset(_cgroups() if _ALONE else ()),
    )


def _cgroups() -> Iterator[str]:
    yield from map(str, _CGROUPS.glob("*/pycontainerd*"))
    yield from map(str, _CGROUPS.glob("pycontainerd*"))


def _children() -> Iterator[str]:
    for task in os.listdir("/proc/self/task"):
        with suppress(FileNotFoundError):  # a thread, or a child, that just ended
            for pid in Path(f"/proc/self/task/{task}/children").read_text().split():
                yield f"{pid} {Path(f'/proc/{pid}/comm').read_text().strip()}"


def _descriptors() -> Iterator[str]:
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            continue  # the listing's own
        # the loop's own (made once per test run) and the sealed interpreter, which is kept for good
        if not target.startswith(("anon_inode:[eventpoll]", "/memfd:pycontainerd")):
            yield f"{number} {target}"


@pytest.fixture(autouse=True, scope="session")
def quick_collections() -> None:
    """What all imports made is not looked through again, twice for each test."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> None:
    """A shell's background job ignores SIGINT, and so would every program that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def settling() -> Iterator[None]:
    """Fail where something is left of what was done inside."""
    before = _look()
    yield
    deadline = time.monotonic() + _PATIENCE_S
    while left := before.differences(_look()):
        if time.monotonic() > deadline:
            pytest.fail("not settled: " + "; ".join(left))
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def settled() -> Iterator[None]:
    with settling():
        yield


@pytest_asyncio.fixture(autouse=True)
async def no_task_left() -> AsyncIterator[None]:
    yield
    left = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left, f"not settled: tasks left: {left}"
