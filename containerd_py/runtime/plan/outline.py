"""What is kept of a Plan to tell of its failures: readable by any version, whatever the operations of its own look like."""

from __future__ import annotations

from containerd_py.light import json
from containerd_py.light.dataclasses import dataclass, values_of
from containerd_py.typed import Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.plan.operations import Operation


class UnreadablePlan(ValueError):
    """The bytes are no plan, or one of another format."""


@dataclass(frozen=True)
class Entry:
    """An operation, told. kind: the name of its class; step, origin: its own; task: what it does, to follow "cannot"."""

    kind: str
    step: str
    task: str
    origin: str

    @classmethod
    def of(cls, operation: Operation) -> Entry:
        return cls(type(operation).__name__, operation.step, operation.describe(), operation.origin)


class Told(Protocol):
    """A Plan, or what is kept of one."""

    def entry(self, index: int) -> Entry:
        """Return what is told of the operation at `index`; -1 is the last."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of all operations."""


@dataclass(frozen=True)
class Outline:
    """parents: directories above the container's cgroup that are made for it; state.json has them too."""

    entries: tuple[Entry, ...]
    parents: tuple[str, ...] = ()

    @classmethod
    def of(cls, operations: tuple[Operation, ...], parents: tuple[str, ...] = ()) -> Outline:
        return cls(tuple(map(Entry.of, operations)), parents)

    def entry(self, index: int) -> Entry:
        return self.entries[index]

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(entry.kind for entry in self.entries)

    def encode(self) -> bytes:
        return json.dumps({"outline": [values_of(entry) for entry in self.entries], "parents": self.parents}).encode()


def read_outline(data: bytes) -> Outline:
    """Read what `Outline.encode` wrote, or a whole plan as versions before it kept one, of whatever format.

    Raises UnreadablePlan.
    """
    try:
        document = json.loads(data)
        if "outline" in document:
            entries = [Entry(*map(_text, entry)) for entry in document["outline"]]
        else:
            entries = [Entry(_text(kind), "init", f"carry out {kind}", "") for kind, *_fields in document["operations"]]
        parents = tuple(map(_text, document.get("parents", ())))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as problem:
        raise UnreadablePlan(f"cannot read plan: {problem!r}") from problem
    if not entries:
        raise UnreadablePlan("cannot read plan: it has no operations")
    return Outline(tuple(entries), parents)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"no text: {value!r}")
    return value
