"""Containers made of the parts below `Container`: compiled, sources opened, launched; with user namespaces too."""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from containerd_py.runtime import process
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.memfd import sealed
from containerd_py.runtime.linux.pidfd import WaitStatus, pidfd_send_signal, wait_exit
from containerd_py.runtime.linux.process import Clone
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.compiler import Placing, compile_plan
from containerd_py.runtime.sources import open_sources
from containerd_py.runtime.spec.models import parse
from containerd_py.runtime.spec.validate import CHECKS, Problem

if TYPE_CHECKING:
    from containerd_py.runtime.plan.plan import Plan, UserMapping

PROC = {"destination": "/proc", "type": "proc"}
DEV = {"destination": "/dev", "type": "tmpfs", "options": ["nosuid", "mode=755"]}
OWN = [{"type": kind} for kind in ("mount", "pid", "ipc", "uts", "network", "cgroup")]
USER = [*OWN, {"type": "user"}]
FIRST = 100_000
MAPPED = [{"containerID": 0, "hostID": FIRST, "size": 65_536}]
IN_USER_NAMESPACE = {"linux.namespaces": USER, "linux.uidMappings": MAPPED, "linux.gidMappings": MAPPED}
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


def document(script: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Return an OCI document that runs a shell script, with values set by JSON path; `+mounts` adds to the usual two."""
    made: dict[str, Any] = {
        "ociVersion": "1.2.0",
        "root": {"path": "rootfs"},
        "process": {"args": ["/bin/sh", "-c", script], "env": ["PATH=/bin"]},
        "mounts": [PROC, DEV, *changes.get("+mounts", [])],
        "linux": {"namespaces": OWN},
    }
    for path, value in changes.items():
        *parents, name = path.split(".")
        place = made
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = value
    made.pop("+mounts", None)
    return made


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
    spec = parse(document(script, changes))
    problems = [p for check in CHECKS for p in check(spec) if "user" not in p.message and "Mappings" not in p.path]
    assert problems == list[Problem]()
    return compile_plan(spec, placing, None)


def run(rootfs: Path, script: str, changes: dict[str, Any] | None = None, **placing: Any) -> Box:
    """Run a script to its end in a container. placing: fields of Placing."""
    place = replace(Placing(str(rootfs), f"box-{os.getpid()}", 0, bundle=str(rootfs.parent)), **placing)
    is_mapped = "linux.uidMappings" in (changes or {})
    plan = plan_of(script, changes or {}, place)
    if is_mapped:  # the worker becomes root of its namespace as its first step
        plan = replace(plan, operations=(op.SetIdentity(0, 0, (), 0), *plan.operations))
    read, write = os.pipe()
    with ExitStack() as opened:
        output = opened.enter_context(Fd(read))
        with Fd(write):
            if is_mapped:
                os.fchown(write, FIRST, FIRST)  # or its new owner could not have it
            handles = {"stdout": write, "stderr": write}
            sources = open_sources(plan, user_namespace=user_namespace)
            for name, fd in sources.items():
                handles[name] = opened.enter_context(fd).fileno()
            worker = (_launch_mapped if is_mapped else _launch)(plan, handles)
        try:
            return _follow(plan, worker, output)
        finally:
            _end(worker)


def _launch(plan: Plan, handles: dict[str, int]) -> process.Worker:
    return process.launch(plan, handles, cgroup=None)


@dataclass
class _WithUserNamespace:
    plan: Plan

    def clone_flags(self) -> Clone:
        return self.plan.clone_flags() | Clone.NEWUSER


def _launch_mapped(plan: Plan, handles: dict[str, int]) -> process.Worker:
    """The plan is sent once the maps are written."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        pid, pidfd = process._launch(_WithUserNamespace(plan), theirs.fileno(), None)  # type: ignore[arg-type]
    worker = process.Worker(pid, pidfd, ours)
    for name in ("uid_map", "gid_map"):
        Path(f"/proc/{pid}/{name}").write_text(f"0 {FIRST} 65536\n")
    with sealed("plan", plan.encode()) as encoded:
        dialogue.send_plan(ours, {"plan": encoded.fileno(), **handles})
    return worker


def _follow(plan: Plan, worker: process.Worker, output: Fd) -> Box:
    worker.control.settimeout(_DEADLINE_S)
    message = dialogue.receive(worker.control)[0]
    if isinstance(message, dialogue.Ready):
        dialogue.send_start(worker.control)
        while isinstance(message := dialogue.receive(worker.control)[0], dialogue.Times):
            continue
    if isinstance(message, dialogue.Failed):
        return Box(None, "", process.failure(plan, message))
    assert select.select([worker.pidfd], [], [], _DEADLINE_S)[0]
    status = wait_exit(worker.pidfd.fileno())
    with open(output.take(), "rb") as file:
        return Box(status, file.read().decode())


def _end(worker: process.Worker) -> None:
    with suppress(ProcessLookupError, ChildProcessError):
        pidfd_send_signal(worker.pidfd.fileno(), signal.SIGKILL)
        select.select([worker.pidfd], [], [], _DEADLINE_S)
        wait_exit(worker.pidfd.fileno())
    worker.close()


def user_namespace(mapping: UserMapping) -> Fd:
    """Make a user namespace by a child that lives until its descriptor is open."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(write)
        process_unshare()
        os.read(read, 1)
        os._exit(0)
    os.close(read)
    try:
        own = os.stat("/proc/self/ns/user").st_ino
        deadline = time.monotonic() + _DEADLINE_S
        while os.stat(f"/proc/{pid}/ns/user").st_ino == own:
            assert time.monotonic() < deadline
        for name, lines in (("uid_map", mapping.uids), ("gid_map", mapping.gids)):
            text = "".join(f"{line.container_id} {line.host_id} {line.size}\n" for line in lines)
            Path(f"/proc/{pid}/{name}").write_text(text)
        return Fd(os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC))
    finally:
        os.close(write)
        os.waitpid(pid, 0)


def process_unshare() -> None:
    from containerd_py.runtime.linux.process import unshare

    unshare(Clone.NEWUSER)
