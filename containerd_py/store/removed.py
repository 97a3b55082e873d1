"""What is kept of containers that were removed: how they ended, beside the output where there is any.

With output: `<data>/removed/<id>.<ns>/exit.json`. Without: `<state>/removed/<id>.<ns>.json`, which no disk is asked for
where that is in memory, as /run is: to make a directory on a disk and a file in it took half of a deletion.

An id may be used again and removed again: the time of the removal tells them apart.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AwareDatetime, Field, ValidationError

from containerd_py import atomic
from containerd_py.store.records import ExitRecord, Stored

if TYPE_CHECKING:
    from collections.abc import Iterator

_FILE = "exit.json"
_ALONE = ".json"
_NEW = ".new"


class RemovedRecord(Stored):
    """exit: how its last run ended; None for one that never ran. has_log: its output is kept too."""

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    id: str
    name: str
    removed_at: AwareDatetime
    exit: ExitRecord | None = None
    has_log: bool = True
    labels: dict[str, str] = Field(default_factory=dict)
    lost_output_bytes: int = 0


class RemovedStore:
    """Blocking calls. name: of one of them, `<id>.<ns>`."""

    def __init__(self, state_dir: str, data_dir: str) -> None:
        self._exits = os.path.join(state_dir, "removed")
        self._outputs = os.path.join(data_dir, "removed")

    def prepare(self) -> None:
        for folder in (self._exits, self._outputs):
            os.makedirs(folder, mode=0o700, exist_ok=True)

    def name_for(self, container_id: str) -> str:
        return f"{container_id}.{time.time_ns()}"

    def directory(self, name: str) -> str:
        """Return where the output is, if there is any."""
        return os.path.join(self._outputs, name)

    def save(self, name: str, record: RemovedRecord) -> None:
        """Write it where the output is, if there is any. Raises OSError."""
        beside, alone = self._places(name)
        place = beside if os.path.isdir(self.directory(name)) else alone
        atomic.write(place, record.model_dump_json(by_alias=True).encode())

    def forget(self, name: str) -> None:
        """Remove the record; the output, and the directory with it, is its owner's to remove."""
        for place in self._places(name):
            for path in (place, f"{place}{_NEW}"):
                with suppress(FileNotFoundError):
                    os.unlink(path)

    def load(self) -> Iterator[tuple[str, RemovedRecord | None]]:
        """Yield (name, record), the oldest first; None where the record is missing or cannot be read."""
        with os.scandir(self._outputs) as entries:  # what is no directory is not ours
            names = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
        names |= {name.removesuffix(_NEW).removesuffix(_ALONE) for name in os.listdir(self._exits)}  # attempts too
        for name in sorted(names, key=lambda name: name.rpartition(".")[2]):
            yield name, self._read(name)

    def _read(self, name: str) -> RemovedRecord | None:
        for place in self._places(name):
            with suppress(OSError, ValidationError), open(place, "rb") as file:
                record = RemovedRecord.model_validate_json(file.read())
                return record if record.id == name.rpartition(".")[0] else None
        return None

    def _places(self, name: str) -> tuple[str, str]:
        """Return where the record is: beside output, or alone."""
        return os.path.join(self._outputs, name, _FILE), os.path.join(self._exits, f"{name}{_ALONE}")
