"""Containers made of the parts below `Container`, which leaves what the parent knows of the host to the test."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from containerd_py.light.dataclasses import replace
from containerd_py.runtime import process
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.opened import Opened
from containerd_py.runtime.plan.compiler import Placing, compile_plan
from containerd_py.runtime.spec.models import parse
from containerd_py.runtime.spec.validate import validate
from tests.integration.runtime.workshop import DEV, OWN, PROC, document

if TYPE_CHECKING:
    from pathlib import Path

    from containerd_py.runtime.launcher import Worker
    from containerd_py.runtime.linux.pidfd import WaitStatus
    from containerd_py.runtime.plan.plan import Plan

FIRST = 100_000
MAPPED = [{"containerID": 0, "hostID": FIRST, "size": 65_536}]
IN_USER_NAMESPACE = {
    "linux.namespaces": [*OWN, {"type": "user"}],
    "linux.uidMappings": MAPPED,
    "linux.gidMappings": MAPPED,
}
_DEADLINE_S = 20


@dataclass(frozen=True)
class MountLine:
    """A line of proc_pid_mountinfo(5)."""

    options: frozenset[str]
    propagation: tuple[str, ...]
    fstype: str
    superblock: frozenset[str]


def mounts_in(mountinfo: str) -> dict[str, MountLine]:
    """Return the uppermost mount at each place."""
    found = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        _id, _parent, _device, _root, place, options, *propagation = before.split(" ")
        fstype, _source, superblock = after.split(" ", 2)
        found[place] = MountLine(
            frozenset(options.split(",")), tuple(propagation), fstype, frozenset(superblock.split(","))
        )
    return found


@dataclass
class Box:
    """How a payload ended and what it wrote; `failed` where a step of its making did."""

    status: WaitStatus | None
    output: str
    failed: Exception | None = None

    @property
    def lines(self) -> list[str]:
        return self.output.splitlines()

    @property
    def mounts(self) -> dict[str, MountLine]:
        assert self.failed is None, (self.failed, getattr(self.failed, "hint", None))
        return mounts_in("\n".join(line for line in self.lines if " - " in line))


def plan_of(script: str, changes: dict[str, Any], placing: Placing) -> Plan:
    """changes: by JSON path, as `document` takes them; "+mounts" adds to the usual two."""
    mounts = [PROC, DEV, *changes.get("+mounts", [])]
    given = {path: value for path, value in changes.items() if path != "+mounts"}
    spec = parse(document({"process.args": ["/bin/sh", "-c", script], "mounts": mounts, **given}))
    validate(spec)
    return compile_plan(spec, placing, None)


def run(rootfs: Path, script: str, changes: dict[str, Any] | None = None, **placing: Any) -> Box:
    """Run a script to its end in a container. placing: fields of Placing."""
    place = replace(Placing(str(rootfs), f"box-{os.getpid()}", 0, bundle=str(rootfs.parent)), **placing)
    plan = plan_of(script, changes or {}, place)
    read, write = os.pipe()
    with Fd(read) as output:
        with Fd(write), Opened(plan) as opened:
            if plan.user is not None:
                os.fchown(write, FIRST, FIRST)  # or its new owner could not have it
            worker = process.launch(plan, {"stdout": write, "stderr": write}, cgroup=None, opened=opened)
        try:
            return _follow(plan, worker, output)
        finally:
            worker.end()
            worker.close()


def _follow(plan: Plan, worker: Worker, output: Fd) -> Box:
    worker.control.settimeout(_DEADLINE_S)
    message = dialogue.receive(worker.control)[0]
    if isinstance(message, dialogue.Ready):
        dialogue.send_start(worker.control)
        while isinstance(message := dialogue.receive(worker.control)[0], dialogue.Times):
            continue
    if isinstance(message, dialogue.Failed):
        return Box(None, "", process.failure(plan, message))
    assert worker.has_ended(timeout_s=_DEADLINE_S)
    status = worker.reap()
    with open(output.take(), "rb") as file:
        return Box(status, file.read().decode())
