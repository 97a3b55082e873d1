"""A worker that looks for a path, and is not waited for without end."""

import os
import subprocess
from types import SimpleNamespace
from typing import Any, cast

import pytest

from containerd_py.engine import archive_worker
from containerd_py.engine.archive_worker import ArchiveWorker
from containerd_py.engine.tasks import Tasks
from containerd_py.errors import DeadlineExceeded
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.plan import Plan
from containerd_py.runtime.spawner.request import ForkRequest
from tests.unit.engine.test_containers import container

LOOK = Plan(namespaces=(), operations=(op.StatPath("/srv"),))


class _Link:
    """The spawner, whose worker is a program that says nothing; it keeps that one's end of the socket open."""

    def __init__(self) -> None:
        self.worker = subprocess.Popen(["/bin/sleep", "1000"])
        self.kept: list[Fd] = []

    async def spawn(self, _spawn_id: str, request: ForkRequest, _keep: dict[str, int]) -> Any:
        self.kept.append(Fd(os.dup(request.control)))
        return SimpleNamespace(pid=self.worker.pid, pidfd=Fd(os.pidfd_open(self.worker.pid)))

    def forget(self, _spawn_id: str) -> None:
        for fd in self.kept:
            fd.close()


async def test_one_that_says_nothing_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_worker, "_DEADLINE_S", 0.1)
    monkeypatch.setattr(archive_worker, "_END_S", 0.1)
    link, tasks = _Link(), Tasks()
    parts = cast("Any", SimpleNamespace(link=link, tasks=tasks))
    silent = ArchiveWorker(parts, container(), LOOK, closing=lambda: False)
    try:
        with pytest.raises(DeadlineExceeded, match="its worker did not answer") as told:
            await silent.begin({}, pipe="out", inside=(), placement=None)
        assert told.value.step == "archive"
        await silent.close()
        assert link.worker.wait(30) == -9
    finally:
        link.worker.kill()
        link.worker.wait()
        await tasks.close(deadline_s=0)
