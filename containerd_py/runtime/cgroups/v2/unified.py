"""`unified`: control files by their own names, written after everything else (config-linux.md, "Unified")."""

from __future__ import annotations

from containerd_py.runtime.cgroups.resources import FileValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.cgroups.resources import Resources

_CORE = "cgroup"
"""The prefix of files that need no controller, as cgroup.max.depth."""


def values(resources: Resources) -> tuple[FileValue, ...]:
    """One write for each line: a file such as io.max takes one device at a time."""
    return tuple(FileValue(name, line) for name, text in resources.unified for line in text.splitlines() if line.strip())


def controllers(resources: Resources) -> tuple[str, ...]:
    """Return the controllers of cgroup v2 that the files belong to."""
    return tuple(dict.fromkeys(prefix for name, _text in resources.unified if (prefix := name.split(".")[0]) != _CORE))
