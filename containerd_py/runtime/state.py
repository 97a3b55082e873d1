"""The state of a container of the library: what is kept of it, and the directory in which it is kept.

    <state root>/<id>/state.json    status, process, cgroups; the specification's "State" and what finds it all again
                     config.json    the OCI document
                     plan.json      what its worker was told to do, so that a failure at start can name its step
                     start.sock     where a created container's worker waits for start
                     exec.fifo      leads to it: by this name runc tells a created container from a running one

Any process may work on a container: `locked` makes them take turns.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time

from containerd_py import atomic
from containerd_py.errors import Conflict, Internal, NotFound, OutOfSpace, Unavailable
from containerd_py.light import contextlib, json, socket
from containerd_py.light.dataclasses import dataclass, field
from containerd_py.runtime import records, state_schema
from containerd_py.runtime.cgroups.cgroup import Cgroup
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.spec.version import OCI_VERSION
from containerd_py.runtime.state_root import check_owner, lowest_that_is_there, unusable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from containerd_py.runtime.plan.outline import Outline

_ATTEMPTS = 64  # to make a directory in a root that somebody else removes, being empty
_SCHEMA = 2
_READ = (1, _SCHEMA)
"""Schema 1 had nothing of `kept`."""
_KEPT = (
    *("init_process_pid", "init_process_start", "rootless", "cgroup_paths", "namespace_paths", "external_descriptors"),
    *("intel_rdt_path", "config", "timing"),
)
NOTIFY_NAME = "notify.sock"
_NO_CGROUP = Cgroup(None, ())
_LOCK_S = 10.0
_LOCK_PAUSE_S = 0.01
_CONTENTS = {"state.json": "state", "config.json": "document", "plan.json": "plan"}
_START = ("start.sock", "exec.fifo")
_FILES = ("state.json", "state.json.new", "config.json", "config.json.new", "plan.json", "plan.json.new", *_START)


@dataclass(frozen=True)
class State:
    """status: "creating", "created", "running", "paused" or "stopped"; pid: 0 once stopped.

    created: RFC 3339; owner: user id of who made it; identity, boot_id: what tells its process from every other.
    kept: what else is in the file, by the names that runc has for it (`runtime.kept`).
    """

    id: str
    status: str
    pid: int
    bundle: str
    annotations: dict[str, str] = field(default_factory=dict)
    cgroup: Cgroup = _NO_CGROUP
    rootfs: str = ""
    created: str = ""
    owner: int = 0
    identity: str = ""
    boot_id: str = ""
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def cgroups(self) -> tuple[str, ...]:
        """Absolute directories."""
        return self.cgroup.paths

    def document(self) -> dict[str, Any]:
        """Return the state as the runtime specification has it ("State")."""
        shown: dict[str, Any] = {"ociVersion": OCI_VERSION, "id": self.id, "status": self.status}
        if self.pid:
            shown["pid"] = self.pid
        return shown | {"bundle": self.bundle, "annotations": self.annotations}

    def encode(self) -> bytes:
        kept = {
            "schema": _SCHEMA,
            **self.document(),
            "pid": self.pid,
            "rootfs": self.rootfs,
            "created": self.created,
            "owner": self.owner,
            "identity": self.identity,
            "bootId": self.boot_id,
            "cgroupV2": self.cgroup.v2,
            "cgroupsV1": self.cgroup.v1,
            "cgroupParents": self.cgroup.parents,
            **({"scope": self.cgroup.scope} if self.cgroup.scope else {}),
            **{name: self.kept[name] for name in _KEPT if name in self.kept},
        }
        lines = (f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in kept.items())  # for people, and quickly
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode()

    @classmethod
    def decode(cls, data: bytes) -> State:
        """Raises ValueError, KeyError, TypeError for what `encode` did not write."""
        kept = json.loads(data)
        if kept["schema"] not in _READ:
            raise ValueError(f"schema {kept['schema']!r}, not {_SCHEMA}")
        state_schema.check(kept)
        return cls(
            id=kept["id"],
            status=kept["status"],
            pid=kept["pid"],
            bundle=kept["bundle"],
            annotations=kept["annotations"],
            cgroup=Cgroup(kept["cgroupV2"], tuple(kept["cgroupsV1"]), tuple(kept["cgroupParents"]), kept.get("scope", "")),
            rootfs=kept["rootfs"],
            created=kept["created"],
            owner=kept["owner"],
            identity=kept["identity"],
            boot_id=kept["bootId"],
            kept={name: kept[name] for name in _KEPT if name in kept},
        )


class StateDirectory:
    """A container's own directory below the state root; its existence takes the id."""

    def __init__(self, root: str, container_id: str) -> None:
        self.path = os.path.join(root, container_id)
        self._id = container_id

    def cgroup_parent(self) -> str:
        """Return the cgroup of all containers of this state root that ask for none of their own (ADR 6).

        The last one to be destroyed takes it along.
        """
        root = os.path.realpath(os.path.dirname(self.path))
        return f"/pycontainerd-{_crc32(root.encode()):08x}"

    @property
    def notify_directory(self) -> str:
        """Where pyrunc binds the payload's NOTIFY_SOCKET: beside the state root, in which there are containers only."""
        return os.path.join(f"{os.path.dirname(self.path)}.notify", self._id)

    # ── making and removing ──

    def make(self) -> None:
        """Make it, and the state root where that is missing.

        Raises Conflict where the id is taken, InvalidArgument for a state root of somebody else's.
        """
        for _ in range(_ATTEMPTS):
            with contextlib.suppress(FileNotFoundError, FileExistsError):  # another process removed the root just now
                self._make_or_say_why_not()
                return
        raise unusable(os.path.dirname(self.path), "it is not a directory")

    def _make_or_say_why_not(self) -> None:
        try:
            self._make()
        except (FileNotFoundError, FileExistsError):
            raise
        except OSError as problem:
            raise unusable(os.path.dirname(self.path), str(problem.strerror)) from problem

    def _make(self) -> None:
        root = os.path.dirname(self.path)
        check_owner(lowest_that_is_there(root), state_root=root)
        os.makedirs(root, mode=0o700, exist_ok=True)
        check_owner(root)
        try:
            os.mkdir(self.path, 0o700)
        except FileExistsError:
            raise Conflict(
                f"cannot create container {self._id!r}: the id is taken: "
                f"container with given ID already exists ({self.path})",
                step="state",
                hint="delete that container first, or choose another id",
            ) from None

    def remove(self) -> None:
        """Remove what is known to be in it, by name (SECURITY R16), and the state root if nothing is left in it.

        The directory of its NOTIFY_SOCKET goes along, and comes first: as long as the id is taken, it is this container's.
        """
        self.remove_notify()
        for name in _FILES:
            records.remove(os.path.join(self.path, name))
        records.remove_directory(self.path)
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(self.path))

    def remove_notify(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(self.notify_directory, NOTIFY_NAME))
        for directory in (self.notify_directory, os.path.dirname(self.notify_directory)):
            with contextlib.suppress(OSError):
                os.rmdir(directory)

    @property
    def stateless(self) -> bool:
        """There is no state in it: whoever made it, or removed it, was killed, or somebody has taken the state away."""
        return not os.path.lexists(os.path.join(self.path, "state.json"))

    # ── taking turns ──

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Let no other process work on the container meanwhile (flock(2): the kernel lets go whatever happens to us).

        Raises NotFound where it is gone, Conflict where another process does not come to its end.
        """
        with self._open() as directory:
            self._lock(directory)
            if not self._is(directory):
                raise self._missing()
            yield

    def _lock(self, directory: Fd) -> None:
        deadline = time.monotonic() + _LOCK_S
        while True:
            try:
                fcntl.flock(directory.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Conflict(
                        f"cannot work on container {self._id!r}: another process does",
                        step="lock",
                        hint="try again when its command has ended",
                    ) from None
                time.sleep(_LOCK_PAUSE_S)
            else:
                return

    def _open(self) -> Fd:
        try:
            return Fd(os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW))
        except (FileNotFoundError, NotADirectoryError):
            raise self._missing() from None

    def _is(self, directory: Fd) -> bool:
        """Tell whether it is the one that stands there: another process may have deleted it, and made it anew."""
        try:
            return os.path.samestat(os.fstat(directory.fileno()), os.lstat(self.path))
        except FileNotFoundError:
            return False

    def _missing(self) -> NotFound:
        return NotFound(f"cannot find container {self._id!r}: there is none in {os.path.dirname(self.path)!r}", step="find")

    # ── what is in it ──

    def write(self, state: State) -> None:
        self.put("state.json", state.encode())

    def put(self, name: str, data: bytes) -> None:
        """Raises OutOfSpace, Unavailable; then what was there stays."""
        path = os.path.join(self.path, name)
        try:
            atomic.write(path, data)
        except OSError as problem:
            kind = OutOfSpace if problem.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable
            raise kind(f"cannot write {path!r}: {problem.strerror}", step="state", errno=problem.errno) from problem

    def get(self, name: str) -> bytes:
        """Raises NotFound, Internal for what is no file, Unavailable where we may not read it."""
        path = os.path.join(self.path, name)
        try:
            return records.read(path)
        except (FileNotFoundError, NotADirectoryError):
            if name == "state.json" or not os.path.isdir(self.path):
                raise self._missing() from None
            raise NotFound(
                f"cannot read {_CONTENTS[name]} of container {self._id!r}: {path!r} is gone", step="state"
            ) from None
        except PermissionError as problem:
            raise Unavailable(f"cannot read {path!r}: {problem.strerror}", step="state", errno=problem.errno) from problem
        except (OSError, ValueError) as problem:
            raise self.damaged(name, problem) from problem

    def read(self) -> State:
        """Raises NotFound, Internal for a file that cannot be read, InvalidArgument for one of somebody else's."""
        self.check_owners()
        data = self.get("state.json")
        try:
            return State.decode(data)
        except (ValueError, KeyError, TypeError, RecursionError) as problem:
            raise self.damaged("state.json", problem) from problem

    def config(self) -> dict[str, Any]:
        """Return the OCI document as it was given. Raises NotFound, Internal where it cannot be read."""
        try:
            document = json.loads(self.get("config.json"))
        except (ValueError, RecursionError) as problem:
            raise self.damaged("config.json", problem) from problem
        if not isinstance(document, dict):
            raise self.damaged("config.json", TypeError("it is no object"))
        return document

    def plan(self) -> Outline:
        """Return what is kept of the worker's plan. Raises NotFound, Internal where it cannot be read."""
        from containerd_py.runtime.plan.outline import UnreadablePlan, read_outline

        try:
            return read_outline(self.get("plan.json"))
        except UnreadablePlan as problem:
            raise self.damaged("plan.json", problem) from problem

    def damaged(self, name: str, problem: Exception) -> Internal:
        """Return the error for a file that is not what was written."""
        what = _CONTENTS[name]
        return Internal(
            f"cannot read {what} of container {self._id!r}: {problem!r}",
            step="state",
            hint=f"the file {os.path.join(self.path, name)!r} is damaged, or of another version: "
            "delete the container by force",
        )

    def check_owners(self) -> None:
        """Its hooks would be run, and its cgroups removed, with our rights. Raises InvalidArgument."""
        with contextlib.suppress(FileNotFoundError):
            check_owner(self.path)

    # ── the start socket ──

    def listen(self) -> socket.socket:
        """Make the socket at which the worker waits for start."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with self._open() as directory:
                listener.bind(_start_address(directory))
            listener.listen(1)
            os.symlink("start.sock", os.path.join(self.path, "exec.fifo"))
        except BaseException:
            listener.close()
            raise
        return listener

    def connect(self) -> socket.socket:
        """Raises FileNotFoundError, ConnectionRefusedError where no worker waits."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with self._open() as directory:
                connection.connect(_start_address(directory))
        except BaseException:
            connection.close()
            raise
        return connection

    def awaits_start(self) -> bool:
        """Tell whether a worker waits at the socket; it takes a connection that says nothing for none."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.settimeout(0)
            try:
                with self._open() as directory:
                    connection.connect(_start_address(directory))
            except BlockingIOError:  # the worker was stopped, with others waiting already
                return True
            except (FileNotFoundError, ConnectionRefusedError):
                return False
        return True

    def stop_listening(self) -> None:
        for name in reversed(_START):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self.path, name))


def list_ids(root: str) -> tuple[str, ...]:
    """Return the ids below a state root, sorted; none where there is no such directory."""
    try:
        with os.scandir(root) as entries:
            return tuple(sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False)))
    except FileNotFoundError:
        return ()
    except OSError as problem:
        raise Unavailable(
            f"cannot list containers of {root!r}: {problem.strerror}", step="find", errno=problem.errno
        ) from problem


def _start_address(directory: Fd) -> str:
    """Through the directory's descriptor: sun_path holds 108 bytes only, whatever the directory's depth."""
    return f"/proc/self/fd/{directory.fileno()}/start.sock"


def _crc32(data: bytes) -> int:
    """Return what `binascii.crc32` does, whose library takes longer to load than a path takes here."""
    rest = 0xFFFF_FFFF
    for byte in data:
        rest ^= byte
        for _bit in range(8):
            rest = rest >> 1 ^ (0xEDB8_8320 if rest & 1 else 0)
    return rest ^ 0xFFFF_FFFF
