"""R16: what is deleted is the runtime's own; nothing is followed, and nothing below a mount is touched. [CVE-2024-23652]"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.oci.bundle import MOUNTS
from tests.oci.containers import Container, Containers
from tests.security.conftest import untouched

_MS_BIND, _MNT_DETACH = 4096, 2


@contextmanager
def bound(source: Path, target: Path) -> Iterator[None]:
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mount(bytes(source), bytes(target), None, _MS_BIND, None) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        with suppress(OSError):
            while libc.umount2(bytes(target), _MNT_DETACH) == 0:
                pass


def directory(box: Container) -> Path:
    assert box.runtime.root is not None
    return box.runtime.root / box.id


_DELETES = pytest.mark.lacks("runc", "deletes what is below the mount")


@pytest.mark.parametrize("name", [pytest.param("below", marks=_DELETES), "a file"])
def test_a_live_mount_in_the_state_directory(oci: Containers, outside: Path, name: str) -> None:
    box = oci.start()
    target = directory(box) / name
    if name == "below":
        target.mkdir()
    else:
        target = next(path for path in directory(box).iterdir() if path.name in ("state.json", "status"))
    with bound(outside if name == "below" else outside / "sentinel", target):
        box.delete("--force")
        untouched(outside)
    oci.runtime("delete", "--force", box.id)
    if name == "below" and target.exists():
        target.rmdir()
    untouched(outside)


_LOSES = pytest.mark.lacks("crun", "loses the container", run=False)


@pytest.mark.parametrize("name", ["link", pytest.param("config.json", marks=_LOSES)])
def test_a_link_in_the_state_directory(oci: Containers, outside: Path, name: str) -> None:
    box = oci.start()
    place = directory(box) / name
    place.unlink(missing_ok=True)
    place.symlink_to(outside / "sentinel" if name == "config.json" else outside)
    box.delete("--force")
    untouched(outside)
    if directory(box).exists():
        place.unlink(missing_ok=True)
        box.delete("--force")


def test_a_live_mount_in_the_container(oci: Containers, outside: Path) -> None:
    """While a process of another's has it open below, and while more is mounted over it."""
    mount = {"destination": "/mnt", "type": "bind", "source": str(outside), "options": ["rbind"]}
    over = {"destination": "/mnt2", "type": "tmpfs", "source": "tmpfs"}
    box = oci.start({"mounts": [*MOUNTS, mount, over]})
    held = os.open(f"/proc/{box.pid}/root/mnt", os.O_PATH | os.O_CLOEXEC)
    try:
        box.delete("--force").ok()
        untouched(outside)
    finally:
        os.close(held)
    assert (oci.rootfs / "mnt").is_dir()
    assert (oci.rootfs / "bin/busybox").exists()


def test_a_creation_that_fails_half_way_takes_nothing_along(oci: Containers, outside: Path) -> None:
    mount = {"destination": "/mnt", "type": "bind", "source": str(outside), "options": ["rbind"]}
    oci.refused({"mounts": [*MOUNTS, mount], "hooks": {"createRuntime": [{"path": "/bin/false"}]}})
    oci.refused({"mounts": [*MOUNTS, mount, {"destination": "/x", "type": "none-such"}]})
    untouched(outside)
    assert (oci.rootfs / "bin/busybox").exists()
