"""Making a container, in named steps; one that fails leaves nothing behind."""

from __future__ import annotations

import asyncio
import functools
import secrets
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from containerd_py.engine import worker
from containerd_py.engine.containers import CREATED, Container
from containerd_py.engine.credentials import given, owner
from containerd_py.engine.documents import document
from containerd_py.engine.filters import filter_of
from containerd_py.engine.forking import Forking, identity_of
from containerd_py.engine.health.verdict import definition
from containerd_py.engine.scope import admitted
from containerd_py.engine.tasks import made_whole
from containerd_py.engine.undoing import Undoing
from containerd_py.engine.views import Explanation, PlanStep
from containerd_py.errors import Conflict, ContainerdError, Unavailable
from containerd_py.runtime import host
from containerd_py.runtime.cgroup_view import cgroup_tree, mounts_cgroups
from containerd_py.runtime.cgroups.destroying import destroy
from containerd_py.runtime.cgroups.layout import probe
from containerd_py.runtime.cgroups.manager import Placement
from containerd_py.runtime.cgroups.places import entered
from containerd_py.runtime.plan.compiler import Placing, compile_plan
from containerd_py.runtime.plan.compiler.placing import CgroupTree
from containerd_py.runtime.provision import take_back
from containerd_py.runtime.requirements import selinux_enabled
from containerd_py.runtime.userns import may_drop_groups
from containerd_py.store.records import ContainerRecord, StoredContainer, Timing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from containerd_py.engine.attendant import Attendant
    from containerd_py.engine.lifecycle import Lifecycle
    from containerd_py.engine.parts import Parts
    from containerd_py.runtime.cgroups.cgroup import Cgroup
    from containerd_py.runtime.cgroups.layout import Layout
    from containerd_py.runtime.plan.plan import Plan
    from containerd_py.runtime.spec.models import Spec
    from containerd_py.store.records import DeclaredBy, IdempotencyKey
    from containerd_py.wire import CreateRequest

_log = structlog.get_logger()

_SHORT_ID = 12

Argument = TypeVar("Argument")


class Creation:
    def __init__(self, parts: Parts, lifecycle: Lifecycle) -> None:
        self._parts = parts
        self._lifecycle = lifecycle
        self._undoing = Undoing(parts)

    async def create(self, request: CreateRequest, *, arrived_ns: int, key: IdempotencyKey | None = None) -> Container:
        """Make a container whose worker waits for start. arrived_ns: of the request, on the monotonic clock."""
        return await self._create(await admitted(request), arrived_ns, key=key)

    async def create_declared(
        self, request: CreateRequest, declared: DeclaredBy, credentials: Mapping[str, bytes]
    ) -> Container:
        """Make a container that a file declares. credentials: what its payload is to find, by name."""
        return await self._create(request, time.monotonic_ns(), declared=declared, credentials=credentials)

    async def _create(
        self,
        request: CreateRequest,
        arrived_ns: int,
        *,
        key: IdempotencyKey | None = None,
        declared: DeclaredBy | None = None,
        credentials: Mapping[str, bytes] | None = None,
    ) -> Container:
        container_id = request.id or secrets.token_hex(16)
        name = request.name or request.id or container_id[:_SHORT_ID]
        self._parts.registry.reserve(container_id, name)
        attempt = Attempt(self._parts, self._lifecycle, container_id, name, arrived_ns)
        try:
            return await attempt.run(request, key, declared, credentials or {})
        except BaseException:
            if attempt.left is None:
                self._parts.registry.release(container_id, name)
            else:
                self._undoing.go_on(attempt.left, name)
            raise

    async def explain(self, request: CreateRequest) -> Explanation:
        """Return what a request would be carried out by; nothing is made."""
        plan = await self._compile(request)
        steps = tuple(PlanStep(operation.step, operation.describe()) for operation in plan.operations)
        return Explanation(plan.namespaces, steps)

    async def _compile(self, request: CreateRequest) -> Plan:
        request = await admitted(request)
        container_id = request.id or "0" * 32
        notify = self._parts.store.notify_directory(container_id)
        spec = await document(request, container_id, device_rules=device_rules(self._parts), notify=notify)
        where = self._parts.drivers.current.locate(spec, container_id)
        return await compiled(spec, container_id, where, self._parts.host.cgroups)


class Attempt:
    """One creation. `run` is the list of its steps; what each has made, `undo` unmakes.

    left: the record of what could not be unmade.
    """

    def __init__(self, parts: Parts, lifecycle: Lifecycle, container_id: str, name: str, arrived_ns: int) -> None:
        self._parts = parts
        self._lifecycle = lifecycle
        self._id = container_id
        self._name = name
        self._arrived_ns = arrived_ns
        self._forking = Forking(parts, lifecycle)
        self._timed: list[tuple[str, int, int]] = []
        self._made = ExitStack()
        self._on_record = False
        self.left: ContainerRecord | None = None
        self._attendant: Attendant | None = None
        self._credentials: Mapping[str, bytes] = {}
        self._driver = parts.drivers.current

    async def run(
        self,
        request: CreateRequest,
        key: IdempotencyKey | None,
        declared: DeclaredBy | None,
        credentials: Mapping[str, bytes],
    ) -> Container:
        self._credentials = credentials
        with self._timing("lower"):
            notify = self._parts.store.notify_directory(self._id)
            spec = await document(request, self._id, device_rules=device_rules(self._parts), notify=notify)
            if credentials:
                spec = given(spec, self._parts.store.credentials_directory(self._id))
        self._driver.check(spec)
        if request.log.driver == "journald":
            self._parts.journal.check(request.labels)
        container = self._record(request, spec, key, declared)
        async with container.lock:
            try:
                await self._make(container, spec)
            except BaseException as problem:
                await asyncio.shield(self._undo(container))
                if isinstance(problem, OSError):
                    raise refusal("create", container, problem) from problem
                raise
        self._parts.journal.follow(container)
        self._parts.events.publish("container.created", container.id, container.name)
        return container

    async def _make(self, container: Container, spec: Spec) -> None:
        with self._timing("prepare"):
            placement = await made_whole(asyncio.to_thread(self._prepare, container, spec))
        self._parts.registry.add(container)
        compiling = functools.partial(compiled, spec, container.id, container.cgroup, self._parts.host.cgroups)
        with placement, self._timing("fork"):
            pid, plan = await self._forking.fork(container, spec, placement, compiling)
        container.plan = plan
        self._attendant = self._parts.attendant(container, pid)
        self._attendant.joining = self._driver.join(container, spec, pid)
        ready, master = await worker.ready(container, plan, self._attendant)
        self._forking.keep_streams(container, master)
        if container.stdio is not None:
            container.stdio.start()
        timing = Timing(arrived_ns=self._arrived_ns, parent=tuple(self._timed), created_ns=ready.ended_ns)
        await self._lifecycle.remember(
            container,
            container.next_record(
                CREATED,
                pid=pid,
                identity=identity_of(container, pid),
                boot_id=host.boot_id(),
                timing=timing,
                **joined(self._attendant),
            ),
        )
        if container.record.durable:
            self._made.callback(self._parts.definitions.remove, container.id)
            await self._parts.definitions.keep(container, container.record)

    def _record(
        self, request: CreateRequest, spec: Spec, key: IdempotencyKey | None, declared: DeclaredBy | None
    ) -> Container:
        where = self._driver.locate(spec, self._id)
        record = ContainerRecord(
            id=self._id,
            name=self._name,
            status="creating",
            created_at=datetime.now(UTC),
            labels=request.labels,
            stdin=request.stdin,
            log_driver=request.log.driver,
            log_max_bytes=request.log.max_bytes,
            log_max_files=request.log.max_files,
            log_tag=request.log.tag,
            restart=request.restart,
            stop_signal=request.stop_signal,
            stop_timeout_s=request.stop_timeout_s,
            durable=request.durable,
            auto_remove=request.auto_remove,
            health=definition(request.health),
            notify=request.notify,
            watchdog_s=request.watchdog_s,
            rootfs=spec.root.path,
            cgroup_v2=where.v2,
            cgroups_v1=where.v1,
            scope=where.scope,
            key=key,
            declared=declared,
        )
        asked = request.model_dump(mode="json", exclude_unset=True)
        return Container(record, asked, spec.document(), self._parts.output_log(self._id, record))

    def _prepare(self, container: Container, spec: Spec) -> Placement:
        """Blocking: put the intent on record, then make the cgroup."""
        self._driver.check_free(spec, container.id, container.cgroup)  # or recovery from the intent would kill strangers
        stored = StoredContainer(record=container.record, request=container.request, config=container.config)
        try:
            self._parts.store.create(stored)
        except ContainerdError as problem:
            self._on_record = not isinstance(problem, Conflict)
            raise
        self._on_record = True
        if container.record.notify:
            self._parts.store.make_notify_directory(container.id)
        if self._credentials:
            self._parts.store.write_credentials(container.id, self._credentials, owner(spec))
        self._driver.make(spec, container.id, container.cgroup)
        self._to_undo(destroy, container.cgroup)
        self._made.callback(take_back, spec.linux, container.id)
        return Placement(entered(container.cgroup, self._parts.host.cgroups))

    def _to_undo(self, step: Callable[[Argument], None], of: Argument) -> None:
        """What a creation that is refused for want of descriptors has left goes by those that are kept for that."""
        self._made.callback(self._parts.reserve.retry, functools.partial(step, of))

    async def _undo(self, container: Container) -> None:
        self._parts.registry.withdraw(container)  # `create` releases the names, once what they name is gone
        self._parts.link.forget(container.id)
        container.deleted = True
        container.close()
        await asyncio.to_thread(self._unmake, container)
        if self._attendant is not None and self._attendant.hooked:
            await self._attendant.tell("poststop", "stopped")

    def _unmake(self, container: Container) -> None:
        """Blocking. A failure here never hides the first one; the record stays then, and it is tried again."""
        try:
            self._made.close()  # all of it, whatever of it fails
            if self._on_record:
                self._parts.reserve.retry(functools.partial(self._parts.store.remove, self._id))
        except (OSError, ContainerdError) as problem:
            _log.warning("cannot take back all of a creation", container=self._id, error=str(problem))
            if self._on_record:
                self.left = Undoing(self._parts).leave(container.record)

    @contextmanager
    def _timing(self, step: str) -> Iterator[None]:
        start = time.monotonic_ns()
        yield
        self._timed.append((step, start, time.monotonic_ns()))


def device_rules(parts: Parts) -> bool:
    return parts.cgroups.supports("devices")


def joined(attendant: Attendant) -> dict[str, Any]:
    """Return what the record gains by where the worker was put."""
    return {} if attendant.joined is None else {"cgroups_v1": attendant.joined.v1}


async def compiled(spec: Spec, container_id: str, cgroup: Cgroup, layout: Layout) -> Plan:
    """Compile the Plan."""
    seccomp = await filter_of(spec.linux.seccomp)
    shown = await asyncio.to_thread(_shown, cgroup) if mounts_cgroups(spec) else CgroupTree()
    placing = Placing(
        spec.root.path,
        container_id,
        len(entered(cgroup, layout).v1),
        may_drop_groups=may_drop_groups(spec),
        cgroups=shown,
        selinux=bool(spec.linux.mount_label) and selinux_enabled(),
        scope=cgroup.scope,
    )
    return compile_plan(spec, placing, seccomp)


def _shown(cgroup: Cgroup) -> CgroupTree:
    return cgroup_tree(probe(), cgroup)


def refusal(verb: str, container: Container, problem: OSError) -> ContainerdError:
    """A host without descriptors or memory refuses this container only, for now (SECURITY C)."""
    return Unavailable(
        f"cannot {verb} container {container.name!r}: {problem.strerror}",
        step=verb,
        errno=problem.errno,
        hint="try again later: the host may be out of descriptors, memory or terminals",
    )
