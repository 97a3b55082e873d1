"""A Plan and its bytes: what the parent compiles, and what the worker reads from a sealed memfd."""

from __future__ import annotations

from containerd_py.light import json
from containerd_py.light.dataclasses import dataclass, field, names_of
from containerd_py.runtime.linux.namespaces import FLAGS
from containerd_py.runtime.linux.process import Clone
from containerd_py.runtime.plan.operations import AwaitStart, Operation
from containerd_py.runtime.plan.outline import Entry, UnreadablePlan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FORMAT = 8
"""Raised with each change of an operation: its name, its fields, their order, or what they mean.

A worker reads plans of its own format only. The daemon's come from the spawner, whose code may be older than the daemon's:
it tells its format (`protocol`, hello), and is upgraded in place before it forks for a daemon of another one.
"""

_LATER = ("cgroup", "time")
"""Namespaces that clone3 is not to make: "cgroup" is made by an operation, "time" needs its offsets first."""

_OPERATIONS: dict[str, type[Operation]] = {kind.__name__: kind for kind in Operation.__subclasses__()}
_SCALARS = (int, str, bool)


@dataclass(frozen=True)
class IdRange:
    """A line of uid_map or gid_map (user_namespaces(7)): `size` ids from `container_id` on are `host_id` and following."""

    container_id: int
    host_id: int
    size: int


@dataclass(frozen=True)
class UserMapping:
    """What the ids of a user namespace, or of an idmapped mount, are outside. *_origin: as of an operation."""

    uids: tuple[IdRange, ...]
    gids: tuple[IdRange, ...]
    uids_origin: str = field(default="", compare=False)
    gids_origin: str = field(default="", compare=False)


@dataclass(frozen=True)
class Node:
    """A device node that the parent makes. name: in its file system; uid, gid: as the host has them."""

    name: str
    kind: str
    major: int
    minor: int
    mode: int
    uid: int
    gid: int


@dataclass(frozen=True)
class Source:
    """What the parent opens on the host and passes as the handle `handle`, since the worker may not.

    An idmapped one, or one of nodes, is a detached tree. Any other is a place in the worker's own mount namespace, which
    the worker clones: so mounts that hide something of the host stay where they are (mount_namespaces(7), "locked").
    mapping: of an idmapped mount; user_path: or a user namespace that has it; mapping_recursive: for mounts below too.
    recursive: with all mounts below it; propagation: bits of linux.mounts.Propagation, for all of a detached tree.
    follow: False to take a symlink at the end of the path as what it is. straight: no symlink may stand anywhere on the
    way. nodes: it is a new file system with these in place of what stands at the path. inside: the worker clones it of
    the container's own mounts, and needs of the parent what maps its ids, as the handle. origin: as of an operation.
    """

    handle: str
    path: str
    recursive: bool
    mapping: UserMapping | None = None
    user_path: str = ""
    mapping_recursive: bool = False
    follow: bool = True
    propagation: int = 0
    straight: bool = False
    nodes: tuple[Node, ...] = ()
    inside: bool = False
    origin: str = field(default="", compare=False)

    @property
    def idmapped(self) -> bool:
        return self.mapping is not None or bool(self.user_path)

    @property
    def detached(self) -> bool:
        """True for a tree, False for a place."""
        return self.idmapped or bool(self.nodes)


@dataclass(frozen=True)
class Join:
    """A namespace that is entered instead of made. kind: its OCI name; origin: as of an operation."""

    kind: str
    path: str
    origin: str = field(default="", compare=False)


@dataclass(frozen=True)
class Plan:
    """What the worker does (`operations`, the last one Exec, or it ends after them), and what the parent does before.

    namespaces: OCI names of the new namespaces; user: the ids of a new user namespace; time_offsets: lines for
    timens_offsets (time_namespaces(7)).
    """

    namespaces: tuple[str, ...]
    operations: tuple[Operation, ...]
    joined: tuple[Join, ...] = ()
    user: UserMapping | None = None
    time_offsets: str = ""
    sources: tuple[Source, ...] = ()

    @property
    def simple(self) -> bool:
        """True where the parent has to open nothing for it."""
        return not self.staged and not self.sources

    @property
    def staged(self) -> bool:
        """True where the worker is forked by a process that has entered namespaces first."""
        return bool(self.joined) or "time" in self.namespaces

    @property
    def maps_ids(self) -> bool:
        """True where the worker makes its user namespace itself, and waits for the parent to map its ids."""
        return self.user is not None and not self.staged

    @property
    def waits(self) -> bool:
        """True where the worker gets its plan after it was forked: something is done with its namespaces first."""
        return self.maps_ids or any(not source.detached for source in self.sources)

    def clone_flags(self) -> Clone:
        later = (*_LATER, "user") if self.staged else _LATER
        flags = Clone(0)
        for name in self.namespaces:
            flags |= Clone(0) if name in later else FLAGS[name]
        return flags

    def start_index(self) -> int:
        """Return the index of AwaitStart: operations from there on belong to start."""
        return next(index for index, operation in enumerate(self.operations) if isinstance(operation, AwaitStart))

    def entry(self, index: int) -> Entry:
        """Return what is told of the operation at `index`."""
        return Entry.of(self.operations[index])

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(type(operation).__name__ for operation in self.operations)

    def encode(self) -> bytes:
        steps = [[type(operation).__name__, *_values(operation)] for operation in self.operations]
        document = {"format": FORMAT, "namespaces": self.namespaces, "operations": steps}
        return json.dumps(document, default=_bytes_as_text, ensure_ascii=True).encode()


def decode(data: bytes) -> Plan:
    """Read what `Plan.encode` wrote. Raises UnreadablePlan."""
    try:
        document = json.loads(data)
        if document["format"] != FORMAT:
            raise UnreadablePlan(f"cannot read plan: format {document['format']!r}, not {FORMAT}")
        steps = tuple(
            _OPERATIONS[name](*[value if type(value) in _SCALARS else _frozen(value) for value in values])
            for name, *values in document["operations"]
        )
        return Plan(tuple(document["namespaces"]), steps)
    except (KeyError, TypeError, ValueError) as problem:
        raise UnreadablePlan(f"cannot read plan: {problem!r}") from problem


def _values(operation: Operation) -> list[Any]:
    """Without `origin`, which does not count for equality."""
    return [getattr(operation, name) for name in names_of(type(operation))]


def _bytes_as_text(value: object) -> object:
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    raise TypeError(f"no plan value: {value!r}")


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    if isinstance(value, dict):
        return bytes.fromhex(value["bytes"])
    return value
