"""The places that a restore has ready in a root."""

import os
import socket
from pathlib import Path

from containerd_py.runtime.checkpoint.ground import make_points
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
