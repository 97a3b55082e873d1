"""R7: masks, devices and terminals are the runtime's own, whatever an image has in its /dev.

[CVE-2025-31133, CVE-2025-52565, CVE-2026-41579] /dev is a directory of the image's here, or a volume's that others fill.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oci.bundle import DEV, MOUNTS
from tests.oci.console import ConsoleSocket
from tests.oci.containers import Containers
from tests.security.conftest import SENTINEL, untouched

HIDDEN = "of the image, to be hidden"


@pytest.fixture
def volume(place: Path, rootfs: Path) -> Path:
    """What is bound to /dev; in the root beside it, a file that is to be hidden and one that is not to be touched."""
    (rootfs / "hidden").write_text(HIDDEN)
    (rootfs / "folder").mkdir()
    (rootfs / "folder/hidden").write_text(HIDDEN)
    (rootfs / "sentinel").write_text(SENTINEL)
    made = place / "volume"
    made.mkdir()
    return made


def bound(volume: Path, **more: object) -> dict[str, object]:
    mounts = [one for one in MOUNTS if one["destination"] not in ("/dev", "/dev/pts")]
    shared = {"destination": "/dev", "type": "bind", "source": str(volume), "options": ["rbind"]}
    return {"mounts": [*mounts, shared], **{name.replace("_", "."): value for name, value in more.items()}}


MASK = {"linux_maskedPaths": ["/hidden", "/folder"]}
SHOW = "cat /hidden; ls /folder; echo owned > /hidden; cat /sentinel"


RUNC = pytest.mark.lacks("runc<1.2.8", "CVE-2025-31133")
CRUN = pytest.mark.lacks("crun", "follows the link, as in CVE-2025-31133")
LINKS = [
    *(pytest.param(target, marks=[RUNC, CRUN]) for target in ("/sentinel", "../sentinel", "/proc/sys/kernel/hostname")),
    pytest.param("/hidden", marks=RUNC),
    *("zero", "none"),
]


@pytest.mark.parametrize("target", LINKS)
def test_a_null_device_that_leads_elsewhere_masks_nothing_with_it(
    oci: Containers, volume: Path, outside: Path, target: str
) -> None:
    (volume / "null").symlink_to(target)
    told = oci.run(bound(volume, process_args=["/bin/sh", "-c", SHOW], **MASK))
    assert HIDDEN not in told.stdout
    assert told.code or told.stdout.startswith(SENTINEL), "what it led to is what is shown"
    assert (oci.rootfs / "sentinel").read_text() == SENTINEL
    assert (oci.rootfs / "hidden").read_text() == HIDDEN


FIFO = pytest.param("fifo", marks=pytest.mark.lacks("runc<1.2.8", "CVE-2025-31133", run=False))
OTHERS = [FIFO, "directory", *(pytest.param(made, marks=RUNC) for made in ("file", "another device"))]


@pytest.mark.parametrize("made", OTHERS)
def test_a_null_device_that_is_none_masks_nothing(oci: Containers, volume: Path, made: str) -> None:
    null = volume / "null"
    if made == "file":
        null.write_text(HIDDEN)
    elif made == "fifo":
        os.mkfifo(null)
    elif made == "directory":
        null.mkdir()
    else:
        os.mknod(null, 0o20666, os.makedev(1, 5))
    told = oci.run(bound(volume, process_args=["/bin/sh", "-c", "head -c 26 /hidden; ls /folder"], **MASK))
    assert HIDDEN not in told.stdout
    assert "\0" not in told.stdout
    assert (oci.rootfs / "hidden").read_text() == HIDDEN


def test_no_mask_is_the_hosts_null_device_to_change(oci: Containers) -> None:
    before = Path("/dev/null").stat()
    (oci.rootfs / "hidden").write_text(HIDDEN)
    script = "chmod 600 /hidden; chown 7:7 /hidden; echo done"
    told = oci.sh(script, {"linux.maskedPaths": ["/hidden"], "process.capabilities": None})
    assert told == "done"
    after = Path("/dev/null").stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def test_a_mask_is_not_taken_off(oci: Containers) -> None:
    (oci.rootfs / "hidden").write_text(HIDDEN)
    script = "umount /hidden; mount -t tmpfs x /tmp; mv /hidden /other; rm -f /hidden; cat /hidden /other; true"
    assert HIDDEN not in oci.sh(script, {"linux.maskedPaths": ["/hidden"]})


DEVICES = [{"path": "/dev/extra/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666}]


@pytest.mark.parametrize("name", ["extra", "extra/null"])
def test_no_device_is_made_outside(oci: Containers, volume: Path, outside: Path, name: str) -> None:
    place = volume / name
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(outside if name == "extra" else outside / "null")
    oci.run(bound(volume, linux_devices=DEVICES))
    untouched(outside)


@pytest.fixture
def console(place: Path) -> Iterator[ConsoleSocket]:
    made = ConsoleSocket(place / "console.sock")
    yield made
    made.close()


TERMINAL = {"process.terminal": True}
TTY = "tty; stat -c %t:%T /dev/console; echo to the console > /dev/console; cat /sentinel; echo end"


@pytest.mark.parametrize("target", ["/sentinel", "/proc/sys/kernel/hostname", "none", "console"])
def test_a_console_that_leads_elsewhere_is_not_followed(
    oci: Containers, volume: Path, console: ConsoleSocket, target: str
) -> None:
    (volume / "console").symlink_to(target)
    (volume / "pts").mkdir()
    pts = next(one for one in MOUNTS if one["destination"] == "/dev/pts")
    changes = bound(volume, process_args=["/bin/sh", "-c", TTY]) | TERMINAL
    changes["mounts"] = [*changes["mounts"], pts]  # type: ignore[misc]
    box = oci.begin("create", changes, "--console-socket", console.path)
    if box.made.wait().code == 0:
        with console.terminal() as terminal:
            box.start()
            assert SENTINEL in terminal.await_text("end")
    assert (oci.rootfs / "sentinel").read_text() == SENTINEL


def test_a_devpts_that_is_the_images_is_no_terminal(oci: Containers, console: ConsoleSocket, outside: Path) -> None:
    """No devpts of the container's own is there: the terminal is made of one all the same, or it is refused."""
    without = [one for one in MOUNTS if one["destination"] not in ("/dev", "/dev/pts")]
    (oci.rootfs / "dev/pts").mkdir()
    (oci.rootfs / "dev/pts/0").symlink_to(outside / "sentinel")
    (oci.rootfs / "dev/ptmx").symlink_to(outside / "sentinel")
    changes = {"process.args": ["/bin/sh", "-c", "echo owned > /dev/pts/0; tty; echo end"], "mounts": without, **TERMINAL}
    box = oci.begin("create", changes, "--console-socket", console.path)
    if box.made.wait().code == 0:
        with console.terminal() as terminal:
            box.start()
            terminal.await_text("end")
    untouched(outside)


def test_the_terminal_is_none_of_the_hosts(oci: Containers, console: ConsoleSocket) -> None:
    box = oci.create(
        {"process.args": ["/bin/sh", "-c", "stat -c %d /dev/pts /proc/self/fd/0 -L; echo end"], **TERMINAL},
        "--console-socket",
        console.path,
    )
    with console.terminal() as terminal:
        box.start()
        seen = terminal.await_text("end").split()
    host = str(Path("/dev/pts").stat().st_dev)
    assert seen[0] == seen[1] != host


MADE_IN_DEV = ("ptmx", "fd", "stdin", "null")
_LINKS = pytest.mark.lacks("runc<1.3.6", "CVE-2026-41579: replaces ptmx and makes the links of /dev there")


@pytest.mark.parametrize("path", [pytest.param("/dev", marks=_LINKS), "/dev/pts"])
def test_a_link_in_place_of_dev_is_not_followed(oci: Containers, outside: Path, path: str) -> None:
    """By the document a tmpfs is mounted there: what the runtime makes itself goes into that, or nowhere."""
    target = oci.rootfs / path.lstrip("/")
    if path == "/dev":
        target.rmdir()
    target.symlink_to(outside)
    mounts = [one for one in MOUNTS if path == "/dev" or one is not DEV]
    oci.run({"mounts": mounts})
    untouched(outside)


@pytest.mark.parametrize("way", ["absolute", "relative", "over another"])
@_LINKS
def test_nothing_is_deleted_by_a_link_in_place_of_dev(oci: Containers, place: Path, way: str) -> None:
    """A runtime that makes /dev/ptmx and the other links by paths replaces what the host has by these names."""
    there = place / "there"
    there.mkdir()
    for name in MADE_IN_DEV:
        (there / name).write_text(SENTINEL)
    (oci.rootfs / "dev").rmdir()
    if way == "over another":
        (oci.rootfs / "dev").symlink_to("other")
        (oci.rootfs / "other").symlink_to(there)
    else:
        (oci.rootfs / "dev").symlink_to(there if way == "absolute" else os.path.relpath(there, oci.rootfs))
    oci.run({})
    assert {path.name: path.read_text() for path in there.iterdir()} == dict.fromkeys(MADE_IN_DEV, SENTINEL)
