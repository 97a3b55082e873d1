"""A container as the spawner knows it, and the record by which the spawner hands on what it has to its next version."""

from __future__ import annotations

import json
import os

from containerd_py.light.dataclasses import dataclass, field
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.memfd import sealed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


@dataclass
class Child:
    """One container as the spawner knows it. kept: descriptors by name, so that a daemon's end closes none.

    forgotten: the daemon has no interest in it any more; it is still to be reaped.
    """

    id: str
    pid: int
    pidfd: Fd
    kept: dict[str, Fd] = field(default_factory=dict)
    exit: dict[str, int | None] | None = None
    forgotten: bool = False

    def keep(self, name: str, fd: Fd) -> None:
        if name in self.kept:
            self.kept[name].close()
        self.kept[name] = fd

    def close_kept(self) -> None:
        for fd in self.kept.values():
            fd.close()
        self.kept.clear()

    def close(self) -> None:
        self.pidfd.close()
        self.close_kept()


def hand_on(listener: int, children: Iterable[Child]) -> int:
    """Return a descriptor of the record, inherited by what is executed next, as is all that it names."""
    entries: list[dict[str, Any]] = [
        {
            "id": child.id,
            "pid": child.pid,
            "pidfd": child.pidfd.fileno(),
            "kept": {name: fd.fileno() for name, fd in child.kept.items()},
            "exit": child.exit,
            "forgotten": child.forgotten,
        }
        for child in children
    ]
    record = sealed("spawner-state", json.dumps({"listener": listener, "children": entries}).encode()).take()
    _set_inheritable((record, listener, *_numbers(entries)), inheritable=True)
    return record


def take_over(record: int) -> tuple[int, list[Child]]:
    """Return the listening socket and the children of a record that `hand_on` of any version has left."""
    with Fd(record) as state:
        document = json.loads(os.pread(state.fileno(), os.fstat(record).st_size, 0))
    listener, entries = document["listener"], document["children"]
    _set_inheritable((listener, *_numbers(entries)), inheritable=False)
    return listener, [
        Child(
            *(entry["id"], entry["pid"], Fd(entry["pidfd"])),
            *({name: Fd(number) for name, number in entry["kept"].items()}, entry["exit"], entry["forgotten"]),
        )
        for entry in entries
    ]


def _set_inheritable(numbers: Iterable[int], *, inheritable: bool) -> None:
    for number in numbers:
        os.set_inheritable(number, inheritable)


def _numbers(entries: list[dict[str, Any]]) -> list[int]:
    numbers: list[int] = []
    for entry in entries:
        numbers += [entry["pidfd"], *entry["kept"].values()]
    return numbers
