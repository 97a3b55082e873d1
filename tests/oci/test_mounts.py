"""Mounts: kinds, options, order, propagation, and the paths that are masked or made read-only."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.oci.bundle import MOUNTS, make_rootfs, namespaces
from tests.oci.containers import Containers

_KERNEL = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])


def bind(source: Path | str, *options: str, destination: str = "/mnt") -> dict[str, Any]:
    return {"destination": destination, "type": "bind", "source": str(source), "options": [*options]}


def tmpfs(*options: str, destination: str = "/mnt") -> dict[str, Any]:
    return {"destination": destination, "type": "tmpfs", "source": "tmpfs", "options": [*options]}


def mounts(*more: dict[str, Any]) -> dict[str, Any]:
    return {"mounts": [*MOUNTS, *more]}


def mountinfo(oci: Containers, destination: str, changes: dict[str, Any]) -> list[str]:
    """Return the fields of the last mount at a path, as the container sees it."""
    lines = oci.sh("cat /proc/self/mountinfo", changes).splitlines()
    return [line.split() for line in lines if line.split()[4] == destination][-1]


@pytest.fixture
def source(place: Path) -> Path:
    made = place / "source"
    (made / "below").mkdir(parents=True)
    (made / "file").write_text("content\n")
    return made


def test_a_directory_is_bound(oci: Containers, source: Path) -> None:
    assert oci.sh("cat /mnt/file; echo new > /mnt/new", mounts(bind(source, "rbind", "rw"))) == "content"
    assert (source / "new").read_text() == "new\n"


@pytest.mark.lacks("crun<1.9", "opens the root before it binds there")
def test_a_first_bind_on_the_root_is_the_root(oci: Containers, place: Path) -> None:
    make_rootfs(place / "other")
    (place / "other/mark").write_text("other\n")
    first = bind(place / "other", "rbind", "ro", destination="/")
    assert oci.sh("cat /mark; touch /new || ls -d /proc/1", {"mounts": [first, *MOUNTS]}) == "other\n/proc/1"


def test_a_file_is_bound(oci: Containers, source: Path) -> None:
    assert oci.sh("cat /etc/file", mounts(bind(source / "file", "bind", destination="/etc/file"))) == "content"


def test_a_bind_is_read_only(oci: Containers, source: Path) -> None:
    told = oci.sh("echo x > /mnt/file || cat /mnt/file", mounts(bind(source, "rbind", "ro")))
    assert told == "content"
    assert (source / "file").read_text() == "content\n"


_EXEC = pytest.param(("exec",), {"rw"}, marks=pytest.mark.lacks("runc<1.2", "changes nothing where nothing is added"))


@pytest.mark.lacks("crun", "keeps what it is not asked to change", some=True)
@pytest.mark.parametrize(
    ("asked", "expected"),
    [((), {"ro", "nosuid", "noexec"}), (("nodev",), {"rw", "nodev"}), _EXEC, (("ro",), {"ro"})],
)
def test_a_bind_that_is_asked_for_options_has_these_alone(
    oci: Containers, place: Path, asked: tuple[str, ...], expected: set[str]
) -> None:
    """As with runc, and mount(8)'s remount; without any it has those of its source."""
    place = place / "made"
    place.mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "ro,nosuid,noexec", "none", place], check=True)
    try:
        fields = mountinfo(oci, "/mnt", mounts(bind(place, "bind", *asked)))
    finally:
        subprocess.run(["/bin/umount", place], check=True)
    assert set(fields[5].split(",")) - {"relatime"} == expected


def test_a_relative_source_is_below_the_bundle(oci: Containers) -> None:
    (oci.bundle / "data").mkdir()
    (oci.bundle / "data/file").write_text("mine")
    assert oci.sh("cat /mnt/file", mounts(bind("data", "bind"))) == "mine"


def test_a_destination_is_made_with_its_parents(oci: Containers, source: Path) -> None:
    assert oci.sh("cat /a/b/c/file", mounts(bind(source, "bind", destination="/a/b/c"))) == "content"
    assert (oci.rootfs / "a/b/c").is_dir()


@pytest.mark.skipif(_KERNEL < (6, 15), reason="no detached mount can be cloned before Linux 6.15")
def test_mounts_are_listed_in_order(oci: Containers, source: Path) -> None:
    """By when they were made (mountinfo since Linux 6.8), whichever the runtime took into hand first."""
    wanted = ["/mnt/a", "/mnt/b", "/mnt/c", "/mnt/d"]
    kinds = [tmpfs(destination=wanted[0]), bind(source, "bind", destination=wanted[1])]
    kinds += [tmpfs(destination=wanted[2]), bind(source / "file", "bind", "ro", destination=wanted[3])]
    lines = oci.sh("cat /proc/self/mountinfo", mounts(*kinds)).splitlines()
    assert [line.split()[4] for line in lines if line.split()[4] in wanted] == wanted


def test_mounts_are_made_in_order(oci: Containers, source: Path) -> None:
    assert oci.sh("ls /mnt", mounts(tmpfs(), bind(source, "bind", destination="/mnt/inner"))) == "inner"
    assert oci.sh("ls /mnt", mounts(bind(source, "bind", destination="/mnt/inner"), tmpfs())) == ""


def test_a_source_may_lie_in_an_earlier_mount(oci: Containers, source: Path) -> None:
    """Named as the host knows it, below the root: there it is empty."""
    (source / "below/deep").write_text("deep\n")
    inner = bind(oci.rootfs / "mnt/below", "bind", destination="/inner")
    assert oci.sh("cat /inner/deep", mounts(bind(source, "bind"), inner)) == "deep"
    made = tmpfs(destination="/mnt/below/made")
    all_of_it = bind(oci.rootfs / "mnt", "rbind", destination="/all")
    told = oci.sh("touch /mnt/below/made/new; ls /all/below/made", mounts(bind(source, "bind"), made, all_of_it))
    assert told == "new"


def test_a_source_that_lies_in_a_later_mount_is_the_roots_own(oci: Containers, source: Path) -> None:
    (oci.rootfs / "mnt").mkdir()
    (oci.rootfs / "mnt/own").touch()
    inner = bind(oci.rootfs / "mnt", "bind", destination="/inner")
    assert oci.sh("ls /inner", mounts(inner, bind(source, "bind"))) == "own"


@pytest.mark.lacks("runc", "follows it on the host")
@pytest.mark.lacks("crun", "follows it on the host")
def test_a_link_in_an_earlier_mount_stays_in_the_root(oci: Containers, source: Path, place: Path) -> None:
    """Whoever fills a volume decides nothing about the host."""
    (place / "secret").write_text("of the host\n")
    (source / "link").symlink_to(place / "secret")
    inner = bind(oci.rootfs / "mnt/link", "bind", destination="/inner")
    assert "No such file" in oci.refused(mounts(bind(source, "bind"), inner))
    (oci.rootfs / str(place)[1:]).mkdir(parents=True)
    (oci.rootfs / str(place / "secret")[1:]).write_text("of the container\n")
    assert oci.sh("cat /inner", mounts(bind(source, "bind"), inner)) == "of the container"


@pytest.mark.lacks("runc<1.2", "makes such a directory inside")
@pytest.mark.lacks("crun", "takes it as a path of the container's")
def test_a_destination_may_be_told_as_the_host_knows_it(oci: Containers, source: Path) -> None:
    (oci.rootfs / "mnt").mkdir()
    asked = mounts(bind(source, "bind", destination=str(oci.rootfs / "mnt")))
    assert oci.sh(f"cat /mnt/file; ls -d {oci.rootfs} || echo none", asked).split() == ["content", "none"]


@pytest.mark.lacks("runc<1.2", "looks at what it is told alone")
@pytest.mark.lacks("crun", "mounts there")
def test_a_destination_as_the_host_knows_it_is_no_way_into_proc(oci: Containers, source: Path) -> None:
    oci.refused(mounts(bind(source / "file", "bind", destination=str(oci.rootfs / "proc/self/attr/exec"))))


def test_a_link_in_the_root_stays_in_the_root(oci: Containers, source: Path, place: Path) -> None:
    outside = place / "outside"
    outside.mkdir()
    (oci.rootfs / "link").symlink_to(outside)
    (oci.rootfs / str(outside)[1:]).mkdir(parents=True)
    oci.sh("true", mounts(bind(source, "bind", destination="/link/x")))
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("way", ["../run/resolve/stub.conf", "/run/resolve/stub.conf"])
def test_what_a_link_in_the_root_leads_to_is_made(oci: Containers, source: Path, way: str) -> None:
    """As /etc/resolv.conf of many images."""
    (oci.rootfs / "etc/resolv.conf").symlink_to(way)
    told = oci.sh("cat /etc/resolv.conf", mounts(bind(source / "file", "bind", destination="/etc/resolv.conf")))
    assert told == "content"
    assert (oci.rootfs / "run/resolve/stub.conf").is_file()


def test_a_tmpfs_has_its_size_and_mode(oci: Containers) -> None:
    told = oci.sh("stat -c %a /mnt; df -k /mnt | tail -1", mounts(tmpfs("size=64k", "mode=1770"))).split()
    assert told[0] == "1770"
    assert told[2] == "64"


@pytest.mark.parametrize("option", ["nosuid", "nodev", "noexec", "noatime", "nodiratime", "ro"])
def test_an_option_is_that_of_the_mount(oci: Containers, option: str) -> None:
    assert option in mountinfo(oci, "/mnt", mounts(tmpfs(option)))[5].split(",")


@pytest.mark.lacks("crun", "has ro and noexec win")
@pytest.mark.parametrize(("options", "expected"), [(("ro", "rw"), "rw"), (("noexec", "exec"), "rw")])
def test_the_last_of_contradicting_options_counts(oci: Containers, options: tuple[str, ...], expected: str) -> None:
    found = mountinfo(oci, "/mnt", mounts(tmpfs(*options)))[5].split(",")
    assert expected in found
    assert "noexec" not in found


def test_noexec_stops_programs(oci: Containers) -> None:
    script = "cp /bin/busybox /mnt/true; /mnt/true && echo ran || echo stopped"
    assert oci.sh(script, mounts(tmpfs("noexec"))).endswith("stopped")


def test_recursive_options_reach_what_is_below(oci: Containers) -> None:
    """/dev of the host has mounts below it (pts, shm)."""
    lines = oci.sh("cat /proc/self/mountinfo", mounts(bind("/dev", "rbind", "rro"))).splitlines()
    below = [line.split() for line in lines if line.split()[4].startswith("/mnt")]
    assert len(below) > 1
    assert all("ro" in fields[5].split(",") for fields in below)


def test_tmpcopyup_keeps_what_was_there(oci: Containers) -> None:
    (oci.rootfs / "etc/deep").mkdir()
    (oci.rootfs / "etc/deep/file").write_text("kept\n")
    script = "cat /etc/deep/file; echo x > /etc/new; stat -f -c %T /etc"
    told = oci.sh(script, mounts(tmpfs("tmpcopyup", destination="/etc")))
    assert told.split() == ["kept", "tmpfs"]
    assert not (oci.rootfs / "etc/new").exists()


@pytest.mark.lacks("runc<1.2", "a directory that is there has the last word", some=True)
@pytest.mark.parametrize("destination", ["/absent", "/etc"])
def test_tmpcopyup_has_the_mode_that_is_asked_for(oci: Containers, destination: str) -> None:
    told = oci.sh(f"stat -c %a {destination}", mounts(tmpfs("tmpcopyup", "mode=700", destination=destination)))
    assert told == "700"


def propagation(fields: list[str]) -> list[str]:
    """Return the optional fields of a line of mountinfo, such as shared:3."""
    return [each.split(":")[0] for each in fields[6 : fields.index("-")]]


@pytest.mark.lacks("crun", "makes all mounts private at last")
def test_a_mount_is_shared(oci: Containers, source: Path) -> None:
    assert propagation(mountinfo(oci, "/mnt", mounts(bind(source, "rbind", "rshared")))) == ["shared"]


@pytest.mark.parametrize("option", ["sync", "dirsync", "lazytime"])
def test_an_option_is_that_of_the_file_system(oci: Containers, option: str) -> None:
    fields = mountinfo(oci, "/mnt", mounts(tmpfs(option)))
    assert option in fields[-1].split(",")


_DEFAULTS = pytest.param(("strictatime", "defaults"), marks=pytest.mark.lacks("runc", "hands it to the file system"))


@pytest.mark.parametrize("options", [("suid", "nosuid"), ("dev", "nodev"), _DEFAULTS, ("relatime", "rw")])
def test_an_option_may_say_what_is_so_anyway(oci: Containers, options: tuple[str, str]) -> None:
    assert options[1] in ("defaults", *mountinfo(oci, "/mnt", mounts(tmpfs(*options)))[5].split(","))


@pytest.mark.lacks("crun", "makes all mounts private at last")
def test_a_mount_cannot_be_bound(oci: Containers, source: Path) -> None:
    assert propagation(mountinfo(oci, "/mnt", mounts(bind(source, "rbind", "unbindable")))) == ["unbindable"]


@pytest.mark.parametrize("option", ["private", "rprivate"])
def test_a_mount_is_private(oci: Containers, source: Path, option: str) -> None:
    assert propagation(mountinfo(oci, "/mnt", mounts(bind(source, "rbind", option)))) == []


_SHARED = pytest.param("shared", True, marks=pytest.mark.lacks("runc", "makes the root private at last"))


@pytest.mark.parametrize(("value", "shared"), [_SHARED, ("private", False), ("slave", False)])
def test_the_root_propagates_as_told(oci: Containers, value: str, shared: bool) -> None:  # noqa: FBT001
    fields = mountinfo(oci, "/", {"linux.rootfsPropagation": value})
    assert ("shared" in propagation(fields)) is shared


def test_nothing_of_the_host_is_mounted_inside(oci: Containers) -> None:
    points = [line.split()[4] for line in oci.sh("cat /proc/self/mountinfo").splitlines()]
    assert not [point for point in points if point.startswith(("/tmp", "/home", "/work", "/var"))]


def test_the_root_is_read_only(oci: Containers) -> None:
    told = oci.sh("touch /file 2>&1 || true; touch /dev/file && echo tmpfs", {"root.readonly": True})
    assert "Read-only file system" in told
    assert told.endswith("tmpfs")
    assert not (oci.rootfs / "file").exists()


def test_a_file_is_masked(oci: Containers) -> None:
    (oci.rootfs / "etc/secret").write_text("hidden")
    assert oci.sh("cat /etc/secret", {"linux.maskedPaths": ["/etc/secret", "/etc/missing"]}) == ""


@pytest.mark.lacks("crun", "masks it twice")
@pytest.mark.lacks("runc<1.3", "masks it twice")
def test_a_path_is_masked_once(oci: Containers) -> None:
    assert oci.sh("grep -c ' /root ' /proc/mounts", {"linux.maskedPaths": ["/root", "/root"]}) == "1"


def test_a_root_can_be_moved_to_instead(oci: Containers) -> None:
    assert oci.sh("ls /; ls -d /proc/1/root/bin", None, "--no-pivot").split()[-1] == "/proc/1/root/bin"
    assert (oci.rootfs / "bin").exists()


def test_a_directory_is_masked(oci: Containers) -> None:
    (oci.rootfs / "etc/secrets").mkdir()
    (oci.rootfs / "etc/secrets/one").write_text("hidden")
    told = oci.sh(
        "ls /etc/secrets; touch /etc/secrets/x 2>/dev/null || echo closed", {"linux.maskedPaths": ["/etc/secrets"]}
    )
    assert told == "closed"


def test_a_path_is_made_read_only(oci: Containers) -> None:
    changes = {"linux.readonlyPaths": ["/proc/sys", "/etc", "/missing"]}
    told = oci.sh("echo x 2>&1 > /proc/sys/kernel/domainname; touch /etc/x 2>&1; true", changes)
    assert told.count("Read-only file system") == 2


@pytest.mark.parametrize("name", ["null", "zero", "full", "random", "urandom", "tty"])
def test_there_is_a_default_device(oci: Containers, name: str) -> None:
    assert oci.sh(f"stat -c %F /dev/{name}") == "character special file"


@pytest.mark.parametrize(
    ("link", "target"),
    [("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2")],
)
def test_there_is_a_default_link(oci: Containers, link: str, target: str) -> None:
    assert oci.sh(f"readlink /dev/{link}") == target


def test_ptmx_is_that_of_the_containers_own_devpts(oci: Containers) -> None:
    assert oci.sh("readlink /dev/ptmx").removeprefix("/dev/") == "pts/ptmx"


def test_proc_is_that_of_the_pid_namespace(oci: Containers) -> None:
    assert oci.sh("cat /proc/1/comm") in ("sh", "cat")


def test_mqueue_is_mounted(oci: Containers) -> None:
    mqueue = {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid"]}
    assert "mqueue" in mountinfo(oci, "/dev/mqueue", mounts(mqueue))


CGROUP = {
    "destination": "/sys/fs/cgroup",
    "type": "cgroup",
    "source": "cgroup",
    "options": ["nosuid", "noexec", "nodev", "relatime", "ro"],
}


def test_cgroups_are_mounted_with_the_container_at_their_root(oci: Containers) -> None:
    """By a cgroup namespace, and without one by binds."""
    for own in (namespaces(cgroup=""), namespaces()):
        script = "cat /sys/fs/cgroup/pids/cgroup.procs | wc -l; mkdir /sys/fs/cgroup/pids/x 2>/dev/null || echo closed"
        told = oci.sh(script, {**mounts(CGROUP), "linux.namespaces": own}).split()
        assert 0 < int(told[0]) < 5
        assert told[1] == "closed"


@pytest.mark.parametrize(
    "mount",
    [
        bind("/no/such/source", "bind"),
        {"destination": "/mnt", "type": "no-such-type", "source": "none"},
        tmpfs("no-such-option"),
    ],
)
def test_a_mount_that_cannot_be_made_is_refused(oci: Containers, mount: dict[str, Any]) -> None:
    oci.refused(mounts(mount))


def test_a_relative_destination_is_below_the_root(oci: Containers) -> None:
    assert oci.sh("stat -f -c %T /mnt", mounts(tmpfs(destination="mnt"))) == "tmpfs"


@pytest.mark.parametrize("path", ["missing", "rootfs/bin/busybox"])
def test_a_root_that_is_no_directory_is_refused(oci: Containers, path: str) -> None:
    oci.refused({"root.path": path})


_IDMAP = [{"containerID": 0, "hostID": 50_000, "size": 65_536}]


@pytest.mark.lacks("runc<1.2", "knows no idmapped mounts")
def test_a_mount_has_ids_of_its_own(oci: Containers, source: Path) -> None:
    mount = bind(source, "bind", "idmap") | {"uidMappings": _IDMAP, "gidMappings": _IDMAP}
    assert oci.sh("stat -c %u:%g /mnt/file", mounts(mount)) == "50000:50000"


@pytest.mark.lacks("runc<1.2", "knows no idmapped mounts")
def test_an_idmapped_mount_keeps_the_hosts_owners(oci: Containers, source: Path) -> None:
    """What the container's root writes belongs to root of the host, as the files below do already."""
    mappings = [{"containerID": 0, "hostID": 100_000, "size": 65_536}]
    users = {"linux.namespaces": namespaces(user=""), "linux.uidMappings": mappings, "linux.gidMappings": mappings}
    mount = bind(source, "bind") | {"uidMappings": mappings, "gidMappings": mappings}
    (oci.rootfs / "mnt").mkdir()
    told = oci.sh("stat -c %u:%g /mnt/file; touch /mnt/new && echo made", {**mounts(mount), **users})
    assert told.split() == ["0:0", "made"]
    assert ((source / "new").stat().st_uid, (source / "new").stat().st_gid) == (0, 0)


@pytest.mark.lacks("runc<1.2", "knows no idmapped mounts")
@pytest.mark.lacks("crun<1.9", "reads no mappings of a mount outside a user namespace")
def test_an_earlier_mount_that_takes_no_ids_is_refused(oci: Containers) -> None:
    mapped = bind(oci.rootfs / "proc", "bind") | {"uidMappings": _IDMAP, "gidMappings": _IDMAP}
    oci.refused(mounts(mapped))


@pytest.mark.lacks("runc<1.2", "knows no idmapped mounts")
@pytest.mark.lacks("crun<1.9", "reads no mappings of a mount outside a user namespace", run=False)
@pytest.mark.parametrize("kinds", [(), ("user",)])
def test_a_source_in_an_earlier_mount_has_ids_of_its_own(oci: Containers, source: Path, kinds: tuple[str, ...]) -> None:
    """Its owner is the container's 7 by the mount's mapping, and nobody's by that of the earlier mount."""
    mapping = [{"containerID": 0, "hostID": 100_000, "size": 65_536}]
    ours = {"linux.uidMappings": mapping, "linux.gidMappings": mapping} if kinds else {}
    seen = "100007:100007" if not kinds else "7:7"
    for name in ("mnt", "inner"):
        (oci.rootfs / name).mkdir()
    os.chown(source / "file", 7, 7)
    inner = bind(oci.rootfs / "mnt", "bind", destination="/inner") | {"uidMappings": mapping, "gidMappings": mapping}
    asked = mounts(bind(source, "bind"), inner) | {"linux.namespaces": namespaces(**dict.fromkeys(kinds, ""))}
    assert oci.sh("stat -c %u:%g /inner/file", asked | ours) == seen


@pytest.mark.lacks("runc<1.2", "knows no idmapped mounts")
@pytest.mark.parametrize(("option", "below"), [("idmap", "0"), ("ridmap", "50000")])
@pytest.mark.lacks("crun<1.9", "reads no mappings of a mount outside a user namespace", run=False)
def test_an_idmap_reaches_what_is_mounted_below_if_it_is_recursive(
    oci: Containers, source: Path, option: str, below: str
) -> None:
    hide = f'mount -t tmpfs tmpfs {source}/below && touch {source}/below/file && exec "$@"'
    oci.runtime.through = ("unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", hide, "sh")
    mount = bind(source, "rbind", option) | {"uidMappings": _IDMAP, "gidMappings": _IDMAP}
    assert oci.sh("stat -c %u /mnt/file /mnt/below/file", mounts(mount)).split() == ["50000", below]


@pytest.mark.lacks("runc<1.2", "knows no idmapped mounts")
def test_an_idmap_needs_mappings(oci: Containers, source: Path) -> None:
    oci.refused(mounts(bind(source, "bind", "idmap")))


@pytest.mark.lacks("runc", "knows no such option")
@pytest.mark.lacks("crun<1.8.2", "follows it")
def test_a_link_is_copied_instead_of_followed(oci: Containers, place: Path) -> None:
    (place / "link").symlink_to("/etc/passwd")
    mount = bind(place / "link", "bind", "copy-symlink", destination="/etc/copied")
    assert oci.sh("readlink /etc/copied", mounts(mount)) == "/etc/passwd"


@pytest.mark.lacks("crun<1.8.2", "knows no such option")
def test_links_on_a_mount_are_not_followed(oci: Containers) -> None:
    script = "ln -s /etc/passwd /mnt/link; cat /mnt/link 2>/dev/null || echo stopped"
    assert oci.sh(script, mounts(tmpfs("nosymfollow"))) == "stopped"


_TIMES = [
    pytest.param(option, marks=pytest.mark.lacks("crun<1.8.2", "does not say which rule about times goes"))
    for option in ("rnoatime", "rnodiratime")
]


@pytest.mark.parametrize("option", ["rnoexec", "rnosuid", "rnodev", *_TIMES])
def test_a_recursive_option_is_that_of_all_mounts_below(oci: Containers, option: str) -> None:
    lines = oci.sh("cat /proc/self/mountinfo", mounts(bind("/dev", "rbind", option))).splitlines()
    below = [line.split() for line in lines if line.split()[4].startswith("/mnt")]
    assert len(below) > 1
    assert all(option[1:] in fields[5].split(",") for fields in below)


def test_a_mount_is_changed_by_remount(oci: Containers) -> None:
    fields = mountinfo(oci, "/proc", mounts({**MOUNTS[0], "options": ["remount", "nosuid", "nodev", "noexec", "ro"]}))
    assert {"ro", "nosuid"} <= set(fields[5].split(","))


_SYS = pytest.param("/proc/sys", marks=pytest.mark.lacks("runc", "mounts there"))


@pytest.mark.lacks("crun", "mounts there")
@pytest.mark.parametrize("destination", [_SYS, "/proc/1", "/proc/self/fd"])
def test_nothing_is_mounted_over_a_file_of_proc(oci: Containers, destination: str) -> None:
    oci.refused(mounts(tmpfs(destination=destination)))


@pytest.mark.lacks("crun", "goes without the label")
def test_a_label_is_refused_where_selinux_is_not_in_force(oci: Containers) -> None:
    if Path("/sys/fs/selinux/enforce").exists():
        pytest.skip("SELinux is in force")
    oci.refused({"linux.mountLabel": "system_u:object_r:container_file_t:s0"})
