"""What workers do first, done beforehand by the process that they are forked from.

The interpreter adapts code to its use, looks up attributes of types once, and lays out dataclasses when they are used
first. What has been done before the fork, no worker does again, in pages that it would have to copy for that (ADR 28).
"""

from __future__ import annotations

import os

from containerd_py.light import json, socket
from containerd_py.light.contextlib import suppress
from containerd_py.light.dataclasses import names_of
from containerd_py.runtime.init import devices, dialogue, steps, targets
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.memfd import sealed
from containerd_py.runtime.linux.mounts import MountAttr, mount_setattr, new_filesystem
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan import plan

_TIMES, _FEWER = 20, 10
"""So often code is run until it is adapted, from its eighth call on; fewer times where the kernel takes longer."""


def rehearse() -> None:
    """Nothing of it outlasts the call but what the interpreter has learned.

    What cannot be rehearsed a worker does for the first time: rights may be missing, or the host out of descriptors.
    """
    text = _of_all_operations()
    for _ in range(_TIMES):
        plan.decode(text)
    with suppress(OSError, ValueError):  # what there is no descriptor for is not received, and missed
        for _ in range(_FEWER):
            _converse(text)
    with suppress(OSError, steps.StepFailed):
        _furnish()


def _of_all_operations() -> bytes:
    """Return a plan that nobody could carry out: of the values it is read from, each kind is there."""
    values = ("text", 1, True, ["text", ["text", 1]], {"bytes": "00"})
    kinds = [[kind.__name__, *[values[index % len(values)] for index, _ in enumerate(names_of(kind))]] for kind in _KINDS]
    return json.dumps({"format": plan.FORMAT, "namespaces": ["mount"], "operations": kinds}).encode()


_KINDS = tuple(op.Operation.__subclasses__())


def _converse(text: bytes) -> None:
    """Be both ends of a worker's dialogue, up to its start."""
    parent, worker = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with parent, worker, sealed("plan", text) as document:
        dialogue.send_plan(parent, {"plan": document.fileno()})
        for number in dialogue.receive_plan(worker).values():
            os.close(number)
        dialogue.send_ready(worker, [1], None)
        dialogue.receive(parent)
        dialogue.send_start(parent)
        dialogue.await_start(worker)
        dialogue.send_times(worker, [1])


def _furnish() -> None:
    """Make what roots need in one that is attached nowhere, and goes with its descriptor: once, for that takes long."""
    attributes = MountAttr.NOSUID | MountAttr.NODEV
    with _control() as control, new_filesystem("tmpfs", (("mode", "755"),), attributes) as tree:
        context = steps.Context({}, control, Fd(os.dup(tree.fileno())))
        with context.root or tree:
            for number in range(_FEWER):
                mount_setattr(tree.fileno(), add=MountAttr.NOEXEC)
                targets.directory(context, f"/dev/{number}").close()
                devices.make_symlink(context, op.MakeSymlink(f"/dev/fd{number}", "/proc/self/fd"))
                devices.make_device(context, op.MakeDevice(f"/dev/null{number}", "c", 1, 3, 0o666, 0, 0))
                targets.place(context, f"/dev/null{number}", is_directory=False).close()


def _control() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.close()
    return ours
