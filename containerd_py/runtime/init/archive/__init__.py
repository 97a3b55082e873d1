"""Executors of plans that look at, read and write a container's files (SECURITY R4, R5; ADR 14).

Imported by the spawner before anything is frozen: of tarfile only what codes headers is used, no compression, no names of
users. The tree is hostile, and changed while it is worked on; so is the archive that is unpacked.
"""

from containerd_py.runtime.init.archive import comparing, packing, places, unpacking

__all__ = ["comparing", "packing", "places", "unpacking"]
