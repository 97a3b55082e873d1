"""A container's way to the journal."""

import asyncio
import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path

from structlog.testing import capture_logs

from containerd_py.engine.containers import Container
from containerd_py.engine.journal import Journal
from containerd_py.engine.journaling import Feed
from containerd_py.engine.output import OutputLog
from containerd_py.engine.views import Stream
from containerd_py.store.records import ContainerRecord
from tests.integration.journal import FakeJournal
from tests.unit.engine.descriptors import no_descriptors


def container(directory: Path, said: bytes) -> Container:
    log = OutputLog(str(directory))
    read, write = os.pipe2(os.O_CLOEXEC)
    os.write(write, said)
    log.take(read, Stream.STDOUT)
    os.close(read)
    os.close(write)
    record = ContainerRecord(id="c1", name="web", status="running", created_at=datetime.now(UTC), rootfs="/srv/root")
    return Container(record, {}, {}, log)


async def test_output_waits_while_there_are_no_descriptors(tmp_path: Path) -> None:
    other = FakeJournal(tmp_path / "socket")
    other.listen()
    other.read()
    journal = Journal(str(other.path))
    feed = Feed(container(tmp_path / "log", b"one line\n"), journal)
    with contextlib.closing(feed.container), capture_logs() as logs:
        with no_descriptors():
            feed.task = asyncio.create_task(feed.run())
            async with asyncio.timeout(20):
                while not logs:
                    await asyncio.sleep(0.001)
        await other.until(lambda: other.messages() == [b"one line"])
        await feed.end()
        feed.task.result()
        assert [line["event"] for line in logs] == ["cannot read output for the journal"]
        assert feed.container.log.lost == 0
    journal.close()
    other.vanish()
