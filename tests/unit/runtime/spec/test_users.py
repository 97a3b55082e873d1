"""Users and groups by the container's own, hostile, files."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.spec.users import ResolvedUser, resolve_groups, resolve_user

USERS = """\
# a comment: root:x:7:7:::
root:x:0:0:root:/root:/bin/sh
www:x:33:34:web:/srv/www:/bin/false
1000:x:0:0:a name of digits:/evil:/bin/sh
real:x:1000:1001::/home/real:/bin/sh
nohome:x:8:8::
broken:x:abc:1::/:/bin/sh
huge:x:4294967296:1::/:/bin/sh
minus:x:-1:1::/:/bin/sh
short:x:9
:x:3:3::/:/bin/sh
"""
GROUPS = """\
root:x:0:
www:x:34:
audio:x:29:www,real
video:x:44:www
again:x:29:www
odd:x:x:www
"""


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    folder = tmp_path / "root" / "etc"
    folder.mkdir(parents=True)
    (folder / "passwd").write_text(USERS)
    (folder / "group").write_text(GROUPS)
    return folder


@pytest.fixture
def root(etc: Path) -> Iterator[int]:
    with Fd(os.open(etc.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as fd:
        yield fd.fileno()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", ResolvedUser(0, 0, (), "/root")),
        ("root", ResolvedUser(0, 0, (), "/root")),
        ("www", ResolvedUser(33, 34, (29, 44), "/srv/www")),
        ("33", ResolvedUser(33, 34, (29, 44), "/srv/www")),
        ("www:audio", ResolvedUser(33, 29, (), "/srv/www")),
        ("www:5", ResolvedUser(33, 5, (), "/srv/www")),
        ("5:www", ResolvedUser(5, 34, (), "/")),
        ("12345", ResolvedUser(12345, 0, (), "/")),
        ("nohome", ResolvedUser(8, 8, (), "/")),
        ("2147483647:2147483647", ResolvedUser(2**31 - 1, 2**31 - 1, (), "/")),
        ("007:08", ResolvedUser(7, 8, (), "/")),
    ],
)
def test_users_and_groups(root: int, text: str, expected: ResolvedUser) -> None:
    assert resolve_user(root, text) == expected


def test_a_number_is_never_a_name(root: int) -> None:
    """An image's user *named* 1000 must not lend its group and home to user number 1000."""
    assert resolve_user(root, "1000") == ResolvedUser(1000, 1001, (29,), "/home/real")


def test_without_files_numbers_still_work(root: int, etc: Path) -> None:
    (etc / "passwd").unlink()
    (etc / "group").unlink()
    assert resolve_user(root, "33") == ResolvedUser(33, 0, (), "/")
    assert resolve_user(root, "0:7") == ResolvedUser(0, 7, (), "/root")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the form is user[:group]"),
        (":5", "the form is user[:group]"),
        ("www:", "the form is user[:group]"),
        ("2147483648", "2147483648 is above 2147483647"),
        ("4294967295", "4294967295 is above 2147483647"),
        ("4294967296", "4294967296 is above 2147483647"),
        ("9" * 5000, "is above 2147483647"),
        ("0:4294967295", "4294967295 is above 2147483647"),
        ("nobody", "'nobody': no such name in /etc/passwd"),
        ("-1", "'-1': no such name in /etc/passwd"),
        ("+5", "'+5': no such name in /etc/passwd"),
        ("٥", "'٥': no such name in /etc/passwd"),
        ("5\n", "no such name in /etc/passwd"),
        ("www:nobody", "'nobody': no such name in /etc/group"),
        ("broken", "'broken': no such name"),
        ("huge", "'huge': no such name"),
        ("minus", "'minus': no such name"),
        ("short", "'short': no such name"),
        ("www:odd", "'odd': no such name in /etc/group"),
    ],
)
def test_what_cannot_be_resolved_is_told(root: int, text: str, told: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        resolve_user(root, text)
    assert told in caught.value.message
    assert caught.value.step == "user"


def test_a_fifo_does_not_hang(root: int, etc: Path) -> None:
    (etc / "passwd").unlink()
    os.mkfifo(etc / "passwd")
    with pytest.raises(InvalidArgument, match=r"cannot read '/etc/passwd' of the container: not a regular file"):
        resolve_user(root, "www")


def test_a_directory_is_no_file(root: int, etc: Path) -> None:
    (etc / "group").unlink()
    (etc / "group").mkdir()
    with pytest.raises(InvalidArgument, match="not a regular file"):
        resolve_user(root, "www:audio")


def test_a_huge_file_is_refused(root: int, etc: Path) -> None:
    os.truncate(etc / "passwd", (10 << 20) + 1)
    with pytest.raises(InvalidArgument, match="larger than 10 MiB"):
        resolve_user(root, "0")


def test_a_symlink_leads_nowhere_but_inside(root: int, etc: Path, tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text("host:x:99:99::/:/bin/sh\n")
    (etc / "passwd").unlink()
    (etc / "passwd").symlink_to(tmp_path / "passwd")
    with pytest.raises(InvalidArgument, match="no such name"):
        resolve_user(root, "host")
    (etc / "other").write_text("inside:x:98:97::/:/bin/sh\n")
    (etc / "passwd").unlink()
    (etc / "passwd").symlink_to("/etc/other")
    assert resolve_user(root, "inside") == ResolvedUser(98, 97, (), "/")


def test_a_loop_of_symlinks_is_told(root: int, etc: Path) -> None:
    (etc / "passwd").unlink()
    (etc / "passwd").symlink_to("passwd")
    with pytest.raises(InvalidArgument, match="cannot read '/etc/passwd' of the container: ") as caught:
        resolve_user(root, "0")
    assert caught.value.errno == "ELOOP"


def test_bytes_that_are_no_text_do_no_harm(root: int, etc: Path) -> None:
    (etc / "passwd").write_bytes(b"\xff\xfe\x00:x:1:1::/:\nwww:x:33:34::/w:\n")
    assert resolve_user(root, "www") == ResolvedUser(33, 34, (29, 44), "/w")


def test_groups_are_resolved_in_the_order_in_which_they_are_asked_for(root: int) -> None:
    assert resolve_groups(root, ("video", "7", "audio", "video")) == (44, 7, 29)
    assert resolve_groups(root, ()) == ()


@pytest.mark.parametrize(("texts", "told"), [(("7", "none"), "'none': no such name"), (("audio", ""), "''")])
def test_a_group_that_there_is_not(root: int, texts: tuple[str, ...], told: str) -> None:
    with pytest.raises(InvalidArgument, match=told):
        resolve_groups(root, texts)


def test_many_groups_of_a_large_file_cost_one_reading(root: int, etc: Path) -> None:
    """A file for each of the names that a request has room for would keep a processor busy for days."""
    (etc / "group").write_text("".join(f"g{number}:x:{number}:\n" for number in range(50_000)))
    start = time.perf_counter()
    resolve_groups(root, ("g0",))
    fair_s = time.perf_counter() - start
    assert resolve_groups(root, (f"g{number}" for number in range(2000))) == tuple(range(2000))
    assert time.perf_counter() - start < 20 * fair_s + 1
