"""What is asked of systemd, and how it goes on: generators for a `Conversation`, whoever has the socket."""

from __future__ import annotations

import contextlib

from containerd_py.light.dataclasses import replace
from containerd_py.runtime.cgroups.systemd.conversation import (
    BusError,
    Call,
    ConnectionLost,
    JobEnd,
    UnitGone,
    get_property,
)
from containerd_py.runtime.cgroups.systemd.names import PREFIX
from containerd_py.runtime.cgroups.systemd.refusal import NO_SUCH_UNIT, UNIT_EXISTS, gone, refused, unfinished

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any

    from containerd_py.runtime.cgroups.systemd.conversation import Steps
    from containerd_py.runtime.cgroups.systemd.property import Property

_UNIT = "org.freedesktop.systemd1.Unit"
_SCOPE = "org.freedesktop.systemd1.Scope"
_PIDFDS = 255
"""The version that takes processes by descriptor."""

_OVER = ("inactive", "failed")
_ATTEMPTS = 5  # a unit that has ended is collected a moment later, while systemd answers others


def start(name: str, properties: Sequence[Property], pid: int, pidfd: int, version: int) -> Steps[None]:
    """Start a scope of one process; go on when it is in it.

    A unit that is left of that name is forgotten first, or waited for where it is about to go. Raises what `refusal` makes
    of it; ConnectionLost where nobody knows.
    """
    task = f"start scope {name!r}"
    process: tuple[str, tuple[str, Any]] = ("PIDFDs", ("ah", [pidfd])) if version >= _PIDFDS else ("PIDs", ("au", [pid]))
    body: tuple[Any, ...] = (name, "fail", [process, *_variants(properties)], [])
    attempts = 0
    while True:
        try:
            (job,) = yield Call("StartTransientUnit", "ssa(sv)a(sa(sv))", body)
            break
        except BusError as problem:
            attempts += 1
            if problem.name != UNIT_EXISTS or attempts == _ATTEMPTS:
                raise refused(task, problem, properties) from problem
        yield from forgotten(name)
    result = yield JobEnd(job)
    if result != "done":
        raise unfinished(task, result)


def forgotten(name: str) -> Steps[None]:
    """Have systemd forget a unit whose processes are gone. One that has some stays: then it is somebody's."""
    with contextlib.suppress(BusError):
        yield Call("ResetFailedUnit", "s", (name,))
    try:
        (path,) = yield Call("GetUnit", "s", (name,))
        state = yield from get_property(path, _UNIT, "ActiveState")
        if state == "active":  # its processes are in it since then, so that none now means that they have ended
            if (yield from _processes(name)):
                return
            yield Call("StopUnit", "ss", (name, "replace"))
            yield UnitGone(name)
        elif state == "deactivating":
            yield UnitGone(name)
    except BusError as problem:
        if not _unknown(problem):
            raise


def forget_empty(slice_name: str, known: Collection[str]) -> Steps[None]:
    """Have systemd forget the scopes of a slice that have no process; known: those that need no look.

    A process that had ended when it was to be put into one is in no cgroup, and systemd is told of no end then: it takes
    such a scope for running for ever (seen with 252 and 257).
    """
    (found,) = yield Call("ListUnitsByPatterns", "asas", (["active"], [f"{PREFIX}-*.scope"]))
    for name, *_described, path, _job, _kind, _job_path in found:
        if name in known:
            continue
        try:
            its_slice = yield from get_property(path, _SCOPE, "Slice")
        except BusError as problem:
            if not _unknown(problem):
                raise
            continue
        if its_slice == slice_name:
            yield from forgotten(name)


def _unknown(problem: BusError) -> bool:
    return problem.name in (NO_SUCH_UNIT, "org.freedesktop.DBus.Error.UnknownObject")


def _processes(name: str) -> Steps[Any]:
    (found,) = yield Call("GetUnitProcesses", "s", (name,))
    return found


def look_after(name: str, pid: int) -> Steps[bool]:
    """Find out what became of a start whose connection was lost. Return False where it was never asked for."""
    task = f"start scope {name!r}"
    try:
        (path,) = yield Call("GetUnit", "s", (name,))
        state = yield from get_property(path, _UNIT, "ActiveState")
        if state in _OVER:
            return False
        if state == "activating":
            number, job = yield from get_property(path, _UNIT, "Job")
            result = (yield JobEnd(job)) if number else "done"
            if result != "done":
                raise unfinished(task, result)
        found = yield from _processes(name)
    except BusError as problem:
        if _unknown(problem):
            return False
        raise refused(task, problem) from problem
    return pid in (process for _cgroup, process, _command in found)  # else it is the one before, about to go


def change(name: str, properties: Sequence[Property]) -> Steps[None]:
    """Set properties of a unit that runs, until it ends or the host does."""
    task = f"change scope {name!r}"
    try:
        yield Call("SetUnitProperties", "sba(sv)", (name, True, list(_replacing(properties))))
    except BusError as problem:
        raise refused(task, problem, properties) from problem
    except ConnectionLost as problem:
        raise gone(task, str(problem)) from problem


def values(name: str, properties: Sequence[Property]) -> Steps[tuple[Property, ...]]:
    """Return properties as they are now."""
    task = f"read scope {name!r}"
    try:
        (path,) = yield Call("GetUnit", "s", (name,))
        (there,) = yield Call("GetAll", "s", (_SCOPE,), path=path, interface="org.freedesktop.DBus.Properties")
    except BusError as problem:
        raise refused(task, problem) from problem
    except ConnectionLost as problem:
        raise gone(task, str(problem)) from problem
    return tuple(replace(one, value=there[one.name][1]) for one in properties if one.name in there)


def stop(name: str) -> Steps[None]:
    """Ask for the end of a unit; whether there is one, and when it ends, is nobody's concern."""
    with contextlib.suppress(BusError, ConnectionLost):
        yield Call("StopUnit", "ss", (name, "replace"))


def stopping(name: str) -> Steps[bool]:
    """Tell whether systemd has been asked to stop a unit. The answer comes after every signal that was sent before."""
    try:
        (path,) = yield Call("GetUnit", "s", (name,))
        state = yield from get_property(path, _UNIT, "ActiveState")
    except (BusError, ConnectionLost):
        return False
    return bool(state == "deactivating")


def _variants(properties: Sequence[Property]) -> list[tuple[str, tuple[str, Any]]]:
    return [(one.name, (one.signature, one.value)) for one in properties]


def _replacing(properties: Sequence[Property]) -> list[tuple[str, tuple[str, Any]]]:
    """A list of devices is added to the one that is there, unless that is emptied first."""
    emptied: list[tuple[str, tuple[str, Any]]] = [
        (one.name, (one.signature, [])) for one in properties if one.name == "DeviceAllow" and one.value
    ]
    return [*emptied, *_variants(properties)]
