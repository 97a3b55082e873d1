"""Device nodes and links in running containers. Needs root and busybox."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from containerd_py.errors import ContainerdError
from tests.integration.runtime.boxes import run
from tests.integration.runtime.workshop import DEV, PROC

STAT = "busybox stat -c '%n %F %t:%T %a %u %g'"


def device(path: str, kind: str = "c", major: int = 1, minor: int = 7, **more: Any) -> dict[str, Any]:
    return {"type": kind, "path": path, "major": major, "minor": minor, **more}


def refusal(rootfs: Path, *devices: dict[str, Any], **changes: Any) -> ContainerdError:
    box = run(rootfs, "echo started", {"linux.devices": list(devices), **changes})
    assert isinstance(box.failed, ContainerdError), box.output
    return box.failed


def test_the_default_nodes(rootfs: Path) -> None:
    box = run(rootfs, f"cd /dev; {STAT} null zero full random urandom tty")
    assert box.lines == [
        f"{name} character special file {number} 666 0 0"
        for name, number in (("null", "1:3"), ("zero", "1:5"), ("full", "1:7"), ("random", "1:8"), ("urandom", "1:9"))
    ] + ["tty character special file 5:0 666 0 0"]


def test_the_default_links(rootfs: Path) -> None:
    devpts = {"destination": "/dev/pts", "type": "devpts", "options": ["newinstance", "ptmxmode=0666"]}
    script = "for name in fd stdin stdout stderr core ptmx; do busybox readlink /dev/$name; done"
    assert run(rootfs, script, {"+mounts": [devpts]}).lines == [
        *("/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2", "/proc/kcore", "pts/ptmx")
    ]


@pytest.mark.parametrize("changes", [{"linux.maskedPaths": ["/proc/kcore"]}, {"mounts": [DEV]}])
def test_no_link_to_a_core_that_cannot_be_read(rootfs: Path, changes: dict[str, Any]) -> None:
    assert run(rootfs, "busybox readlink /dev/core || echo none", changes).output == "none\n"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (device("/dev/full2"), "character special file 1:7 666 0 0"),
        (device("/dev/deep/er/full", fileMode=0o640, uid=5, gid=6), "character special file 1:7 640 5 6"),
        (device("/srv/full", "u"), "character special file 1:7 666 0 0"),
        (device("/dev/disk", "b", 7, 0, fileMode=0o600), "block special file 7:0 600 0 0"),
        ({"type": "p", "path": "/run/pipe", "fileMode": 0o622, "gid": 9}, "fifo 0:0 622 0 9"),
        (device("/dev/null", minor=3, fileMode=0o600, uid=7), "character special file 1:3 600 7 0"),
    ],
)
def test_nodes_that_are_asked_for(rootfs: Path, asked: dict[str, Any], expected: str) -> None:
    box = run(rootfs, f"{STAT} {asked['path']}", {"linux.devices": [asked]})
    assert box.lines == [f"{asked['path']} {expected}"], box.failed


def test_a_node_that_is_there_already(rootfs: Path) -> None:
    (rootfs / "srv").mkdir()
    os.mknod(rootfs / "srv/full", stat.S_IFCHR | 0o600, os.makedev(1, 7))
    assert run(rootfs, f"{STAT} /srv/full", {"linux.devices": [device("/srv/full")]}).lines == [
        "/srv/full character special file 1:7 600 0 0"
    ]


@pytest.mark.parametrize("asked", [device("/srv/full", minor=8), device("/srv/full", "b"), device("/bin/sh")])
def test_another_node_is_there_already(rootfs: Path, asked: dict[str, Any]) -> None:
    (rootfs / "srv").mkdir()
    os.mknod(rootfs / "srv/full", stat.S_IFCHR | 0o600, os.makedev(1, 7))
    problem = refusal(rootfs, asked)
    assert (problem.step, problem.errno) == ("device", "EEXIST")
    assert asked["path"] in problem.message


def test_a_bound_dev_is_left_alone(rootfs: Path, tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    os.mknod(tmp_path / "dev/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    mount = {"destination": "/dev", "source": str(tmp_path / "dev"), "type": "bind"}
    changes = {"mounts": [PROC, mount], "linux.devices": [device("/dev/full")]}
    assert run(rootfs, "ls /dev", changes).lines == ["null"]
    assert os.listdir(tmp_path / "dev") == ["null"]


def test_a_node_behind_a_symlink_stays_inside(rootfs: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (rootfs / "srv").symlink_to(tmp_path / "outside")
    run(rootfs, "true", {"linux.devices": [device("/srv/full")]})
    assert os.listdir(tmp_path / "outside") == []
