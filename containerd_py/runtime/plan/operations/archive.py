"""Looking at, reading and writing files of a container, as tar archives. A plan that ends with one of these has no payload.

Before it reads or writes anything, each tells the parent what it has found (`init.dialogue`, FOUND). What it reads comes
from handle "in", what it writes goes to handle "out".
"""

from __future__ import annotations

from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.plan.operations.base import Operation, cut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar


@dataclass(frozen=True)
class TakeRoot(Operation):
    """Take the directory that was passed as handle "root" as the root, and leave every other.

    covered: places in it that the container's mounts hide while it runs: nothing is read from there or written to there.
    """

    step: ClassVar[str] = "rootfs"
    covered: tuple[str, ...] = ()

    def describe(self) -> str:
        return "enter the root file system"


@dataclass(frozen=True)
class StatPath(Operation):
    step: ClassVar[str] = "stat"
    path: str

    def describe(self) -> str:
        return f"look at {cut(repr(self.path))}"


@dataclass(frozen=True)
class PackPath(Operation):
    """Write what is at the path, with all below it, as an archive. A symlink at its end is packed as what it is."""

    step: ClassVar[str] = "archive"
    path: str

    def describe(self) -> str:
        return f"pack {cut(repr(self.path))}"


@dataclass(frozen=True)
class UnpackArchive(Operation):
    """Unpack an archive into the directory at the path."""

    step: ClassVar[str] = "archive"
    path: str

    def describe(self) -> str:
        return f"unpack into {cut(repr(self.path))}"


@dataclass(frozen=True)
class CompareLayers(Operation):
    """Tell how the directory "upper" of an overlay differs from the directories "lower0" ... below it, the uppermost first.

    namespace: of the extended attributes by which the overlay marks, "trusted" or "user".
    """

    step: ClassVar[str] = "diff"
    lowers: int
    namespace: str

    def describe(self) -> str:
        return "compare the layers of the root file system"
