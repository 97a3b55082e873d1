"""Where a daemon or runtime under measurement keeps what it has below /run by default: in memory, as there.

Else its short-lived files would be the disk's: ext4 spends more time on them than a container's life has, since it gives
no inode away again for seconds after it was freed.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MEMORY = Path("/dev/shm")


def volatile(folder: Path) -> Path:
    """Return the twin of a folder of the bench's in memory; the folder itself on a host that has none."""
    if not os.path.ismount(_MEMORY):
        return folder
    twin = _MEMORY.joinpath(*folder.parts[2:])
    twin.mkdir(mode=0o700, parents=True, exist_ok=True)
    return twin


@contextmanager
def removed_with(folder: Path) -> Iterator[None]:
    """Remove what is in the twins of a folder below /tmp, and of those in it."""
    try:
        yield
    finally:
        twin = volatile(folder)
        if twin != folder:
            shutil.rmtree(twin)
