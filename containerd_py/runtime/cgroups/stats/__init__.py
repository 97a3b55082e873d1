"""What a container uses: `collect` reads it, `figures` holds it, `document` is what `runc events --stats` prints of it."""

from containerd_py.runtime.cgroups.stats.collect import collect
from containerd_py.runtime.cgroups.stats.figures import Stats

__all__ = ["Stats", "collect"]
