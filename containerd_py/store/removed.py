"""What is kept of containers that were removed: `<data>/removed/<id>.<ns>/exit.json`, beside the output.

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
    """Blocking calls. name: of the directory of one of them."""

    def __init__(self, data_dir: str) -> None:
        self._folder = os.path.join(data_dir, "removed")

    def prepare(self) -> None:
        os.makedirs(self._folder, mode=0o700, exist_ok=True)

    def name_for(self, container_id: str) -> str:
        return f"{container_id}.{time.time_ns()}"

    def directory(self, name: str) -> str:
        return os.path.join(self._folder, name)

    def save(self, name: str, record: RemovedRecord) -> None:
        """Write it where the output is, if there is any. Raises OSError."""
        os.makedirs(self.directory(name), mode=0o700, exist_ok=True)
        atomic.write(os.path.join(self.directory(name), _FILE), record.model_dump_json(by_alias=True).encode())

    def forget(self, name: str) -> None:
        """Remove the record; the output, and the directory with it, is its owner's to remove."""
        for file in (_FILE, f"{_FILE}.new"):
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(self.directory(name), file))

    def load(self) -> Iterator[tuple[str, RemovedRecord | None]]:
        """Yield (name, record), the oldest first; None where the record is missing or cannot be read."""
        with os.scandir(self._folder) as entries:  # what is no directory is not ours
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        for name in sorted(names, key=lambda name: name.rpartition(".")[2]):
            yield name, self._read(name)

    def _read(self, name: str) -> RemovedRecord | None:
        try:
            with open(os.path.join(self.directory(name), _FILE), "rb") as file:
                record = RemovedRecord.model_validate_json(file.read())
        except (OSError, ValidationError):
            return None
        return record if record.id == name.rpartition(".")[0] else None
