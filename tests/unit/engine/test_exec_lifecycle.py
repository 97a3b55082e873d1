"""Ends that are told of what is executed."""

import asyncio
import os
from datetime import UTC, datetime
from typing import Any, cast

from containerd_py.engine.exec import Exec
from containerd_py.engine.exec_lifecycle import ExecLifecycle
from containerd_py.engine.output import OutputLog
from containerd_py.engine.views import ExecStatus
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.pidfd import WaitStatus
from containerd_py.store.records import ExecRecord
from tests.unit.engine.test_containers import container

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def test_the_end_of_an_earlier_start_is_not_taken_for_this_one() -> None:
    """A start that was taken back has killed its process; a spawner that was busy tells of that once there is another."""
    record = ExecRecord(id="def", container_id="abc", status="running", created_at=NOW, process={})
    running = Exec(record, OutputLog("/nowhere"), lambda: 0)
    process = await asyncio.create_subprocess_exec("/bin/sleep", "1000")
    running.pidfd = Fd(os.pidfd_open(process.pid))
    try:
        await ExecLifecycle(cast("Any", None)).note_exit(container(), running, WaitStatus(None, 9))
        assert (running.status, running.exit()) == (ExecStatus.RUNNING, None)
    finally:
        running.close()
        process.kill()
        await process.wait()
