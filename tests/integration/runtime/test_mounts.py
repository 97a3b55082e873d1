"""Mounts by their effects in running containers. Needs root and busybox."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from containerd_py.errors import ContainerdError, NotSupported
from containerd_py.runtime.linux.pidfd import WaitStatus
from tests.integration.runtime.boxes import Box, run
from tests.integration.runtime.workshop import DEV, PROC, Workshop
from tests.surroundings import host_mounts

SHOW = "cat /proc/self/mountinfo"
HIDDEN = ["nosuid", "nodev", "noexec"]


def bind(source: str | Path, *options: str, destination: str = "/data") -> dict[str, Any]:
    return {"destination": destination, "source": str(source), "type": "bind", "options": list(options)}


def tmpfs(*options: str, destination: str = "/data") -> dict[str, Any]:
    return {"destination": destination, "type": "tmpfs", "source": "tmpfs", "options": list(options)}


def mounted(rootfs: Path, *mounts: dict[str, Any], script: str = SHOW) -> Box:
    return run(rootfs, script, {"+mounts": list(mounts)})


def refusal(rootfs: Path, *mounts: dict[str, Any]) -> ContainerdError:
    box = run(rootfs, "echo started", {"+mounts": list(mounts)})
    assert isinstance(box.failed, ContainerdError), box.output
    return box.failed


# ── attributes ───────────────────────────────────────────────────────────────────────────────────────────────────────

ATTRIBUTES = [
    *(("ro", {"ro"}), ("nosuid", {"nosuid"}), ("nodev", {"nodev"}), ("noexec", {"noexec"})),
    *(("noatime", {"noatime"}), ("relatime", {"relatime"}), ("nodiratime", {"nodiratime"})),
    ("nosymfollow", {"nosymfollow"}),
]


@pytest.mark.parametrize(("option", "shown"), ATTRIBUTES)
def test_an_attribute_of_a_bind_is_its_own(rootfs: Path, option: str, shown: set[str]) -> None:
    found = mounted(rootfs, bind("/dev", "rbind", option)).mounts
    assert found["/data"].options >= shown
    assert option == "relatime" or not found["/data/shm"].options >= shown


@pytest.mark.parametrize(("option", "shown"), ATTRIBUTES)
def test_a_recursive_attribute_holds_below(rootfs: Path, option: str, shown: set[str]) -> None:
    found = mounted(rootfs, bind("/dev", "rbind", f"r{option}")).mounts
    assert all(found[place].options >= shown for place in ("/data", "/data/shm", "/data/pts"))


@pytest.mark.parametrize("option", ["strictatime", "norelatime"])
def test_strict_access_times(rootfs: Path, option: str) -> None:
    found = mounted(rootfs, bind("/dev", "rbind", option)).mounts
    assert not found["/data"].options & {"relatime", "noatime"}
    assert "relatime" in found["/data/shm"].options


@pytest.mark.parametrize(
    ("options", "writable"),
    [(("ro", "rw"), True), (("rw", "ro"), False), (("rro", "rw"), True), (("rw", "rro"), False), (("rro", "rrw"), True)],
)
def test_the_last_of_contradicting_options_counts(
    rootfs: Path, tmp_path: Path, *, options: tuple[str, ...], writable: bool
) -> None:
    (tmp_path / "data").mkdir()
    box = mounted(rootfs, bind(tmp_path / "data", "bind", *options), script="echo x >/data/file && echo written")
    assert ("written" in box.output) is writable
    assert (tmp_path / "data/file").exists() is writable


@pytest.mark.parametrize(("option", "shown"), [*ATTRIBUTES, ("strictatime", set())])
def test_attributes_of_a_new_file_system(rootfs: Path, option: str, shown: set[str]) -> None:
    assert mounted(rootfs, tmpfs(option)).mounts["/data"].options >= shown


@pytest.mark.parametrize("option", ["sync", "dirsync", "lazytime", "mand"])
def test_flags_of_a_superblock(rootfs: Path, option: str) -> None:
    assert option in mounted(rootfs, tmpfs(option)).mounts["/data"].superblock


@pytest.mark.parametrize(
    "option", ["async", "nolazytime", "nomand", "silent", "loud", "iversion", "noiversion", "defaults"]
)
def test_options_that_a_new_file_system_has_anyway(rootfs: Path, option: str) -> None:
    assert mounted(rootfs, tmpfs(option)).mounts["/data"].fstype == "tmpfs"


def test_a_file_systems_own_options(rootfs: Path) -> None:
    found = mounted(rootfs, tmpfs("size=64k", "mode=711", "nr_inodes=9")).mounts["/data"]
    assert found.superblock >= {"size=64k", "mode=711", "nr_inodes=9"}


def test_what_the_file_system_says_of_a_wrong_option_is_told(rootfs: Path) -> None:
    problem = refusal(rootfs, tmpfs("colour=red"))
    assert (problem.step, problem.errno) == ("mount", "EINVAL")
    assert problem.hint is not None
    assert "tmpfs: Unknown parameter 'colour'" in problem.hint


# ── propagation ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("option", "shown"),
    [("shared", "shared:"), ("unbindable", "unbindable"), ("private", ""), ("slave", "")],
)
@pytest.mark.parametrize("recursive", [False, True])
def test_propagation_of_a_bind(rootfs: Path, *, option: str, shown: str, recursive: bool) -> None:
    found = mounted(rootfs, bind("/dev", "rbind", f"r{option}" if recursive else option)).mounts
    assert _propagates(found["/data"].propagation, shown)
    assert _propagates(found["/data/shm"].propagation, shown if recursive else "")


def _propagates(fields: tuple[str, ...], shown: str) -> bool:
    return [field for field in fields if field.startswith(shown)] != [] if shown else fields == ()


def test_propagation_of_a_new_file_system(rootfs: Path) -> None:
    assert mounted(rootfs, tmpfs("shared")).mounts["/data"].propagation[0].startswith("shared:")


@pytest.mark.parametrize(
    ("wanted", "root", "proc"),
    [
        (None, "", ""),
        ("private", "", ""),
        ("rprivate", "", ""),
        ("slave", "", ""),
        ("rslave", "", ""),
        ("shared", "shared:", ""),
        ("rshared", "shared:", "shared:"),
        ("unbindable", "unbindable", ""),
        ("runbindable", "unbindable", "unbindable"),
    ],
)
def test_propagation_of_the_root(rootfs: Path, wanted: str | None, root: str, proc: str) -> None:
    """With masks and binds, which an unbindable tree would refuse."""
    before = host_mounts(rootfs)
    changes: dict[str, Any] = {
        "linux.rootfsPropagation": wanted,
        "linux.maskedPaths": ["/proc/keys", "/proc/timer_list"],
        "linux.readonlyPaths": ["/proc/sys"],
        "+mounts": [bind("/dev", "rbind")],
    }
    found = run(rootfs, SHOW, changes).mounts
    assert _propagates(found["/"].propagation, root)
    assert _propagates(found["/proc"].propagation, proc)
    assert host_mounts(rootfs) == before


# ── binds ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_bind_of_a_file_makes_a_file(rootfs: Path, tmp_path: Path) -> None:
    (tmp_path / "name").write_text("told\n")
    box = mounted(rootfs, bind(tmp_path / "name", "bind", destination="/etc/deep/name"), script="cat /etc/deep/name")
    assert box.output == "told\n"
    assert (rootfs / "etc/deep/name").read_text() == ""


def test_a_bind_alone_leaves_mounts_below_out(rootfs: Path) -> None:
    found = mounted(rootfs, bind("/dev", "bind")).mounts
    assert "/data" in found
    assert "/data/shm" not in found


def test_a_relative_destination_and_source(rootfs: Path) -> None:
    (rootfs.parent / "volume").mkdir()
    (rootfs.parent / "volume/name").write_text("told\n")
    box = mounted(rootfs, bind("volume", "bind", destination="some/place"), script="cat /some/place/name")
    assert box.output == "told\n"


def test_a_destination_is_resolved_inside(rootfs: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (rootfs / "link").symlink_to(tmp_path / "outside")
    box = mounted(rootfs, tmpfs(destination="/link/inner"), script="echo x >/link/inner/file && echo written")
    assert box.output == "written\n"
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_file_upon_a_directory(rootfs: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (rootfs / "folder").mkdir()
    problem = refusal(rootfs, bind(tmp_path / "file", destination="/folder"))
    assert (problem.step, problem.errno) == ("mount", "ENOTDIR")
    assert "/folder" in problem.message


@pytest.mark.parametrize(
    ("options", "expected"), [(("copy-symlink",), "elsewhere\n"), (("bind", "copy-symlink", "ro"), "elsewhere\n")]
)
def test_a_symlink_is_copied(rootfs: Path, tmp_path: Path, options: tuple[str, ...], expected: str) -> None:
    (tmp_path / "link").symlink_to("elsewhere")
    mount = bind(tmp_path / "link", *options, destination="/a/link")
    assert mounted(rootfs, mount, script="busybox readlink /a/link").output == expected
    assert mounted(rootfs, mount, script="busybox readlink /a/link").output == expected  # it is there already


def test_a_symlink_is_not_copied_upon_another(rootfs: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("elsewhere")
    (rootfs / "link").symlink_to("other")
    problem = refusal(rootfs, bind(tmp_path / "link", "copy-symlink", destination="/link"))
    assert problem.errno == "EEXIST"
    assert os.readlink(rootfs / "link") == "other"


def test_what_is_no_symlink_is_bound_with_copy_symlink(rootfs: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("told\n")
    assert mounted(rootfs, bind(tmp_path / "file", "copy-symlink"), script="cat /data").output == "told\n"


def test_a_symlink_itself_is_bound(rootfs: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/target")
    (rootfs / "target").write_text("inside\n")
    (rootfs / "here").symlink_to("nowhere")
    mount = bind(tmp_path / "link", "src-nofollow", "dest-nofollow", destination="/here")
    assert mounted(rootfs, mount, script="busybox readlink /here; cat /here").output == "/target\ninside\n"
    assert os.readlink(rootfs / "here") == "nowhere"


@pytest.mark.parametrize(("place", "number"), [("/absent", "ENOENT"), ("/proc/self", "ELOOP")])
def test_a_target_that_is_not_followed_must_be_there_and_be_the_roots(
    rootfs: Path, tmp_path: Path, place: str, number: str
) -> None:
    (tmp_path / "link").symlink_to("/target")
    (rootfs / "hole").symlink_to("/proc")
    mount = bind(tmp_path / "link", "src-nofollow", "dest-nofollow", destination=place.replace("/proc", "/hole"))
    assert refusal(rootfs, mount).errno == number


def test_proc_is_bound_upon_proc_only(rootfs: Path, tmp_path: Path) -> None:
    assert "/proc" in mounted(rootfs, bind("/proc", destination="/proc")).mounts
    problem = refusal(rootfs, bind(tmp_path, destination="/proc"))
    assert (problem.step, problem.errno) == ("mount", "EINVAL")


@pytest.mark.parametrize("mount", [tmpfs(destination="/way/sys"), bind("/etc/hostname", destination="/way/uptime")])
@pytest.mark.parametrize("way", ["/proc", "proc"])
def test_a_symlink_into_proc_is_no_way_to_mount_there(rootfs: Path, mount: dict[str, Any], way: str) -> None:
    """SECURITY R6: the document's path was checked, which says nothing of proc."""
    (rootfs / "way").symlink_to(way)
    problem = refusal(rootfs, mount)
    assert (problem.step, problem.errno) == ("mount", "ELOOP")
    assert problem.hint is not None
    assert "leads into procfs" in problem.hint


# ── changes of what is mounted ───────────────────────────────────────────────────────────────────────────────────────


def test_a_bind_remount_changes_attributes(rootfs: Path, tmp_path: Path) -> None:
    change = {"destination": "/data", "options": ["remount", "bind", "ro", "noexec"]}
    found = mounted(rootfs, bind(tmp_path, "bind", "nosuid"), change).mounts
    assert found["/data"].options >= {"ro", "noexec", "nosuid"}
    assert "rw" in found["/data"].superblock


def test_a_remount_changes_the_file_system(rootfs: Path) -> None:
    change = {"destination": "/data", "type": "tmpfs", "options": ["remount", "size=128k", "ro"]}
    found = mounted(rootfs, tmpfs("size=64k", "mode=700"), change).mounts["/data"]
    assert found.superblock >= {"size=128k", "mode=700", "ro"}
    assert "ro" in found.options


@pytest.mark.parametrize(("place", "number"), [("/absent", "ENOENT"), ("/bin", "EINVAL")])
def test_what_is_no_mount_cannot_be_changed(rootfs: Path, place: str, number: str) -> None:
    problem = refusal(rootfs, {"destination": place, "options": ["remount", "bind", "ro"]})
    assert (problem.step, problem.errno) == ("remount", number)
    assert place in problem.message


# ── tmpfs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_tmpfs_looks_like_the_directory_that_it_hides(rootfs: Path) -> None:
    (rootfs / "scratch").mkdir()
    (rootfs / "scratch").chmod(0o1750)
    script = "busybox stat -c %a /scratch /new /own"
    mounts = [tmpfs(destination="/scratch"), tmpfs(destination="/new"), tmpfs("mode=711", destination="/own")]
    assert mounted(rootfs, *mounts, script=script).lines == ["1750", "1777", "711"]


@pytest.mark.parametrize("place", ["/data", "/dev"])
def test_a_read_only_tmpfs_is_built_upon_first(rootfs: Path, place: str) -> None:
    inner = tmpfs(destination=f"{place}/inner")
    script = f"echo x >{place}/inner/file && echo inner; echo x >{place}/file; {SHOW}"
    box = mounted(rootfs, tmpfs("ro", destination=place), inner, script=script)
    assert box.lines[0] == "inner"
    assert "Read-only file system" in box.lines[1]
    assert "ro" in box.mounts[place].options


def _furnish(folder: Path) -> None:
    """Everything that a directory can hold."""
    (folder / "deep/er").mkdir(parents=True)
    (folder / "deep/er/file").write_text("deep\n")
    (folder / "deep").chmod(0o2751)
    (folder / "script").write_text("#!/bin/sh\n")
    (folder / "script").chmod(0o4755)
    os.chown(folder / "script", 12, 34)
    (folder / "script").chmod(0o4755)
    os.setxattr(folder / "script", "user.colour", b"red")
    (folder / "link").symlink_to("/etc/shadow")
    os.mkfifo(folder / "fifo")
    (folder / "fifo").chmod(0o620)
    os.mknod(folder / "node", stat.S_IFCHR | 0o600, os.makedev(1, 7))
    with open(folder / "sparse", "wb") as file:
        file.truncate(1 << 30)
        file.seek(1 << 29)
        file.write(b"middle")
    folder.chmod(0o751)
    os.chown(folder, 5, 6)


def test_a_tmpfs_is_filled_with_what_it_hides(rootfs: Path) -> None:
    (rootfs / "full").mkdir()
    _furnish(rootfs / "full")
    script = (
        "cd /full; cat deep/er/file; busybox readlink link;"
        "busybox stat -c '%n %F %a %u %g %s' . deep script fifo node sparse;"
        "busybox tail -c +536870913 sparse | busybox head -c 6; echo; echo x >new && echo written; cat /proc/self/mountinfo"
    )
    box = mounted(rootfs, tmpfs("tmpcopyup", "size=1m", destination="/full"), script=script)
    assert box.failed is None
    assert box.lines[:10] == [
        "deep",
        "/etc/shadow",
        *(box.lines[2:3]),
        *(box.lines[3:4]),
        "script regular file 4755 12 34 10",
        "fifo fifo 620 0 0 0",
        "node character special file 600 0 0 0",
        f"sparse regular file 644 0 0 {1 << 30}",
        "middle",
        "written",
    ]
    assert box.lines[2].startswith(". directory 751 5 6 ")
    assert box.lines[3].startswith("deep directory 2751 0 0 ")
    assert box.mounts["/full"].fstype == "tmpfs"
    assert not (rootfs / "full/new").exists()


def test_a_copy_that_does_not_fit(rootfs: Path) -> None:
    (rootfs / "full").mkdir()
    (rootfs / "full/big").write_bytes(b"x" * (1 << 20))
    problem = refusal(rootfs, tmpfs("tmpcopyup", "size=64k", destination="/full"))
    assert (problem.step, problem.errno) == ("mount", "ENOSPC")


def test_a_copy_of_directories_without_end(rootfs: Path) -> None:
    deepest = rootfs / "full" / "/".join("d" * 140)
    deepest.mkdir(parents=True)
    assert refusal(rootfs, tmpfs("tmpcopyup", destination="/full")).errno == "ENAMETOOLONG"


def test_a_copy_of_nothing(rootfs: Path) -> None:
    box = mounted(rootfs, tmpfs("tmpcopyup", destination="/absent"), script="ls -a /absent")
    assert (box.status, box.lines) == (WaitStatus(0, None), [".", ".."])


# ── what is shown of the host ────────────────────────────────────────────────────────────────────────────────────────


def test_the_host_sees_nothing_of_it(rootfs: Path) -> None:
    before = host_mounts(rootfs)
    mounted(rootfs, tmpfs("rshared"), bind("/dev", "rbind", "rshared", destination="/other"))
    assert host_mounts(rootfs) == before


# ── the library's own way ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_label_where_selinux_is_not_in_force(shop: Workshop) -> None:
    if os.path.exists("/sys/fs/selinux/enforce"):
        pytest.skip("SELinux is in force")
    with pytest.raises(NotSupported, match=r"cannot label mounts 'label' \(linux\.mountLabel\)"):
        shop.create({"linux.mountLabel": "label"})
    assert not (shop.bundle / "state").exists()


def test_a_source_is_relative_to_the_bundle(shop: Workshop) -> None:
    (shop.bundle / "volume").mkdir()
    (shop.bundle / "volume/name").write_text("told\n")
    assert shop.run("cat /data/name", {"mounts": [PROC, DEV, bind("volume")]})[1] == "told\n"
