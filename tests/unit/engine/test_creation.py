"""A creation that fails: what it had made is unmade before its names are free."""

import asyncio
import threading
from pathlib import Path
from typing import Any, cast

import pytest

from containerd_py.engine.containers import Registry
from containerd_py.engine.creation import Creation
from containerd_py.engine.definitions import Definitions
from containerd_py.engine.events import EventLog
from containerd_py.engine.exec_lifecycle import ExecLifecycle
from containerd_py.engine.exec_registry import ExecRegistry
from containerd_py.engine.journal import Journal
from containerd_py.engine.journaling import Journaling
from containerd_py.engine.lifecycle import Lifecycle
from containerd_py.engine.parts import Parts
from containerd_py.engine.removed import Keep, Removed
from containerd_py.engine.tasks import Tasks
from containerd_py.errors import Conflict, NotFound, Unavailable
from containerd_py.runtime.cgroups.manager import Cgroup
from containerd_py.runtime.host import probe
from containerd_py.store.containers import ContainerStore
from containerd_py.store.definitions import DefinitionStore
from containerd_py.store.removed import RemovedStore
from containerd_py.wire import ContainerSpec


class Cgroups:
    def supports(self, _controller: str) -> bool:
        return False


class Driver:
    """Can make no cgroup."""

    def check(self, _spec: object) -> None:
        pass

    def locate(self, _spec: object, container_id: str) -> Cgroup:
        return Cgroup(None, (f"/pycontainerd/{container_id}",))

    def check_free(self, _spec: object, _container_id: str, _cgroup: Cgroup) -> None:
        pass

    def make(self, _spec: object, _container_id: str, _cgroup: Cgroup) -> None:
        raise Unavailable("cannot create cgroup: no room")


class Drivers:
    current = Driver()


class Link:
    def forget(self, _container_id: str) -> None:
        pass


class SlowStore(ContainerStore):
    """Begins to remove a record, and goes on when it is let."""

    def __init__(self, state_dir: str) -> None:
        super().__init__(state_dir)
        self.removing, self.let = threading.Event(), threading.Event()

    def remove(self, container_id: str) -> None:
        self.removing.set()
        assert self.let.wait(30)
        super().remove(container_id)


def parts(folder: Path, store: ContainerStore) -> Parts:
    tasks = Tasks()
    return Parts(
        registry=Registry(),
        execs=ExecRegistry(),
        store=store,
        definitions=Definitions(DefinitionStore(str(folder))),
        link=cast("Any", Link()),
        cgroups=cast("Any", Cgroups()),
        drivers=cast("Any", Drivers()),
        events=EventLog(),
        tasks=tasks,
        journal=Journaling(Journal(), tasks),
        removed=Removed(RemovedStore(str(folder), str(folder)), Keep(), tasks),
        host=probe(),
        state_dir=str(folder),
        data_dir=str(folder),
    )


async def test_the_names_are_taken_until_all_is_unmade(tmp_path: Path) -> None:
    """Else another creation would meet what is left of this one, or have its own reservation released by it."""
    store = SlowStore(str(tmp_path))
    store.prepare()
    shared = parts(tmp_path, store)
    request = ContainerSpec(rootfs=str(tmp_path), args=("/bin/true",), id="abc", name="web")
    making = asyncio.ensure_future(Creation(shared, Lifecycle(shared, ExecLifecycle(shared))).create(request, arrived_ns=0))
    await asyncio.to_thread(store.removing.wait, 10)
    try:
        for container_id, name in (("abc", "other"), ("other", "web")):
            with pytest.raises(Conflict):
                shared.registry.reserve(container_id, name)
        with pytest.raises(NotFound):
            shared.registry.find("abc", "inspect")
    finally:
        store.let.set()
    with pytest.raises(Unavailable, match="no room"):
        await making
    shared.registry.reserve("abc", "web")
