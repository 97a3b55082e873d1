"""The kernel refuses what an operation asks of it: no room, no descriptors, no processes, a broken disk. By each call once.

The operation is refused with the reason and has left nothing, or it is carried out all the same. Ends and removals are,
unless the disk itself is broken.
"""

import sys
from pathlib import Path

import pytest

from tests.faults.cutting import Cutting, Victim, of_executor, of_loop, of_spawner, of_worker, sample
from tests.faults.leaks import Leaks
from tests.faults.lives import OPERATIONS, Create, Delete, Execute, Operation, Start, Stop
from tests.integration.daemon_process import Daemon

_SAMPLE = 4
ROOM = ("mkdir", "write", "rename", "fsync")
FILES = (*ROOM, "openat", "unlink", "rmdir")
DESCRIPTORS = ("openat", "socketpair", "pipe2", "pidfd_open", "socket", "dup", "memfd_create", "epoll_create1")
PROCESSES = ("clone", "clone3")

DISK = [
    *((of_executor, "ENOSPC", ROOM, operation) for operation in OPERATIONS),
    *((of_loop, "ENOSPC", ("mkdir", "openat"), operation) for operation in (Start, Stop)),  # output
    *((of_executor, error, FILES, operation) for error in ("EIO", "EROFS") for operation in OPERATIONS),
]
OTHERS = [
    *(
        (victim, error, DESCRIPTORS, operation)
        for error in ("EMFILE", "ENFILE")  # of the process; of the system, which root as a rule is not held to
        for victim in (of_loop, of_executor)
        for operation in OPERATIONS
    ),
    *((of_spawner, error, PROCESSES, operation) for error in ("EAGAIN", "ENOMEM") for operation in (Create, Execute)),
    *((of_spawner, error, DESCRIPTORS, operation) for error in ("EMFILE", "ENFILE") for operation in (Create, Execute)),
    *((of_worker, error, DESCRIPTORS, operation) for error in ("EMFILE", "ENFILE") for operation in (Create, Execute)),
]
_LACKING = (503,)
_REFUSALS = {"ENOSPC": (503, 507), "EIO": (500, 503), "EROFS": (500, 503)}
"""Statuses; 503 is for what is to be tried again, after a lack of descriptors or processes alone."""
SAMPLE = [
    *((of_executor, "ENOSPC", Create), (of_executor, "ENOSPC", Execute), (of_loop, "ENOSPC", Start)),
    *((of_executor, "EROFS", Delete), (of_executor, "EMFILE", Delete), (of_loop, "EMFILE", Stop)),
    *((of_loop, "EMFILE", Create), (of_loop, "EMFILE", Execute), (of_spawner, "EAGAIN", Create)),
    *((of_loop, "ENFILE", Create), (of_executor, "ENFILE", Delete), (of_spawner, "ENFILE", Execute)),
    (of_worker, "ENFILE", Create),
]


def documents(daemon: Daemon) -> tuple[Path, ...]:
    """What a daemon writes for the container of an operation. Names of records of execs are not known before."""
    record, output = daemon.state_dir / "containers/box", daemon.data_dir / "containers/box"
    names = ("state.json", "state.json.new", "config.json", "request.json", "execs")
    return record, *(record / name for name in names), output, output / "output", output / "output.index"


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("victim", "error", "calls", "operation"),
    [pytest.param(*case, id=f"{case[0].__name__[3:]}-{case[1]}-{case[3].name}") for case in (*DISK, *OTHERS)],
)
async def test_what_is_refused_was_never_done(
    daemon: Daemon,
    rootfs: Path,
    tmp_path: Path,
    leaks: Leaks,
    victim: Victim,
    error: str,
    calls: tuple[str, ...],
    operation: type[Operation],
    *,
    whole: bool,
) -> None:
    daemon.expect_errors()
    broken = error in ("EIO", "EROFS")
    paths = documents(daemon) if error in ("ENOSPC", "EIO", "EROFS") else ()
    told = operation(rootfs, ends=not broken, refusals=_REFUSALS.get(error, _LACKING))
    cutting = Cutting(daemon, told, victim, tmp_path, f"error={error}", paths)
    await cutting.points()  # the first time more is done than later: threads and folders are made
    points = [point for point in await cutting.points() if point.call in calls]
    for point in points if whole else sample(points, _SAMPLE):
        await cutting.cut(point, leaks)
    assert "Traceback" not in daemon.log
    sys.stdout.write(f"{victim.__name__} {error} {operation.name}: {len(points)} points, {cutting.hits} hits\n")
