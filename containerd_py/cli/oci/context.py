"""What a command works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from containerd_py.cli.oci.library import Container, Containers
    from containerd_py.cli.oci.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """containers: imports the library when it is called."""

    settings: Settings
    containers: Callable[[], Containers]
    environ: Mapping[str, str]

    def load(self, container_id: str) -> Container:
        """Raises NotFound, InvalidArgument for what is no id."""
        return self.containers().load(container_id, state_root=self.settings.state_root)
