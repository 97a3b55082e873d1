"""A procfs that is one, and paths that stay in it."""

import os
from collections.abc import Iterator

import pytest

from containerd_py.runtime.linux import procfs
from containerd_py.runtime.linux.fd import Fd

OWN = "self/oom_score_adj"


@pytest.fixture
def private() -> Iterator[Fd]:
    """Our own procfs as root; as anybody else, the one that is mounted."""
    with procfs.open_private() as opened:
        yield opened


def test_files_are_those_of_the_caller(private: Fd) -> None:
    with open(f"/proc/{OWN}", encoding="ascii") as file:
        assert procfs.read(private.fileno(), OWN) == file.read()


def test_a_value_is_written(private: Fd) -> None:
    pid = os.fork()
    if pid == 0:
        procfs.write(private.fileno(), OWN, "999")
        os._exit(0 if procfs.read(private.fileno(), OWN) == "999\n" else 1)
    assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("self/fd/0", "Too many levels of symbolic links"),  # a magic link
        ("self/root/etc/passwd", "Too many levels of symbolic links"),
        ("../etc/passwd", "Invalid cross-device link"),
        ("/proc/self/status", "Invalid cross-device link"),
        ("sys/net/no_such_thing", "No such file or directory"),
    ],
)
def test_no_way_leads_out(private: Fd, path: str, error: str) -> None:
    with pytest.raises(OSError, match=error):
        procfs.read(private.fileno(), path)


def test_what_is_no_procfs_is_refused() -> None:
    with (
        Fd(os.open("/dev", os.O_PATH)) as other,
        Fd(os.open("/proc/self", os.O_PATH)) as below,
    ):
        for fd in (other, below):
            with pytest.raises(OSError, match="not the root of a procfs"):
                procfs._check(fd.fileno())
