"""The state of a container of the library: `state.json` as the runtime specification has it ("State")."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from containerd_py import atomic
from containerd_py.errors import Conflict
from containerd_py.runtime.spec.models import OCI_VERSION


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
        """Raises Conflict where the id is taken."""
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
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
        """Remove what `write` made, by name (SECURITY R16)."""
        for name in ("state.json", "state.json.new"):
            try:
                os.unlink(os.path.join(self.path, name))
            except FileNotFoundError:
                continue
        os.rmdir(self.path)
