"""What the library door decides before anything is made."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.creation import root_path
from containerd_py.runtime.making import check_id
from containerd_py.runtime.spec.models import Spec

MakeSpec = Callable[[dict[str, Any]], Spec]


@pytest.mark.parametrize("container_id", ["a", "0", "web-1", "a_b.c+d", "A" * 128])
def test_ids(container_id: str) -> None:
    check_id(container_id)


@pytest.mark.parametrize(
    ("container_id", "cause"),
    [
        ("", "container id cannot be empty"),
        *((each, f"it begins with '{each[0]}'") for each in (".", "..", ".a", "-a", "_a", "+a")),
        ("a..b", "'..' is in it"),
        *((each, "invalid character '/' in the container ID") for each in ("a/b", "/a", "a/ b")),
        *((each, "invalid character ") for each in ("a\n", "a b", "a\0", "é", "a" * 129 + "/")),
        ("A" * 129, "it is too long"),
    ],
)
def test_what_is_no_id(container_id: str, cause: str) -> None:
    """SECURITY R20: it becomes the name of a directory and of a cgroup."""
    with pytest.raises(InvalidArgument, match=re.escape(cause)) as caught:
        check_id(container_id)
    assert ("invalid container ID format" in caught.value.message) == bool(container_id)


def test_a_relative_root_is_the_bundles(make_spec: MakeSpec, tmp_path: Path) -> None:
    (tmp_path / "rootfs").mkdir()
    assert root_path(make_spec({"root.path": "./rootfs"}), str(tmp_path)) == str(tmp_path / "rootfs")
    assert root_path(make_spec({"root.path": str(tmp_path)}), "/nowhere") == str(tmp_path)


@pytest.mark.parametrize(
    ("path", "number", "told"),
    [
        ("missing", "ENOENT", "it does not exist"),
        ("file", "ENOTDIR", "it is not a directory"),
        ("link", "ELOOP", "it is, or lies behind, a symlink"),
        ("dangling", "ELOOP", "it is, or lies behind, a symlink"),
        ("link/below", "ELOOP", "it is, or lies behind, a symlink"),
        ("/", "EINVAL", "it is the host's own root"),
        ("/proc/..", "EINVAL", "it is the host's own root"),
    ],
)
def test_a_root_that_cannot_be_one(make_spec: MakeSpec, tmp_path: Path, path: str, number: str, told: str) -> None:
    (tmp_path / "folder/below").mkdir(parents=True)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(InvalidArgument, match=told) as caught:
        root_path(make_spec({"root.path": path}), str(tmp_path))
    assert (caught.value.step, caught.value.errno) == ("rootfs", number)
