"""Keeping what the directory of declared containers says: at the start, and whenever the settings are read again.

A file's container is made and started; made anew where the file says something else; stopped and removed with the file. One
that cannot be used is told, and changes nothing: the container that it had goes on. Files do not hold up one another.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from containerd_py.engine import declarations
from containerd_py.engine.restart_policy import parse_policy
from containerd_py.engine.views import Declared, DeclaredFile, Status
from containerd_py.errors import Conflict, ContainerdError
from containerd_py.store.records import DeclaredBy

if TYPE_CHECKING:
    from containerd_py.engine.containers import Container
    from containerd_py.engine.creation import Creation
    from containerd_py.engine.declarations import Declaration
    from containerd_py.engine.lifecycle import Lifecycle
    from containerd_py.engine.parts import DeclaredSettings, Parts
    from containerd_py.engine.supervision import Supervision

_log = structlog.get_logger()


class Declaring:
    def __init__(
        self, parts: Parts, lifecycle: Lifecycle, creation: Creation, supervision: Supervision, settings: DeclaredSettings
    ) -> None:
        self._parts = parts
        self._lifecycle = lifecycle
        self._creation = creation
        self._supervision = supervision
        self._directory = settings.directory
        self._credentials = settings.credentials
        self._lock = asyncio.Lock()
        self._problems: dict[str, str | None] = {}
        self._problem: str | None = None
        self._at: datetime | None = None

    def begin(self) -> None:
        """Reconcile, in the background; once more if that is going on already."""
        if self._directory is not None:
            self._parts.tasks.start(self._reconcile(self._directory), name="reconcile declared containers")

    def view(self) -> Declared:
        """Return what has come of each file, as of the last time."""
        by_file = {one.record.declared.file: one for one in self._parts.registry if one.record.declared is not None}
        files = (_shown(file, self._problems.get(file), by_file.get(file)) for file in sorted({*self._problems, *by_file}))
        return Declared(self._directory, self._at, self._problem, tuple(files))

    async def _reconcile(self, directory: str) -> None:
        async with self._lock:
            try:
                declared, misread = await asyncio.to_thread(declarations.read, directory, self._credentials)
            except OSError as problem:
                self._problem = f"cannot read directory {directory!r}: {problem.strerror}"
                _log.error("declared containers stay as they are", error=self._problem)
                return
            self._problem = None
            for one in misread:
                _log.error("declaration cannot be used", file=one.file, error=one.problem)
            self._problems = {one.file: one.problem for one in misread}
            there = {*self._problems, *(one.file for one in declared)}
            gone = [one for one in self._parts.registry if one.record.declared and one.record.declared.file not in there]
            await asyncio.gather(*map(self._remove_gone, gone))  # first: what comes may have the name of what goes
            await asyncio.gather(*map(self._apply, declared))
            self._at = datetime.now(UTC)

    async def _apply(self, declaration: Declaration) -> None:
        self._problems[declaration.file] = None
        try:
            await self._bring_about(declaration)
        except ContainerdError as problem:
            told = problem.message + (f" ({problem.hint})" if problem.hint else "")
            self._problems[declaration.file] = told
            _log.error("declared container is not as it should be", file=declaration.file, error=told)

    async def _bring_about(self, declaration: Declaration) -> None:
        by = DeclaredBy(file=declaration.file, digest=declaration.digest)
        former = [one for one in self._parts.registry if one.record.declared and one.record.declared.file == by.file]
        same = next((one for one in former if one.record.declared == by), None)
        name = str(declaration.request.name)
        self._check_name(name, {one.id for one in former})
        if same is not None:
            await self._remove_all([one for one in former if one is not same])  # a daemon has died in between
            await self._lifecycle.changing.rename(same, name)
            await self._see_that_it_runs(same)
            return
        container = await self._make(declaration, by, former)
        await self._lifecycle.changing.rename(container, name)
        _log.info("declared container made", file=by.file, container=container.id, instead=bool(former))
        await self._supervision.start(container)

    async def _make(self, declaration: Declaration, by: DeclaredBy, former: list[Container]) -> Container:
        """Make it, and then remove what it takes the place of: what cannot be made costs nothing.

        It has no name until then.
        """
        request = declaration.request.model_copy(update={"name": None})
        try:
            container = await self._creation.create_declared(request, by, declaration.credentials)
        except Conflict:  # it has a cgroup by name, which the former one is in
            if not former:
                raise
            await self._remove_all(former)
            return await self._creation.create_declared(request, by, declaration.credentials)
        try:
            await self._remove_all(former)
        except BaseException:
            await self._remove(container)
            raise
        return container

    async def _remove_all(self, containers: list[Container]) -> None:
        for one in containers:
            await self._remove(one)

    def _check_name(self, name: str, former: set[str]) -> None:
        holder = self._parts.registry.holder(name)
        if holder is not None and holder not in former:
            raise Conflict(
                f"cannot make container {name!r}: the name is taken by {holder[:12]!r}, which is not declared by this file",
                step="declare",
                hint="rename or delete that one, or give another name",
            )

    async def _see_that_it_runs(self, container: Container) -> None:
        """One that has ended for good, as its policy has it, is left alone; `always` means always."""
        record = container.record
        kind = parse_policy(record.restart).kind
        wanted = kind == "always" or (kind == "unless-stopped" and not record.stopped_on_request)
        stopped = container.status is Status.STOPPED and record.next_start is None
        if container.status is Status.CREATED or (stopped and wanted):
            await self._supervision.start(container)

    async def _remove_gone(self, container: Container) -> None:
        file = container.record.declared.file if container.record.declared else ""
        try:
            await self._remove(container)
        except ContainerdError as problem:
            self._problems[file] = f"its file is gone, but: {problem.message}"
            _log.error("cannot remove container that is not declared any more", file=file, error=problem.message)
        else:
            _log.info("container is not declared any more: removed", file=file, container=container.id)

    async def _remove(self, container: Container) -> None:
        if container.status is not Status.STOPPED:
            await self._supervision.stop(container, None, None)
        await self._supervision.delete(container, force=True)


def _shown(file: str, problem: str | None, container: Container | None) -> DeclaredFile:
    if container is None:
        return DeclaredFile(file, None, None, None, problem)
    return DeclaredFile(file, container.id, container.name, container.status, problem)
