"""Daemon, spawner and worker are killed at every system call of an operation: it has been carried out then, or never was.

A container beside it loses no line, and its exit code is exact.
"""

import sys
from pathlib import Path

import pytest

from tests.faults.cutting import Cutting, Victim, of_executor, of_loop, of_spawner, of_worker, sample
from tests.faults.leaks import Leaks
from tests.faults.lives import OPERATIONS, Operation
from tests.integration.daemon_process import Daemon
from tests.integration.recovery.test_daemon_loss import counting, output_of, remove, start

_SAMPLE = 4
_COUNT = "trap 'exit 9' TERM; i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done"


CASES = [
    pytest.param(victim, operation, id=f"{victim.__name__[3:]}-{operation.name}")
    for operation in OPERATIONS
    for victim in (of_loop, of_executor, of_spawner, of_worker)
    if operation.works_on_worker or victim is not of_worker
]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("victim", "operation"), CASES)
async def test_what_is_cut_off_was_done_or_never_was(
    daemon: Daemon, rootfs: Path, tmp_path: Path, leaks: Leaks, victim: Victim, operation: type[Operation], *, whole: bool
) -> None:
    daemon.expect_errors()
    async with daemon.api() as api:
        bystander = await start(api, rootfs, "/bin/sh", "-c", _COUNT)
        await output_of(api, bystander, 1)
        await leaks.begin(api)
    cutting = Cutting(daemon, operation(rootfs), victim, tmp_path)
    await cutting.points()  # the first time more is done than later: threads and folders are made
    points = await cutting.points()
    chosen = points if whole else sample(points, _SAMPLE)
    for point in chosen:
        await cutting.cut(point, leaks)
    async with daemon.api() as api:
        assert (await api.post(f"/v1/containers/{bystander}/stop?timeout=20")).json["exit_code"] == 9
        output = (await api.get(f"/v1/containers/{bystander}/logs")).body
        assert output == counting(output.count(b"\n"))
        await remove(api, bystander)
    sys.stdout.write(f"{victim.__name__} {operation.name}: {len(chosen)} of {len(points)} points, {cutting.hits} kills\n")
