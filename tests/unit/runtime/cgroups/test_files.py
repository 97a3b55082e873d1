"""Writing control files: the order that the kernel wants, and what a refusal means."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from containerd_py.errors import Conflict, ContainerdError, InvalidArgument, NotFound, NotSupported, Unavailable
from containerd_py.runtime.cgroups import files
from containerd_py.runtime.cgroups.resources import FileValue

Refuse = Callable[[str, str], int]
"""Says what a kernel would answer to a write: an error number, or 0."""


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Refuse], list[str]]:
    """Install a kernel that answers each write; return the list of what it took, as it grows."""
    taken: list[str] = []

    def install(refuse: Refuse) -> list[str]:
        def write(path: str, text: str) -> None:
            number = refuse(os.path.basename(path), text)
            if number:
                raise OSError(number, os.strerror(number))
            taken.append(f"{os.path.basename(path)}={text}")

        monkeypatch.setattr(files, "write", write)
        return taken

    return install


def pair(limit: int, both: int) -> tuple[FileValue, FileValue]:
    return FileValue("limit", str(limit), waits=True), FileValue("both", str(both), waits=True)


@pytest.mark.parametrize(
    ("before", "after", "order"),
    [((10, 20), (30, 40), ["both=40", "limit=30"]), ((30, 40), (10, 20), ["limit=10", "both=20"])],
)
def test_the_kernel_tells_the_order(
    tmp_path: Path,
    kernel: Callable[[Refuse], list[str]],
    before: tuple[int, int],
    after: tuple[int, int],
    order: list[str],
) -> None:
    """As memory.limit_in_bytes and memory.memsw.limit_in_bytes: the first may never be above the second."""
    now = dict(zip(("limit", "both"), before, strict=True))

    def refuse(name: str, text: str) -> int:
        wanted = now | {name: int(text)}
        if wanted["limit"] > wanted["both"]:
            return errno.EINVAL
        now.update(wanted)
        return 0

    taken = kernel(refuse)
    files.write_all(str(tmp_path), pair(*after))
    assert taken == order


def test_what_stays_refused_is_told(tmp_path: Path, kernel: Callable[[Refuse], list[str]]) -> None:
    taken = kernel(lambda name, _text: errno.EINVAL if name == "limit" else 0)
    with pytest.raises(InvalidArgument, match="cannot set limit to '1': Invalid argument") as caught:
        files.write_all(str(tmp_path), pair(1, 2))
    assert (caught.value.step, caught.value.errno) == ("cgroup", "EINVAL")
    assert taken == ["both=2"]


@pytest.mark.parametrize(
    ("number", "kind", "hint"),
    [
        (errno.EINVAL, InvalidArgument, "the value is out of range"),
        (errno.ERANGE, InvalidArgument, ""),
        (errno.EOVERFLOW, InvalidArgument, ""),
        (errno.E2BIG, InvalidArgument, ""),
        (errno.ENODEV, InvalidArgument, "there is no such device"),
        (errno.EOPNOTSUPP, NotSupported, ""),
        (errno.ENOENT, NotSupported, ""),
        (errno.EBUSY, Conflict, ""),
        (errno.EACCES, Unavailable, "the cgroup file system is not writable"),
        (errno.EIO, Unavailable, ""),
    ],
)
def test_a_refusal_has_its_kind(
    tmp_path: Path, kernel: Callable[[Refuse], list[str]], number: int, kind: type[ContainerdError], hint: str
) -> None:
    kernel(lambda _name, _text: number)
    with pytest.raises(kind, match=r"^cannot set memory\.max to '1': ") as caught:
        files.write_all(str(tmp_path), (FileValue("memory.max", "1"),))
    assert (caught.value.step, caught.value.errno) == ("cgroup", errno.errorcode[number])
    assert (caught.value.hint or "").startswith(hint)


def test_a_file_that_the_kernel_has_not_names_the_controller(tmp_path: Path) -> None:
    with pytest.raises(NotSupported, match="the hugetlb controller of this kernel has no such control file"):
        files.write_all(str(tmp_path), (FileValue("hugetlb.3MB.max", "1"),))


def test_a_file_that_is_named_after_a_wrong_value_names_its_place_and_what_there_is(tmp_path: Path) -> None:
    for name in ("hugetlb.2MB.max", "hugetlb.1GB.max", "hugetlb.2MB.rsvd.max", "hugetlb.2MB.current", "hugetlb.64KB.min"):
        (tmp_path / name).touch()
    place = "linux.resources.hugepageLimits.0.pageSize"
    with pytest.raises(NotSupported, match=rf"no such control file \({place}\)") as caught:
        files.write_all(str(tmp_path), (FileValue("hugetlb.3MB.max", "1", place=place),))
    assert caught.value.hint == "it has 1GB, 2MB"


def test_an_optional_file_may_be_missing(tmp_path: Path) -> None:
    files.write_all(str(tmp_path), (FileValue("memory.swap.max", "0", optional=True),))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("optional", [True, False])
def test_a_cgroup_that_is_gone(tmp_path: Path, optional: bool) -> None:  # noqa: FBT001
    with pytest.raises(NotFound, match="the cgroup is gone"):
        files.write_all(str(tmp_path / "gone"), (FileValue("memory.max", "1", optional=optional),))


def test_a_value_that_is_not_kept_is_told(tmp_path: Path) -> None:
    (tmp_path / "cpu.shares").write_text("262144\n")
    (tmp_path / "cpu.shares").chmod(0o644)
    with pytest.raises(NotSupported, match=r"cannot set cpu\.shares to '9': this kernel makes '962144' of it"):
        files.write_all(str(tmp_path), (FileValue("cpu.shares", "9", kept=True),))


def test_reading(tmp_path: Path) -> None:
    (tmp_path / "pids.max").write_text("max\n")
    read = files.reader(str(tmp_path))
    assert (read("pids.max"), read("pids.current")) == ("max", None)


def test_writing_where_there_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "cgroup.kill").touch()
    assert files.write_if_there(f"{tmp_path}/cgroup.kill", "1")
    assert not files.write_if_there(f"{tmp_path}/cgroup.freeze", "1")


def test_a_cgroup_that_is_being_removed_has_no_files(kernel: Callable[[Refuse], list[str]]) -> None:
    kernel(lambda _name, _text: errno.ENODEV)
    assert not files.write_if_there("/gone/cgroup.kill", "1")
    kernel(lambda _name, _text: errno.EACCES)
    with pytest.raises(PermissionError):
        files.write_if_there("/root/cgroup.kill", "1")
