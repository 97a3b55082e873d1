"""Mount options become attributes, propagation and the file system's own words."""

import pytest

from containerd_py.errors import InvalidArgument, NotSupported
from containerd_py.runtime.linux.mounts import MountAttr as A
from containerd_py.runtime.linux.mounts import Propagation
from containerd_py.runtime.spec.mount_options import MountOptions, parse_options

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


@pytest.mark.parametrize("option", ["remount", "idmap", "ridmap", "tmpcopyup", "copy-symlink"])
def test_what_is_not_served_is_refused_by_name(option: str) -> None:
    with pytest.raises(NotSupported, match=rf"cannot use mount option '{option}' \(mounts\.0\.options\)"):
        read(option)
