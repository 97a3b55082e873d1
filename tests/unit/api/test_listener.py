"""The API's Unix socket, from a private directory to a path that is taken."""

import contextlib
import grp
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from containerd_py.api import listener
from containerd_py.errors import ContainerdError, InvalidArgument, Unavailable

GROUP = "daemon"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="giving a socket to a group needs root")


@pytest.fixture(autouse=True, params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    assert os.umask(before) == request.param  # it is found as it was


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "api.sock"


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def refusal(path: Path | str, kind: type[ContainerdError]) -> ContainerdError:
    with pytest.raises(kind, match="cannot listen at ") as refused:
        listener.open_socket(str(path), group=None)
    assert refused.value.step == "listen"
    return refused.value


def test_the_socket_is_ours_alone_in_a_folder_of_its_own(path: Path) -> None:
    with listener.open_socket(str(path), group=None) as server:
        assert (mode(path), mode(path.parent)) == (0o600, 0o700)
        assert not os.get_inheritable(server.fileno())
        assert server.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
        assert not server.getblocking()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            server.accept()[0].close()


@as_root
def test_a_group_may_use_it_and_reach_it(path: Path) -> None:
    with listener.open_socket(str(path), group=GROUP):
        assert mode(path) == 0o660
        assert path.stat().st_gid == grp.getgrnam(GROUP).gr_gid
        assert path.parent.stat().st_gid == grp.getgrnam(GROUP).gr_gid
        assert mode(path.parent) == 0o710  # to pass, not to look


def test_a_folder_that_is_there_is_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o755)
    with listener.open_socket(str(path), group=None):
        assert (mode(path), mode(path.parent)) == (0o600, 0o755)


def test_an_unknown_group_is_refused_before_anything_is_made(path: Path) -> None:
    with pytest.raises(InvalidArgument, match="no such group"):
        listener.open_socket(str(path), group="nobody-knows-this")
    assert not path.parent.exists()


def test_a_stale_socket_is_replaced(path: Path) -> None:
    listener.open_socket(str(path), group=None).close()
    stale = path.stat().st_ino
    with listener.open_socket(str(path), group=None):
        assert path.stat().st_ino != stale or mode(path) == 0o600
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def test_a_daemon_that_listens_is_left_alone(path: Path) -> None:
    with listener.open_socket(str(path), group=None) as first:
        problem = refusal(path, Unavailable)
        assert "a daemon listens there already" in problem.message
        assert problem.hint
        first.accept()[0].close()  # the probe
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


@pytest.mark.parametrize("kind", ["file", "directory", "fifo", "symlink"])
def test_what_is_no_socket_is_left_alone(path: Path, kind: str) -> None:
    path.parent.mkdir()
    target = path.parent / "target"
    target.write_text("mine")
    match kind:
        case "file":
            path.write_text("mine")
        case "directory":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case "symlink":
            path.symlink_to(target)
    before = path.lstat()
    problem = refusal(path, InvalidArgument)
    assert problem.errno == "EEXIST"
    assert (path.lstat().st_ino, path.lstat().st_mode) == (before.st_ino, before.st_mode)


def test_a_socket_of_another_kind_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other:
        other.bind(str(path))
        other.listen()
        refusal(path, Unavailable)
        assert path.exists()


def test_a_folder_that_is_a_file_is_told(path: Path) -> None:
    path.parent.write_text("mine")
    refusal(path, Unavailable)


def test_a_path_may_be_as_long_as_the_kernel_allows(tmp_path: Path) -> None:
    fitting = f"{tmp_path}/" + "x" * (107 - len(str(tmp_path)) - 1)
    with contextlib.closing(listener.open_socket(fitting, group=None)):
        assert os.path.exists(fitting)
    problem = refusal(fitting + "x", InvalidArgument)
    assert problem.errno == "ENAMETOOLONG"


def test_length_is_counted_in_bytes(tmp_path: Path) -> None:
    refusal(f"{tmp_path}/" + "ä" * 100, InvalidArgument)


@pytest.mark.parametrize("path", ["api.sock", "./api.sock", "", "\0abstract", "@abstract"])
def test_a_path_must_be_absolute_and_never_abstract(path: str) -> None:
    assert "must be absolute" in refusal(path, InvalidArgument).message


def test_removing_is_done_once_or_twice(path: Path) -> None:
    with listener.open_socket(str(path), group=None):
        listener.remove(str(path))
        listener.remove(str(path))
        assert not path.exists()
