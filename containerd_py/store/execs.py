"""The records of what was executed in a container: `<state>/containers/<id>/execs/<exec id>.json`, each replaced whole."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import TYPE_CHECKING

from containerd_py import atomic
from containerd_py.store.problems import refused, told
from containerd_py.store.records import SCHEMA, ExecRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOLDER, _ENDING = "execs", ".json"


class ExecStore:
    """Blocking, of one container. quarantine: where records go that cannot be read."""

    def __init__(self, directory: str, quarantine: str | None = None) -> None:
        self._container = os.path.basename(directory)
        self._folder = f"{directory}/{_FOLDER}"
        self._quarantine = quarantine

    def save(self, record: ExecRecord) -> None:
        """Write or replace a record. Raises OutOfSpace or Internal; the old one stays then."""
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(self._folder, 0o700)
            atomic.write(self._path(record.id), record.model_dump_json(by_alias=True).encode())
        except OSError as problem:
            raise refused(f"exec {record.id!r}", problem) from problem

    def remove(self, exec_id: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path(exec_id))

    def remove_all(self) -> None:
        """Remove every record, by name, and the folder; nothing where there is none."""
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(self._folder):
                os.unlink(f"{self._folder}/{name}")
            os.rmdir(self._folder)

    def load(self) -> tuple[list[ExecRecord], list[tuple[str, str]]]:
        """Return the records, the oldest first, and (id, problem) of those that had to be set aside."""
        records: list[ExecRecord] = []
        broken: list[tuple[str, str]] = []
        for exec_id in self._ids():
            try:
                records.append(self._read(exec_id))
            except (OSError, ValueError, RecursionError) as problem:
                self._set_aside(exec_id)
                broken.append((exec_id, told(problem)))
        return sorted(records, key=lambda record: record.created_at), broken

    def _ids(self) -> Iterator[str]:
        with contextlib.suppress(FileNotFoundError):
            for name in sorted(os.listdir(self._folder)):
                if name.endswith(_ENDING):
                    yield name.removesuffix(_ENDING)
                else:  # an attempt that was cut off
                    os.unlink(f"{self._folder}/{name}")

    def _read(self, exec_id: str) -> ExecRecord:
        with open(self._path(exec_id), "rb") as file:
            document = json.load(file)
        if not isinstance(document, dict):
            raise ValueError("it holds no object")  # noqa: TRY004 - the content is wrong
        if document.get("schema") != SCHEMA:
            raise ValueError(f"schema {document.get('schema')!r} is not {SCHEMA}")
        record = ExecRecord.model_validate(document)
        if (record.id, record.container_id) != (exec_id, self._container):
            raise ValueError(f"it is the record of {record.id!r} in {record.container_id!r}")
        return record

    def _set_aside(self, exec_id: str) -> None:
        if self._quarantine is not None:
            with contextlib.suppress(OSError):  # a disk so broken is told by every other step
                os.rename(self._path(exec_id), f"{self._quarantine}/{self._container}.{exec_id}.{time.time_ns()}")

    def _path(self, exec_id: str) -> str:
        return f"{self._folder}/{exec_id}{_ENDING}"
