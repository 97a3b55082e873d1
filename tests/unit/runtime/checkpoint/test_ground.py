"""The places that a restore has ready in a root."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import containerd_py
from containerd_py.runtime.checkpoint.ground import BOOTSTRAP, GO, Ground, make_points
from containerd_py.runtime.init.steps import Context
from containerd_py.runtime.linux.fd import Fd


def test_what_lies_in_a_file_system_of_crius_is_not_made(tmp_path: Path) -> None:
    points = (("/proc", ""), ("/dev", ""), ("/dev/pts", ""), ("/device", ""), ("/proc/sys", "/none"))
    with Fd(os.open(tmp_path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as root, socket.socket() as nobody:
        mounted: list[int] = []
        make_points(Context({}, nobody, root=root), points, mounted)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dev", "device", "proc"]
    assert not list((tmp_path / "dev").iterdir())
    assert not mounted


_GROUND = Ground("/none", "/none", "/none", "/none", "/none", (("/proc", ""), ("/a", "/b")))


def test_a_document_is_read_as_it_was_written() -> None:
    assert Ground.decode(_GROUND.encode()) == _GROUND


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("{}", "defect in what prepares it: KeyError('points')"),
        ('{"points": [], "later": 1}', "defect in what prepares it: TypeError"),
        ("[", "defect in what prepares it: JSONDecodeError"),
        (_GROUND.encode(), "[Errno "),
    ],
)
def test_whatever_goes_wrong_is_told(document: str, told: str) -> None:
    """A defect of ours, too: its parent would only see that it has ended."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.send(GO)
        package = Path(next(iter(containerd_py.__path__))).parent
        command = [sys.executable, "-I", "-S", "-E", "-B", "-c", BOOTSTRAP, str(package), document, str(theirs.fileno())]
        done = subprocess.run(command, pass_fds=[theirs.fileno()], capture_output=True, timeout=30, check=False)
        ours.settimeout(0)
        heard = ours.recv(4096).decode()
    assert (done.returncode, done.stderr) == (1, b"")
    assert heard.startswith(told), heard
