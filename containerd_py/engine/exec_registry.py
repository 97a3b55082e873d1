"""Which execs there are, and in which container each is: to find one by its id does not depend on how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.engine.containers import Container
    from containerd_py.engine.exec import Exec


class ExecRegistry:
    """Of all containers, by id; of one container, `Container.execs` tells. The daemon's own, internal, are in it too."""

    def __init__(self) -> None:
        self._by_id: dict[str, tuple[Container, Exec]] = {}

    def add(self, container: Container, one: Exec) -> None:
        """Let it be found, among those of its container too."""
        container.execs[one.id] = one
        self._by_id[one.id] = (container, one)

    def remove(self, container: Container, one: Exec) -> None:
        """Let nobody find it any more; nothing where that is so already."""
        container.execs.pop(one.id, None)
        self._by_id.pop(one.id, None)

    def get(self, exec_id: str) -> tuple[Container, Exec] | None:
        return self._by_id.get(exec_id)

    def __contains__(self, exec_id: object) -> bool:
        return exec_id in self._by_id

    def __iter__(self) -> Iterator[tuple[Container, Exec]]:
        """Each with its container; others may come and go meanwhile."""
        return iter(tuple(self._by_id.values()))
