"""R5: whatever an image has where something is mounted, nothing is mounted, made or opened outside its root.

[CVE-2019-19921, CVE-2021-30465, CVE-2024-45310, CVE-2025-31133] Each target is refused, or is inside; the
host's directory that a link leads to is as it was.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.oci.bundle import MOUNTS
from tests.oci.containers import Containers
from tests.security.conftest import SENTINEL, Attack, Often, untouched
from tests.surroundings import host_mounts

UP = "../" * 12

Make = Callable[[Path, Path], None]
"""(what is mounted on, the host's directory)"""

_NODE = 0o020600

MADE: dict[str, Make] = {
    "absolute": lambda target, outside: target.symlink_to(outside),
    "relative": lambda target, outside: target.symlink_to(UP + str(outside).lstrip("/")),
    "dangling": lambda target, outside: target.symlink_to(outside / "made"),
    "looping": lambda target, outside: target.symlink_to(target.name),
    "magic": lambda target, outside: target.symlink_to(f"/proc/self/root{outside}"),
    "directory": lambda target, outside: target.symlink_to("/proc/1/cwd"),
    "descriptor": lambda target, outside: target.symlink_to("/proc/self/fd/3"),
    "fifo": lambda target, outside: os.mkfifo(target),
    "device": lambda target, outside: os.mknod(target, _NODE, os.makedev(1, 3)),
}

FOLDER = {"type": "tmpfs", "source": "tmpfs", "options": ["nosuid"]}
TARGETS = ["/proc", "/sys", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/run", "/tmp/deep/below", "/etc/hosts"]


def put(root: Path, target: str, make: Make, outside: Path) -> None:
    """Have that stand in the image."""
    place = root / target.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    make(place, outside)


def mounts_for(target: str, place: Path) -> list[dict[str, Any]]:
    """The usual ones, and one on the target; where something below /dev is attacked, /dev is the image's."""
    usual: list[dict[str, Any]] = list(MOUNTS)
    if target.startswith("/dev/"):
        usual = [one for one in usual if one["destination"] != "/dev"]
    if target in [one["destination"] for one in usual]:
        return usual
    if target == "/etc/hosts":
        (place / "hosts").write_text("bound")
        return [*usual, {"destination": target, "type": "bind", "source": str(place / "hosts"), "options": ["bind"]}]
    return [*usual, {"destination": target, **FOLDER}]


_LINKS = pytest.mark.lacks("runc<1.3.6", "CVE-2026-41579: makes the links of /dev in the host's directory")
_KINDS = [pytest.param(kind, marks=_LINKS if kind in ("absolute", "relative", "magic") else ()) for kind in MADE]


@pytest.mark.parametrize("kind", _KINDS)
def test_a_target_that_leads_elsewhere(oci: Containers, outside: Path, place: Path, kind: str, often: Often) -> None:
    every = often(3, 1)
    for target in [one for one in TARGETS if (TARGETS.index(one) - list(MADE).index(kind)) % every == 0 or one == "/dev"]:
        whole = oci.rootfs.with_name("whole")
        oci.rootfs.rename(whole)
        shutil.copytree(whole, oci.rootfs, symlinks=True, copy_function=os.link)
        put(oci.rootfs, target, MADE[kind], outside)
        told = oci.run({"mounts": mounts_for(target, place), "process.args": ["/bin/echo", "ran"]})
        assert told.code or told.stdout == "ran\n", target
        shutil.rmtree(oci.rootfs)
        whole.rename(oci.rootfs)
        untouched(outside)
    assert not [line for line in host_mounts(place) if str(place) in line]


@pytest.mark.parametrize("target", ["/proc", "/sys"])
def test_a_link_at_a_file_system_of_the_kernels_is_refused(oci: Containers, target: str) -> None:
    """Were it followed, masks and read-only paths would be looked for where they are not. [CVE-2023-27561]"""
    (oci.rootfs / "elsewhere").mkdir()
    put(oci.rootfs, target, lambda place, _outside: place.symlink_to("elsewhere"), Path())
    oci.refused({})


RACES = ["absolute", "relative"]


@pytest.mark.lacks("runc<1.1.14", "CVE-2024-45310: makes directories outside", some=True)
@pytest.mark.parametrize("kind", RACES)
def test_a_target_that_is_exchanged_all_the_time(
    oci: Containers, outside: Path, place: Path, attack: Attack, kind: str, often: Often
) -> None:
    """A container exchanges a directory of a shared volume for a link, as fast as it goes, while others mount below it."""
    volume = place / "volume"
    (volume / "way").mkdir(parents=True)
    MADE[kind](volume / "other", outside)
    attack("flipper", volume / "flipper")
    shared = {"destination": "/volume", "type": "bind", "source": str(volume), "options": ["rbind"]}
    flipper = oci.start({"process.args": ["/volume/flipper", "/volume/way", "/volume/other"], "mounts": [*MOUNTS, shared]})
    flipper.await_output("flipping")
    below: list[dict[str, object]] = [
        {"destination": "/volume/way", **FOLDER},
        {"destination": "/volume/way/made", **FOLDER},
        {"destination": "/volume/way/deep/made", **FOLDER},
        {"destination": "/volume/way/file", "type": "bind", "source": str(oci.bundle / "config.json"), "options": ["bind"]},
    ]
    ran = 0
    for number in range(often(8, 500)):
        script = "cat /volume/way/sentinel /volume/other/sentinel; cut -d' ' -f5 /proc/self/mountinfo"
        changes = {"process.args": ["/bin/sh", "-c", script], "mounts": [*MOUNTS, shared, below[number % len(below)]]}
        told = oci.run(changes)
        oci.made.pop()
        ran += not told.code
        assert SENTINEL not in told.stdout
        untouched(outside)
    assert flipper.status() == "running"
    assert ran, "none of them came as far as to run"
