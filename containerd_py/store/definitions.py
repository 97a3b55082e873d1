"""What outlives a boot: `<data>/definitions/<id>.json` for each container that was asked for as durable, replaced whole.

A definition is the container at rest, all that is needed to start it again. Each is on the disk, and not only in the page
cache, once `save` returns, and gone from it once `remove` does.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import time
from typing import TYPE_CHECKING

from containerd_py import atomic
from containerd_py.errors import OutOfSpace, Unavailable
from containerd_py.store.problems import refused, told
from containerd_py.store.records import SCHEMA, Definition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_FOLDER, _QUARANTINE, _ENDING = "definitions", "quarantine", ".json"


class DefinitionStore:
    """Blocking calls, which wait for the disk."""

    def __init__(self, data_dir: str) -> None:
        self._folder = os.path.join(data_dir, _FOLDER)
        self._quarantine = os.path.join(data_dir, _QUARANTINE)

    def prepare(self) -> None:
        """Raises Unavailable where somebody else could write definitions: what is in them is run as root."""
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        data_dir = os.path.dirname(self._folder)
        for path, found in ((data_dir, os.stat(data_dir)), (self._folder, os.lstat(self._folder))):
            if found.st_uid != os.geteuid() or found.st_mode & 0o022 or stat.S_ISLNK(found.st_mode):
                raise Unavailable(
                    f"cannot use data directory {path!r}: others could write to it (owner {found.st_uid}, "
                    f"mode {stat.S_IMODE(found.st_mode):o})",
                    step="store",
                    hint="chown it to this user and chmod it to 0700, or give another --data-dir",
                )

    def save(self, definition: Definition) -> None:
        """Raises OutOfSpace or Internal; the old one stays then, unless only the directory could not be synchronised."""
        container = definition.record.id
        try:
            atomic.write(self._path(container), definition.model_dump_json(by_alias=True).encode(), durable=True)
        except OSError as problem:
            what = f"definition of container {container!r}"
            if problem.errno in (errno.ENOSPC, errno.EDQUOT):
                hint = "free space or inodes in the data directory, or make it without durable"
                message = f"cannot record {what}: {problem.strerror}"
                raise OutOfSpace(message, step="store", errno=problem.errno, hint=hint) from problem
            raise refused(what, problem) from problem

    def remove(self, container_id: str) -> None:
        """Nothing where there is none. Raises OutOfSpace or Internal."""
        try:
            os.unlink(self._path(container_id))
            atomic.synchronise(self._folder)
        except FileNotFoundError:
            return
        except OSError as problem:
            raise refused(f"removal of the definition of container {container_id!r}", problem) from problem

    def load(self, check: Callable[[dict[str, Any]], None]) -> tuple[list[Definition], list[tuple[str, str, str]]]:
        """Return the definitions, and (id, path, problem) of those that had to be set aside: each costs only itself.

        check: raises ValueError for an OCI document of a shape that nobody can use.
        """
        found: list[Definition] = []
        broken: list[tuple[str, str, str]] = []
        for container_id in self._ids():
            try:
                definition = self._read(container_id)
                check(definition.config)
                found.append(definition)
            except (OSError, ValueError, RecursionError) as problem:
                broken.append((container_id, self._set_aside(container_id), told(problem)))
        return found, broken

    def set_aside(self) -> set[str]:
        """Return the ids of which a definition lies aside: whoever mends it and puts it back wants the output too."""
        try:
            names = os.listdir(self._quarantine)
        except FileNotFoundError:
            return set()
        return {name.removesuffix(_ENDING).rpartition(".")[0] for name in names if name.endswith(_ENDING)}

    def _ids(self) -> Iterator[str]:
        for name in sorted(os.listdir(self._folder)):
            if name.endswith(_ENDING):
                yield name.removesuffix(_ENDING)
            elif name.endswith(f"{_ENDING}.new"):  # an attempt that was cut off; all else is not ours
                with contextlib.suppress(OSError):
                    os.unlink(f"{self._folder}/{name}")

    def _read(self, container_id: str) -> Definition:
        with open(self._path(container_id), "rb", opener=_plainly) as file:
            document = json.load(file)
        if not isinstance(document, dict):
            raise ValueError("it holds no object")  # noqa: TRY004 - the content is wrong
        if document.get("schema") != SCHEMA:
            raise ValueError(f"schema {document.get('schema')!r} is not {SCHEMA}")
        definition = Definition.model_validate(document)
        if definition.record.id != container_id:
            raise ValueError(f"it is the definition of {definition.record.id!r}")
        return definition

    def _set_aside(self, container_id: str) -> str:
        """Return where it lies now."""
        path = os.path.join(self._quarantine, f"{container_id}.{time.time_ns()}{_ENDING}")
        with contextlib.suppress(OSError):  # a disk so broken is told by every other step
            os.makedirs(self._quarantine, mode=0o700, exist_ok=True)
            os.rename(self._path(container_id), path)
            atomic.synchronise(self._folder)
        return path

    def _path(self, container_id: str) -> str:
        return f"{self._folder}/{container_id}{_ENDING}"


def _plainly(path: str, flags: int) -> int:
    """Follow no link, and wait for nobody at a FIFO."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
