"""Mount options become attributes, propagation and the file system's own words."""

import re

import pytest

from containerd_py.errors import InvalidArgument, NotSupported
from containerd_py.runtime.linux.mounts import MountAttr as A
from containerd_py.runtime.linux.mounts import Propagation
from containerd_py.runtime.spec.idmap_option import IdmapOption, IdmapRange
from containerd_py.runtime.spec.mount_options import (
    KNOWN_OPTIONS,
    BadOption,
    MountOptions,
    parse_options,
    read_options,
)

ATIME = int(A.ATIME_MASK)


def read(*options: str, bind: bool = False) -> MountOptions:
    return parse_options(options, where="mounts.0.options", bind=bind)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), MountOptions()),
        (("ro",), MountOptions(add=int(A.RDONLY))),
        (("nosuid", "nodev", "noexec"), MountOptions(add=int(A.NOSUID | A.NODEV | A.NOEXEC))),
        (("rw", "suid", "dev", "exec"), MountOptions(remove=int(A.RDONLY | A.NOSUID | A.NODEV | A.NOEXEC))),
        (("nodiratime", "nosymfollow"), MountOptions(add=int(A.NODIRATIME | A.NOSYMFOLLOW))),
        (("diratime", "symfollow"), MountOptions(remove=int(A.NODIRATIME | A.NOSYMFOLLOW))),
        (("noatime",), MountOptions(add=int(A.NOATIME), remove=ATIME)),
        (("strictatime",), MountOptions(add=int(A.STRICTATIME), remove=ATIME)),
        (("relatime",), MountOptions(remove=ATIME)),
        (("rro", "rnosuid"), MountOptions(below_add=int(A.RDONLY | A.NOSUID))),
        (("rrw",), MountOptions(below_remove=int(A.RDONLY))),
        (("rnoatime",), MountOptions(below_add=int(A.NOATIME), below_remove=ATIME)),
        (("defaults", "async", "silent"), MountOptions()),
        (
            ("mode=755", "size=64k", "newinstance"),
            MountOptions(data=(("mode", "755"), ("size", "64k"), ("newinstance", None))),
        ),
        (("lowerdir=/a=b",), MountOptions(data=(("lowerdir", "/a=b"),))),
    ],
)
def test_options_of_a_file_system(options: tuple[str, ...], expected: MountOptions) -> None:
    assert read(*options) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("ro", "rw"), MountOptions(remove=int(A.RDONLY))),
        (("rw", "ro"), MountOptions(add=int(A.RDONLY))),
        (("nosuid", "ro", "suid"), MountOptions(add=int(A.RDONLY), remove=int(A.NOSUID))),
        (("noatime", "strictatime"), MountOptions(add=int(A.STRICTATIME), remove=ATIME)),
        (("strictatime", "relatime"), MountOptions(remove=ATIME)),
        (("rshared", "private"), MountOptions(propagation=int(Propagation.PRIVATE))),
    ],
)
def test_the_last_of_contradicting_options_counts(options: tuple[str, ...], expected: MountOptions) -> None:
    found = read(*options)
    assert (found.add, found.propagation) == (expected.add, expected.propagation)
    assert found.remove & ~ATIME == expected.remove & ~ATIME
    assert bool(found.remove & ATIME) == bool(expected.remove & ATIME)


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("private", Propagation.PRIVATE),
        ("rprivate", Propagation.PRIVATE),
        ("slave", Propagation.SLAVE),
        ("rslave", Propagation.SLAVE),
        ("shared", Propagation.SHARED),
        ("rshared", Propagation.SHARED),
        ("unbindable", Propagation.UNBINDABLE),
        ("runbindable", Propagation.UNBINDABLE),
    ],
)
def test_propagation(option: str, expected: Propagation) -> None:
    assert read(option) == MountOptions(propagation=int(expected), propagation_recursive=option.startswith("r"))


@pytest.mark.parametrize(
    ("options", "by_type", "recursive"),
    [(("bind",), False, False), (("rbind",), False, True), ((), True, False), (("rbind", "bind"), True, True)],
)
def test_a_bind_is_one_by_its_type_or_by_its_options(*, options: tuple[str, ...], by_type: bool, recursive: bool) -> None:
    assert read(*options, bind=by_type) == MountOptions(bind=True, recursive_bind=recursive)


@pytest.mark.parametrize("options", [("size=1k", "bind"), ("rbind", "size=1k"), ("bind", "nonsense")])
def test_a_bind_has_no_options_of_a_file_system(options: tuple[str, ...]) -> None:
    with pytest.raises(InvalidArgument, match=r"\(mounts\.0\.options\): not an option of a bind") as caught:
        read(*options)
    assert caught.value.step == "validate"


@pytest.mark.parametrize(
    ("option", "plus", "minus"),
    [
        ("ro", A.RDONLY, 0),
        ("rw", 0, A.RDONLY),
        ("nosuid", A.NOSUID, 0),
        ("suid", 0, A.NOSUID),
        ("nodev", A.NODEV, 0),
        ("dev", 0, A.NODEV),
        ("noexec", A.NOEXEC, 0),
        ("exec", 0, A.NOEXEC),
        ("nodiratime", A.NODIRATIME, 0),
        ("diratime", 0, A.NODIRATIME),
        ("nosymfollow", A.NOSYMFOLLOW, 0),
        ("symfollow", 0, A.NOSYMFOLLOW),
        ("relatime", 0, ATIME),
        ("norelatime", A.STRICTATIME, ATIME),
        ("noatime", A.NOATIME, ATIME),
        ("atime", 0, ATIME),
        ("strictatime", A.STRICTATIME, ATIME),
        ("nostrictatime", 0, ATIME),
    ],
)
def test_every_attribute_alone_and_for_all_below(option: str, plus: int, minus: int) -> None:
    assert read(option, bind=True) == MountOptions(bind=True, add=int(plus), remove=int(minus))
    assert read(f"r{option}", bind=True) == MountOptions(bind=True, below_add=int(plus), below_remove=int(minus))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("rw", "rro"), MountOptions(below_add=int(A.RDONLY))),
        (("ro", "rrw"), MountOptions(below_remove=int(A.RDONLY))),
        (("rro", "rw"), MountOptions(below_add=int(A.RDONLY), remove=int(A.RDONLY))),
        (("rro", "rrw"), MountOptions(below_remove=int(A.RDONLY))),
        (("noatime", "rrelatime"), MountOptions(below_remove=ATIME)),
        (("nosuid", "ro", "rrw"), MountOptions(add=int(A.NOSUID), below_remove=int(A.RDONLY))),
    ],
)
def test_the_last_counts_between_a_mount_and_all_below_too(options: tuple[str, ...], expected: MountOptions) -> None:
    assert read(*options) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("sync", "dirsync", "lazytime"), ("sync", "dirsync", "lazytime")),
        (("sync", "async"), ()),
        (("async", "sync"), ("sync",)),
        (("lazytime", "nolazytime"), ()),
        (("mand",), ("mand",)),
        (("nomand", "async", "nolazytime"), ()),
    ],
)
def test_flags_of_a_superblock(options: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert read(*options) == MountOptions(superblock=expected)


@pytest.mark.parametrize("option", ["defaults", "silent", "loud", "iversion", "noiversion"])
@pytest.mark.parametrize("bind", [False, True])
def test_options_that_change_nothing(*, option: str, bind: bool) -> None:
    assert read(option, bind=bind) == MountOptions(bind=bind)


@pytest.mark.parametrize(
    ("options", "bind", "expected"),
    [
        (("remount", "ro"), False, MountOptions(remount=True, add=int(A.RDONLY))),
        (("remount", "bind", "ro"), False, MountOptions(remount=True, bind=True, add=int(A.RDONLY))),
        (("tmpcopyup",), False, MountOptions(copy_up=True)),
        (("copy-symlink",), True, MountOptions(bind=True, copy_symlink=True)),
        (("src-nofollow", "dest-nofollow"), True, MountOptions(bind=True, source_nofollow=True, target_nofollow=True)),
        (("idmap",), True, MountOptions(bind=True, idmap=IdmapOption(recursive=False))),
        (("rbind", "ridmap"), False, MountOptions(bind=True, recursive_bind=True, idmap=IdmapOption(recursive=True))),
        (
            ("idmap=uids=0-1000-10#10-2000-1;gids=@0-5-1",),
            True,
            MountOptions(
                bind=True,
                idmap=IdmapOption(
                    recursive=False,
                    uids=(IdmapRange(0, 1000, 10), IdmapRange(10, 2000, 1)),
                    gids=(IdmapRange(0, 5, 1, relative=True),),
                ),
            ),
        ),
    ],
)
def test_what_the_runtime_does_itself(*, options: tuple[str, ...], bind: bool, expected: MountOptions) -> None:
    assert read(*options, bind=bind) == expected


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("bind", "sync"), "option 'sync': it belongs to a file system"),
        (("bind", "lazytime"), "option 'lazytime': it belongs to a file system"),
        (("bind", "tmpcopyup"), "option 'tmpcopyup': not an option of a bind"),
        (("bind", "size=1k"), "option 'size=1k': not an option of a bind"),
        (("bind", "copy-symlink", "src-nofollow"), "option 'copy-symlink': contradicts 'src-nofollow'"),
        (("bind", "dest-nofollow", "copy-symlink"), "option 'copy-symlink': contradicts 'dest-nofollow'"),
        (("copy-symlink",), "option 'copy-symlink': only an option of a bind"),
        (("src-nofollow",), "option 'src-nofollow': only an option of a bind"),
        (("dest-nofollow",), "option 'dest-nofollow': only an option of a bind"),
        (("idmap",), "option 'idmap': only an option of a bind"),
        (("ridmap",), "option 'ridmap': only an option of a bind"),
        (("remount", "tmpcopyup"), "option 'tmpcopyup': contradicts 'remount'"),
        (("remount", "bind", "idmap"), "option 'idmap': contradicts 'remount'"),
        (("remount", "bind", "copy-symlink"), "option 'copy-symlink': contradicts 'remount'"),
        (("bind", "idmap="), "option 'idmap=': has the form idmap=uids="),
        (("bind", "idmap=uids=0-1-1"), "option 'idmap=uids=0-1-1': must map both uids and gids"),
        (("bind", "idmap=uids=0-1-1;uids=0-1-1"), ": has the form"),
        (("bind", "idmap=uids=0-1;gids=0-1-1"), "'0-1' is no range"),
        (("bind", "idmap=uids=0-1-0;gids=0-1-1"), "'0-1-0' is empty"),
        (("bind", "idmap=uids=0-4294967295-1;gids=0-1-1"), "goes beyond the largest id"),
        (("bind", "idmap=uids=0-٣-1;gids=0-1-1"), "'0-٣-1' is no range"),
    ],
)
def test_contradictions(options: tuple[str, ...], told: str) -> None:
    with pytest.raises(BadOption, match=re.escape(told)) as caught:
        read_options(options, bind=False)
    assert caught.value.supported


@pytest.mark.parametrize("option", ["rsync", "rasync", "rdirsync", "rmand", "rnomand"])
def test_what_the_kernel_has_not_for_single_mounts(option: str) -> None:
    with pytest.raises(NotSupported, match=rf"cannot use mount option '{option}' \(mounts\.0\.options\): the kernel"):
        read(option, bind=True)


SPECIFIED = """
async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime
noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime
relatime remount rexec rnoatime rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate
rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid
symfollow sync tmpcopyup unbindable idmap ridmap
"""


@pytest.mark.parametrize("option", SPECIFIED.split())
def test_every_option_of_the_specification_is_known(option: str) -> None:
    """config.md, "Linux mount options"; none of them reaches the file system as one of its own."""
    assert option in KNOWN_OPTIONS
    of_binds = option in ("idmap", "ridmap")
    assert read(option, bind=of_binds).data == ()
