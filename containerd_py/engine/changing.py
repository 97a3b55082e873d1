"""Changing containers that exist: their names, limits, restart policies, and whether they outlive a boot.

New limits are on record before they are written, and `updating` with them: a daemon that comes back in between writes them
again, so that the record and the cgroup tell the same.
"""

from __future__ import annotations

import asyncio
import copy
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog

from containerd_py.engine.limits import limits_document
from containerd_py.engine.restart_policy import parse_policy
from containerd_py.engine.views import Status
from containerd_py.errors import Conflict, ContainerdError, InvalidArgument
from containerd_py.light.dataclasses import replace
from containerd_py.runtime.cgroups.members import populated
from containerd_py.runtime.cgroups.normalise import normalise
from containerd_py.runtime.spec.models import parse

if TYPE_CHECKING:
    from containerd_py.engine.containers import Container
    from containerd_py.engine.lifecycle import Lifecycle
    from containerd_py.engine.parts import Parts
    from containerd_py.runtime.cgroups.resources import Resources
    from containerd_py.store.records import ContainerRecord
    from containerd_py.wire import UpdateRequest

_log = structlog.get_logger()


class Changing:
    def __init__(self, parts: Parts, lifecycle: Lifecycle) -> None:
        self._parts = parts
        self._lifecycle = lifecycle

    async def rename(self, container: Container, name: str) -> None:
        """Raises Conflict where the name is taken. The old one is free once the new one is on record."""
        async with container.lock:
            container.check("rename", *Status)
            before = container.name
            if name == before:
                return
            self._parts.registry.take_another_name(container.id, name)
            try:
                await self._lifecycle.remember(container, container.record.with_(name=name))
            except BaseException:
                self._parts.registry.release_name(container.id, name)
                raise
            self._parts.registry.release_name(container.id, before)
            self._parts.events.publish("container.renamed", container.id, name, old_name=before)

    async def update(self, container: Container, asked: UpdateRequest, *, ending: bool) -> None:
        """Change limits, at once where it lives, its restart policy, and whether it outlives a boot.

        ending: somebody is about to stop it, which no policy changes.
        Raises InvalidArgument, NotSupported, Conflict, OutOfSpace.
        """
        limits = limits_document(asked.resources)
        others = tuple(name for name in ("restart", "durable") if getattr(asked, name) is not None)
        if not limits and not others:
            raise InvalidArgument(
                f"cannot update container {container.name!r}: nothing to change is given",
                step="parse",
                hint='such as {"resources": {"memory_bytes": 67108864}} or {"restart": "always"}',
            )
        async with container.lock:
            container.check("update", *Status)
            _check_removal(container, asked)
            if limits:
                await self._change_limits(container, limits)
            if others:
                await self._lifecycle.remember(container, _with(container.record, asked, ending=ending))
            fields = [*(f"resources.{name}" for name in sorted(limits)), *others]
            self._parts.events.publish("container.updated", container.id, container.name, fields=",".join(fields))

    async def go_on_with(self, container: Container) -> None:
        """Write the limits of a container again that an earlier daemon may have written in part."""
        async with container.lock:
            if not container.record.updating:
                return
            if container.alive:
                try:
                    await self._write_again(container)
                except ContainerdError as problem:
                    _log.error("cannot write limits again", container=container.id, error=problem.message)
            await self._lifecycle.remember_if_possible(container, container.record.with_(updating=False))

    async def _change_limits(self, container: Container, limits: dict[str, Any]) -> None:
        """The hierarchies that it is about to join are on record before: they are removed with it, whatever happens."""
        before, after = container.config, _merged(container.config, limits)
        normalise(parse(after).linux.resources)  # raises for what no container could be made with
        cgroup, resources = container.cgroup, _resources(limits)
        driver = self._parts.drivers.of(cgroup)
        joining = driver.joining(cgroup, resources) if container.alive else cgroup
        await self._lifecycle.remember(container, container.record.with_(updating=True, cgroups_v1=joining.v1))
        changes: dict[str, Any] = {"updating": False}
        try:
            await asyncio.to_thread(self._parts.store.save_config, container.id, after)
            await self._parts.definitions.keep(container, container.record, after)
            if container.alive:
                await driver.update(cgroup, resources)
            container.config = after
        except ContainerdError:
            changes["cgroups_v1"] = cgroup.v1  # those that were made for it are gone again, and limits are as they were
            with suppress(ContainerdError):  # the first failure is the one to be told
                await asyncio.to_thread(self._parts.store.save_config, container.id, before)
            raise
        finally:
            await self._lifecycle.remember_if_possible(container, container.record.with_(**changes))

    async def _write_again(self, container: Container) -> None:
        """What the record has and the container does not live in, was about to be joined."""
        cgroup = container.cgroup
        joined = tuple([one for one in cgroup.v1 if await asyncio.to_thread(populated, one)])
        resources = normalise(parse(container.config).linux.resources)
        await self._parts.drivers.of(cgroup).update(replace(cgroup, v1=joined), resources)


def _resources(limits: dict[str, Any]) -> Resources:
    document = {"ociVersion": "1.0.0", "root": {"path": "/"}, "linux": {"resources": limits}}
    return normalise(parse(document).linux.resources)


def _merged(config: dict[str, Any], limits: dict[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(config)
    resources = merged.setdefault("linux", {}).setdefault("resources", None) or {}
    merged["linux"]["resources"] = resources | {name: (resources.get(name) or {}) | part for name, part in limits.items()}
    return merged


def _check_removal(container: Container, asked: UpdateRequest) -> None:
    if container.record.auto_remove and (asked.durable or asked.restart not in (None, "no")):
        raise Conflict(
            f"cannot update container {container.name!r}: it is to be removed at its end, and not to come back",
            step="update",
            hint="make another one without auto_remove",
        )


def _with(record: ContainerRecord, asked: UpdateRequest, *, ending: bool) -> ContainerRecord:
    if asked.durable is not None:
        record = record.with_(durable=asked.durable)
    return record if asked.restart is None else _with_policy(record, asked.restart, ending=ending)


def _with_policy(record: ContainerRecord, restart: str, *, ending: bool) -> ContainerRecord:
    """A start that only the old policy wanted does not come any more."""
    planned = record.next_start
    if planned is not None and planned.cause == "policy" and record.exit is not None:
        wanted = parse_policy(restart).wants(record.exit.exit_code, record.restart_count)
        planned = planned if wanted else None
    alive = record.status in ("created", "running", "paused")
    stopped = record.stopped_on_request and (ending or not alive)
    return record.with_(restart=restart, next_start=planned, stopped_on_request=stopped)
