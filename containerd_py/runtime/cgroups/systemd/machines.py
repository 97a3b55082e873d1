"""What systemd-machined is told of a container that is a scope: `machinectl` shows it then (org.freedesktop.machine1(5)).

machined takes the unit of a machine's leader for the machine's, and stops it when it lets the machine go, also where it
refuses one: a second machine for the same unit costs the container its life (seen with 252). So it is asked first.
"""

from __future__ import annotations

import contextlib
import hashlib
import re

from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.cgroups.systemd.conversation import BusError, Call, ConnectionLost, get_property
from containerd_py.runtime.cgroups.systemd.names import PREFIX
from containerd_py.runtime.cgroups.systemd.refusal import refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from containerd_py.runtime.cgroups.systemd.conversation import Steps

_MACHINED = "org.freedesktop.machine1"
_MACHINE = "org.freedesktop.machine1.Machine"
_EXISTS = "org.freedesktop.machine1.MachineExists"
_NONE = "org.freedesktop.machine1.NoMachineForPID"
_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOSTNAME = re.compile(rf"(?=.{{1,64}}\Z){_LABEL}(?:\.{_LABEL})*", re.ASCII)
"""HOST_NAME_MAX of Linux; machined takes no other names."""
_OWN_ID = re.compile("[0-9a-f]{32}", re.ASCII)
_ID_BYTES = 16


@dataclass(frozen=True)
class Machine:
    """names: the first one that is free is its name. leader: a pid. root: a path of the host, "" where none is known."""

    names: tuple[str, ...]
    id: bytes
    leader: int
    root: str


def machine_of(container_id: str, name: str, leader: int, root: str) -> Machine:
    """Return the machine that a container is. Its name is the container's where that is a host name, else its id."""
    digest = hashlib.blake2b(container_id.encode(), digest_size=_ID_BYTES).digest()
    wanted = (name, container_id, f"{PREFIX}-{digest.hex()}")
    return Machine(
        names=tuple(dict.fromkeys(one for one in wanted if _HOSTNAME.fullmatch(one))),
        id=bytes.fromhex(container_id) if _OWN_ID.fullmatch(container_id) else digest,
        leader=leader,
        root=root if root.startswith("/") else "",
    )


def register(machine: Machine) -> Steps[str]:
    """Have it shown; return the name that it has got, or had. Raises what `refusal` makes of it, ConnectionLost."""
    task = f"register machine {machine.names[0]!r}"
    try:
        known = yield from _known(machine.leader)
        if known is not None:
            name, leader = known
            if leader == machine.leader:
                return name
            yield _call("UnregisterMachine", "s", name)  # of an earlier run, in the same unit
        return (yield from _registered(machine))
    except BusError as problem:
        raise refused(task, problem) from problem


def _registered(machine: Machine) -> Steps[str]:
    taken: BusError | None = None
    for name in machine.names:
        wanted = (name, machine.id, PREFIX, "container", machine.leader, machine.root)
        try:
            yield _call("RegisterMachine", "sayssus", *wanted)
        except BusError as problem:
            if problem.name != _EXISTS:
                raise
            taken = problem
        else:
            return name
    assert taken is not None  # noqa: S101 - there is a name always
    raise taken


def unregister(name: str, leader: int) -> Steps[None]:
    """Have it shown no more; go on when machined has nothing to do with its unit any more.

    machined lets a machine go by itself when its unit ends, and has that stopped once more: which could be the next run's
    by then, that has the same name.
    """
    with contextlib.suppress(BusError, ConnectionLost):
        (path,) = yield _call("GetMachine", "s", name)
        if (yield from get_property(path, _MACHINE, "Leader", _MACHINED)) == leader:
            yield _call("UnregisterMachine", "s", name)


def _known(leader: int) -> Steps[tuple[str, int] | None]:
    """Return name and leader of the machine that has the unit of a process."""
    try:
        (path,) = yield _call("GetMachineByPID", "u", leader)
    except BusError as problem:
        if problem.name == _NONE:
            return None
        raise
    name = yield from get_property(path, _MACHINE, "Name", _MACHINED)
    return name, (yield from get_property(path, _MACHINE, "Leader", _MACHINED))


def _call(member: str, signature: str, *body: Any) -> Call:
    return Call(
        member, signature, body, path="/org/freedesktop/machine1", interface=f"{_MACHINED}.Manager", destination=_MACHINED
    )
