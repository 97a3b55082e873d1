"""A directory for each container below `<state>/containers`: config.json (OCI), request.json, state.json.

state.json comes last and is replaced whole: a directory without it was never more than an attempt, and nothing outside
was made for it.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from containerd_py import atomic
from containerd_py.errors import Conflict
from containerd_py.light.dataclasses import dataclass
from containerd_py.store.execs import ExecStore
from containerd_py.store.problems import refused, told
from containerd_py.store.records import SCHEMA, ContainerRecord, StoredContainer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

_STATE, _CONFIG, _REQUEST = "state.json", "config.json", "request.json"
_NOTIFY, _CREDENTIALS = "notify", "credentials"
NOTIFY_NAME = "notify.sock"
"""The socket that a payload notifies, in a directory of its own below the container's."""

_FILES = (_STATE, f"{_STATE}.new", _CONFIG, f"{_CONFIG}.new", _REQUEST)


Check = Callable[[dict[str, Any]], None]


def _accept(_config: dict[str, Any]) -> None:
    pass


@dataclass(frozen=True)
class Quarantined:
    """A record that could not be read. path: where it lies now; config: its OCI document, where that can be used."""

    id: str
    path: str
    problem: str
    config: dict[str, Any] | None


class ContainerStore:
    """Blocking calls: from the event loop through a thread, unless `in_memory`: a tmpfs, as /run is, waits for no disk."""

    def __init__(self, state_dir: str) -> None:
        self._folder = os.path.join(state_dir, "containers")
        self.in_memory = False
        self._quarantine = os.path.join(state_dir, "quarantine")

    def prepare(self) -> None:
        for folder in (self._folder, self._quarantine):
            os.makedirs(folder, mode=0o700, exist_ok=True)
        self.in_memory = _is_tmpfs(self._folder)

    def create(self, stored: StoredContainer) -> None:
        """Put the intent on record. Raises Conflict where the id is taken, OutOfSpace; then nothing is left."""
        container_id = stored.record.id
        directory = self.directory(container_id)
        try:
            os.mkdir(directory, 0o700)
        except FileExistsError:
            raise Conflict(f"cannot create container {container_id!r}: the id is taken", step="store") from None
        except OSError as problem:
            raise refused(f"container {container_id!r}", problem) from problem
        try:
            _write(f"{directory}/{_CONFIG}", _json(stored.config))
            _write(f"{directory}/{_REQUEST}", _json(stored.request))
            atomic.write(f"{directory}/{_STATE}", _encode(stored.record))
        except OSError as problem:
            with contextlib.suppress(OSError):  # without descriptors not even that can be done; it is an attempt then
                self.remove(container_id)
            raise refused(f"container {container_id!r}", problem) from problem

    def save(self, record: ContainerRecord) -> None:
        """Replace state.json. Raises OutOfSpace or Internal; the old record stays then."""
        try:
            atomic.write(f"{self.directory(record.id)}/{_STATE}", _encode(record))
        except OSError as problem:
            raise refused(f"container {record.id!r}", problem) from problem

    def save_config(self, container_id: str, config: dict[str, Any]) -> None:
        """Replace config.json. Raises OutOfSpace or Internal; the old one stays then."""
        try:
            atomic.write(f"{self.directory(container_id)}/{_CONFIG}", _json(config))
        except OSError as problem:
            raise refused(f"container {container_id!r}", problem) from problem

    def remove(self, container_id: str) -> None:
        """Remove what this class wrote, by name (SECURITY R16), and the execs; nothing where it is gone already."""
        directory = self.directory(container_id)
        ExecStore(directory).remove_all()
        for name in (*_FILES, f"{_NOTIFY}/{NOTIFY_NAME}"):
            try:
                os.unlink(f"{directory}/{name}")
            except FileNotFoundError:
                continue
        self._remove_credentials(container_id)
        for path in (self.notify_directory(container_id), directory):
            with contextlib.suppress(FileNotFoundError):
                os.rmdir(path)

    def _remove_credentials(self, container_id: str) -> None:
        """In the container it is read-only: so what is in there is ours."""
        directory = self.credentials_directory(container_id)
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(directory):
                os.unlink(f"{directory}/{name}")
            os.rmdir(directory)

    def write_credentials(self, container_id: str, contents: Mapping[str, bytes], owner: tuple[int, int]) -> None:
        """Make a directory that will be bound into the container; nobody but its payload can read what is in there.

        owner: uid and gid. `remove` removes it. Raises OutOfSpace or Internal.
        """
        directory = self.credentials_directory(container_id)
        try:
            _make_shown(directory)
            for name, content in contents.items():
                _write(f"{directory}/{name}", content)
                os.chown(f"{directory}/{name}", *owner)
                os.chmod(f"{directory}/{name}", 0o400)
        except OSError as problem:
            raise refused(f"container {container_id!r}", problem) from problem

    def make_notify_directory(self, container_id: str) -> None:
        """Make what will be bound into the container; `remove` removes it. Raises OutOfSpace or Internal."""
        try:
            _make_shown(self.notify_directory(container_id))
        except OSError as problem:
            raise refused(f"container {container_id!r}", problem) from problem

    def load(self, check: Check = _accept) -> tuple[list[StoredContainer], list[Quarantined]]:
        """Read every record. One that cannot be read is set aside, and costs only itself; attempts are removed.

        check: raises ValueError for an OCI document of a shape that nobody can use.
        """
        stored: list[StoredContainer] = []
        quarantined: list[Quarantined] = []
        for container_id in self._ids():
            directory = self.directory(container_id)
            try:
                if not os.path.lexists(f"{directory}/{_STATE}"):
                    self.remove(container_id)
                    continue
                found = _read(directory, container_id)
                check(found.config)
                stored.append(found)
            except (OSError, ValueError, RecursionError) as problem:
                quarantined.append(self._set_aside(container_id, problem, check))
        return stored, quarantined

    def _ids(self) -> Iterator[str]:
        with os.scandir(self._folder) as entries:
            yield from sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))

    def _set_aside(self, container_id: str, problem: Exception, check: Check) -> Quarantined:
        path = os.path.join(self._quarantine, f"{container_id}.{time.time_ns()}")
        try:
            config = _read_json(f"{self.directory(container_id)}/{_CONFIG}")
            check(config)
        except (OSError, ValueError, RecursionError):
            config = None
        with contextlib.suppress(OSError):  # a disk so broken is told by every other step
            os.rename(self.directory(container_id), path)
        return Quarantined(container_id, path, told(problem), config)

    def created_at(self, container_id: str) -> datetime | None:
        """Return when a container was created; None where no record of it can be read."""
        try:
            return ContainerRecord.model_validate(_read_json(f"{self.directory(container_id)}/{_STATE}")).created_at
        except (OSError, ValueError, RecursionError):
            return None

    def execs(self, container_id: str) -> ExecStore:
        """Return the records of what was executed in a container."""
        return ExecStore(self.directory(container_id), self._quarantine)

    def notify_directory(self, container_id: str) -> str:
        return f"{self.directory(container_id)}/{_NOTIFY}"

    def credentials_directory(self, container_id: str) -> str:
        return f"{self.directory(container_id)}/{_CREDENTIALS}"

    def directory(self, container_id: str) -> str:
        """Return where a container's documents lie."""
        return f"{self._folder}/{container_id}"


def _make_shown(path: str) -> None:
    """Make a directory that every user of a container may look into; on the host, the one above it is root's alone."""
    os.mkdir(path)
    os.chmod(path, 0o755)  # noqa: S103 - as meant, whatever the umask is: in our unit it is 0077


def _is_tmpfs(path: str) -> bool:
    """Look the device of `path` up in proc_pid_mountinfo(5)."""
    device = os.stat(path).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    # A line ends with a line feed alone: others, a carriage return say, may stand in names of mounts.
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        found = [line.partition(" - ")[2].split(" ")[0] for line in file if line.split(" ")[2] == number]
    return "tmpfs" in found


def _read(directory: str, container_id: str) -> StoredContainer:
    document = _read_json(f"{directory}/{_STATE}")
    if document.get("schema") != SCHEMA:
        raise ValueError(f"schema {document.get('schema')!r} is not {SCHEMA}")
    record = ContainerRecord.model_validate(document)
    if record.id != container_id:
        raise ValueError(f"it is the record of {record.id!r}")
    return StoredContainer(
        record=record, request=_read_json(f"{directory}/{_REQUEST}"), config=_read_json(f"{directory}/{_CONFIG}")
    )


def _read_json(path: str) -> dict[str, Any]:
    with open(path, "rb") as file:
        document = json.load(file)
    if not isinstance(document, dict):
        raise ValueError(f"{os.path.basename(path)} holds no object")  # noqa: TRY004 - the content is wrong
    return document


def _encode(record: ContainerRecord) -> bytes:
    return record.model_dump_json(by_alias=True).encode()


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def _write(path: str, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]
    finally:
        os.close(fd)
