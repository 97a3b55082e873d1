"""What a command works with."""

from __future__ import annotations

from containerd_py.errors import NotFound
from containerd_py.light.dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from containerd_py.cli.oci.containers import Container, Containers
    from containerd_py.cli.oci.log import Log
    from containerd_py.cli.oci.settings import Settings


@dataclass(frozen=True)
class Context:
    """containers: imports the library when it is called; log: takes what is no error, too."""

    settings: Settings
    containers: Callable[[], Containers]
    environ: Mapping[str, str]
    log: Log

    def load(self, container_id: str) -> Container:
        """Raises NotFound, InvalidArgument for what is no id."""
        try:
            return self.containers().load(container_id, state_root=self.settings.state_root)
        except NotFound as problem:  # in runc's words, which callers look for
            raise NotFound(f"cannot find container {container_id!r}: container does not exist", step="find") from problem
