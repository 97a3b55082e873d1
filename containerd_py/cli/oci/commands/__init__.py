"""The commands, one module each."""

from __future__ import annotations

from containerd_py.light.importlib import import_module
from containerd_py.typed import Protocol, cast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.cli.oci.arguments import Options, Parser
    from containerd_py.cli.oci.context import Context

NAMES = (
    *("checkpoint", "create", "delete", "events", "exec", "explain", "features", "kill", "list", "pause"),
    *("ps", "restore", "resume", "run", "spec", "start", "state", "timeline", "update"),
)


class Command(Protocol):
    """What each of the modules has. __doc__: the text of its help; FAILURE: its exit code for an error."""

    __doc__: str | None
    FAILURE: int

    def declare(self, parser: Parser) -> None:
        """Add the command's options and arguments."""

    def perform(self, options: Options, context: Context) -> int:
        """Do it and return the exit code. Raises ContainerdError, OSError."""


def load(name: str) -> Command:
    """Import one of NAMES."""
    return cast("Command", import_module(f"{__name__}.{name}"))
