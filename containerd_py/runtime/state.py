"""The state of a container of the library: `state.json` as the runtime specification has it ("State")."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from dataclasses import dataclass

from containerd_py import atomic
from containerd_py.errors import Conflict, InvalidArgument
from containerd_py.runtime.spec.models import OCI_VERSION

_ATTEMPTS = 64  # to make a directory in a root that somebody else removes, being empty


@dataclass(frozen=True, slots=True)
class State:
    """status: "created", "running" or "stopped"; pid: 0 once stopped; cgroups: absolute directories."""

    id: str
    status: str
    pid: int
    bundle: str
    annotations: dict[str, str]
    cgroups: tuple[str, ...]

    def encode(self) -> bytes:
        document = {
            "ociVersion": OCI_VERSION,
            "id": self.id,
            "status": self.status,
            "pid": self.pid,
            "bundle": self.bundle,
            "annotations": self.annotations,
            "cgroups": self.cgroups,
        }
        return json.dumps(document, indent=2).encode() + b"\n"


class StateDirectory:
    """A container's own directory below the state root; its existence takes the id."""

    def __init__(self, root: str, container_id: str) -> None:
        self.path = os.path.join(root, container_id)
        self._id = container_id

    def make(self) -> None:
        """Make it, and the state root where that is missing.

        Raises Conflict where the id is taken, InvalidArgument for a state root of somebody else's.
        """
        for _ in range(_ATTEMPTS):
            with contextlib.suppress(FileNotFoundError, FileExistsError):  # another process removed the root just now
                self._make()
                return
        raise _unusable(os.path.dirname(self.path), "it is not a directory")

    def _make(self) -> None:
        root = os.path.dirname(self.path)
        os.makedirs(root, mode=0o700, exist_ok=True)
        _check_owner(root)
        try:
            os.mkdir(self.path, 0o700)
        except FileExistsError:
            raise Conflict(
                f"cannot create container {self._id!r}: the id is taken ({self.path})",
                step="state",
                hint="destroy that container first, or choose another id",
            ) from None

    def write(self, state: State) -> None:
        atomic.write(os.path.join(self.path, "state.json"), state.encode())

    def remove(self) -> None:
        """Remove what `write` made, by name (SECURITY R16), and the state root if nothing is left in it."""
        for name in ("state.json", "state.json.new"):
            try:
                os.unlink(os.path.join(self.path, name))
            except FileNotFoundError:
                continue
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(self.path)
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(self.path))


def _check_owner(root: str) -> None:
    """A root that others made, or can change, would let them plant links under our feet: /tmp is a usual place for it."""
    for found in (os.lstat(root), os.stat(root)):
        if found.st_uid not in (0, os.geteuid()):
            raise _unusable(root, f"it belongs to user {found.st_uid}")
    if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
        raise _unusable(root, "everybody may write to it")


def _unusable(root: str, cause: str) -> InvalidArgument:
    return InvalidArgument(
        f"cannot keep state in {root!r}: {cause}", step="state", hint="choose a directory that only you can write to"
    )
