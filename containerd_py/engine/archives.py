"""Files of a container: looked at, copied out and in as tar archives, exported, compared with what they were (ADR 14).

Knows no HTTP. The work is a worker's (`engine.archive_worker`): nothing of a container is opened by the daemon.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from containerd_py.engine.archive_worker import ArchiveWorker
from containerd_py.engine.layers import Overlay, overlay_on
from containerd_py.engine.lowering import open_root
from containerd_py.engine.own_thread import in_own_thread
from containerd_py.engine.views import Status
from containerd_py.errors import Conflict, InvalidArgument, NotSupported
from containerd_py.runtime.cgroups.manager import Placement
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.proc_text import read_text
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.compiler.archive import Standpoint, compile_archive, compile_comparison, compile_export
from containerd_py.runtime.spec.models import parse
from containerd_py.runtime.userns import may_drop_groups, setgroups_allowed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from containerd_py.engine.containers import Container
    from containerd_py.engine.parts import Parts
    from containerd_py.runtime.plan.operations import Operation
    from containerd_py.runtime.plan.plan import Plan
    from containerd_py.runtime.spec.models import Spec

_MOST_LAYERS = 240  # so many descriptors go with one message (SCM_MAX_FD), a few others among them
_AS_GIVEN = (
    "an overlay that was mounted by relative paths, or in another mount namespace, tells paths that lead nowhere here"
)


class Archives:
    """find: a container by reference and action, as `Engine` does; closing: the engine ends its streams."""

    def __init__(self, parts: Parts, find: Callable[[str, str], Container], *, closing: Callable[[], bool]) -> None:
        self._parts = parts
        self._find = find
        self._closing = closing

    async def stat(self, reference: str, path: str) -> dict[str, Any]:
        """Return what stands at a path. Raises NotFound, InvalidArgument, Conflict where a mount would hide it."""
        container = self._find(reference, "look into")
        async with self._task(container, op.StatPath(path), pipe=None) as worker:
            await worker.result()
            return worker.found

    @asynccontextmanager
    async def packing(self, reference: str, path: str) -> AsyncIterator[ArchiveWorker]:
        """Enter with what stands at the path; its `chunks` are the archive of it. Raises as `stat` does."""
        container = self._find(reference, "copy from")
        async with self._task(container, op.PackPath(path), pipe="out") as worker:
            yield worker

    @asynccontextmanager
    async def unpacking(self, reference: str, path: str) -> AsyncIterator[ArchiveWorker]:
        """Enter once the directory at the path is there; `feed` takes the archive, `finish` its end.

        Raises NotFound, InvalidArgument, Conflict for what is paused or may not be written to. An event tells of it.
        """
        container = self._find(reference, "copy to")
        if container.status is Status.PAUSED:
            raise Conflict(
                f"cannot copy to {container.title}: it is paused, and what is copied counts as its own",
                step="archive",
                hint="resume it first",
            )
        async with self._task(container, op.UnpackArchive(path), pipe="in") as worker:
            whole = False
            try:
                yield worker
                whole = True
            finally:  # what was unpacked before an error stays
                labels = container.record.labels  # it may be deleted by now
                shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
                told = {"path": shown, "whole": str(whole).lower()}
                self._parts.events.publish("container.unpacked", container.id, container.name, labels, **told)

    @asynccontextmanager
    async def exporting(self, reference: str) -> AsyncIterator[ArchiveWorker]:
        """Enter once the root file system is found; `chunks` are the archive of it, without what is mounted on it."""
        container = self._find(reference, "export")
        spec = _spec(container, "export")
        kinds = _kinds(spec, "user") if container.alive else ()
        joined = bool(kinds)
        placement = await self._placement(container)
        with ExitStack() as passed:
            if placement is not None:
                passed.enter_context(placement)
            root = passed.enter_context(await in_own_thread(open_root, container.record.rootfs))
            standpoint = await self._standpoint(container, spec, placement, inside=False, joined=joined)
            async with self._worker(container, compile_export(spec, standpoint)) as worker:
                await worker.begin({"root": root.fileno()}, pipe="out", inside=kinds, placement=placement)
                yield worker

    @asynccontextmanager
    async def comparing(self, reference: str) -> AsyncIterator[ArchiveWorker]:
        """Enter once the layers are found; `chunks` are JSON lines. Raises NotSupported where the root is no overlay."""
        container = self._find(reference, "compare")
        overlay = await asyncio.to_thread(_overlay_of, container)
        with await in_own_thread(_Layers, overlay) as layers:
            plan = compile_comparison(container.id, len(overlay.lowers), overlay.namespace)
            async with self._worker(container, plan) as worker:
                await worker.begin(layers.handles, pipe="out", inside=(), placement=None)
                yield worker

    # ── where the worker stands ──

    @asynccontextmanager
    async def _task(self, container: Container, task: Operation, *, pipe: str | None) -> AsyncIterator[ArchiveWorker]:
        """In the container's mount namespace where it lives, else at its root file system; in its cgroup, if it can be."""
        spec = _spec(container, "copy files of")
        inside = container.alive
        kinds = _kinds(spec, "user", "mount") if inside else ()
        if pipe == "in" and not inside and spec.root.readonly:
            raise Conflict(f"cannot copy to {container.title}: its root file system is read-only", step="archive")
        placement = await self._placement(container)
        with ExitStack() as passed:
            handles = {}
            if placement is not None:
                passed.enter_context(placement)
            if not inside:
                root = passed.enter_context(await in_own_thread(open_root, container.record.rootfs))
                handles["root"] = root.fileno()
            standpoint = await self._standpoint(container, spec, placement, inside=inside, joined=inside)
            async with self._worker(container, compile_archive(spec, task, standpoint)) as worker:
                await worker.begin(handles, pipe=pipe, inside=kinds, placement=placement)
                yield worker

    @asynccontextmanager
    async def _worker(self, container: Container, plan: Plan) -> AsyncIterator[ArchiveWorker]:
        worker = ArchiveWorker(self._parts, container, plan, closing=self._closing)
        try:
            yield worker
        finally:  # whether the one who asked is still there or not
            await asyncio.shield(self._parts.tasks.start(worker.close(), name="archive end", quiet=True))

    async def _placement(self, container: Container) -> Placement | None:
        """None where the worker would stand still, or the container has no cgroup: it only reads then, or nothing lives."""
        if container.status is Status.PAUSED or not container.alive:
            return None
        try:
            return await in_own_thread(Placement, container.cgroup)
        except FileNotFoundError as problem:
            raise Conflict(f"cannot enter {container.title}: it is ending", step="archive") from problem

    async def _standpoint(
        self, container: Container, spec: Spec, placement: Placement | None, *, inside: bool, joined: bool
    ) -> Standpoint:
        pid = container.record.pid
        allowed = may_drop_groups(spec)
        if joined and pid is not None:
            allowed = await asyncio.to_thread(setgroups_allowed, pid)
        tasks = 0 if placement is None else len(placement.tasks)
        return Standpoint(container.id, inside, joined, tasks, allowed)


def _spec(container: Container, verb: str) -> Spec:
    if not container.config:
        raise Conflict(f"cannot {verb} {container.title}: its document was lost", step="archive")
    return parse(container.config)


def _kinds(spec: Spec, *wanted: str) -> tuple[str, ...]:
    there = {namespace.type for namespace in spec.linux.namespaces}
    return tuple(kind for kind in wanted if kind in there)


def _overlay_of(container: Container) -> Overlay:
    """Blocking."""
    rootfs = container.record.rootfs
    overlay = overlay_on(read_text("/proc/self/mountinfo"), os.path.normpath(rootfs))
    if overlay is None or overlay.upper is None:
        cause = "is no overlay" if overlay is None else "is an overlay without an upper directory: nothing can change"
        raise NotSupported(
            f"cannot compare {container.title}: its root file system {rootfs!r} {cause}",
            step="diff",
            hint="give it a root file system on which an overlay with upperdir is mounted",
        )
    if len(overlay.lowers) > _MOST_LAYERS:
        raise NotSupported(
            f"cannot compare {container.title}: its overlay has {len(overlay.lowers)} lower layers, "
            f"and not more than {_MOST_LAYERS} can be looked at",
            step="diff",
        )
    return overlay


class _Layers(ExitStack):
    """The directories of an overlay; blocking. Raises NotSupported for one that cannot be found: then none stays open."""

    def __init__(self, overlay: Overlay) -> None:
        super().__init__()
        paths = {"upper": overlay.upper or "", **{f"lower{index}": path for index, path in enumerate(overlay.lowers)}}
        self.handles: dict[str, int] = {}
        try:
            for name, path in paths.items():
                self.handles[name] = self.enter_context(_open_layer(path)).fileno()
        except InvalidArgument as problem:
            self.close()
            raise NotSupported(problem.message, step="diff", errno=problem.errno, hint=_AS_GIVEN) from problem


def _open_layer(path: str) -> Fd:
    """Blocking: it may lie on anything. Raises InvalidArgument."""
    if not path.startswith("/"):
        raise InvalidArgument(f"cannot use layer {path!r}: it is no absolute path")
    try:
        return Fd(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    except OSError as problem:
        raise InvalidArgument(f"cannot use layer {path!r}: {problem.strerror}", errno=problem.errno) from problem
