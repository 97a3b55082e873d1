"""A tar archive, unpacked into a directory that has a neighbour: nothing is put there."""

from __future__ import annotations

import os
import shutil
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from containerd_py.runtime.init.archive.headers import Intake, members
from containerd_py.runtime.init.archive.unpacking import Unpacker
from containerd_py.runtime.init.steps import Context, StepFailed
from containerd_py.runtime.linux.fd import Fd

if TYPE_CHECKING:
    from pathlib import Path


def check(data: bytes, folder: Path) -> None:
    target = folder / "target"
    target.mkdir()
    (folder / "neighbour").mkdir()
    try:
        with Fd(os.memfd_create("archive")) as source, Fd(os.open(folder, os.O_PATH | os.O_DIRECTORY)) as root:
            os.write(source.fileno(), data)
            os.lseek(source.fileno(), 0, os.SEEK_SET)
            with Fd(os.open(target, os.O_RDONLY | os.O_DIRECTORY)) as directory, suppress(StepFailed):
                _unpack(source.fileno(), directory.fileno(), root)
        assert os.listdir(folder / "neighbour") == []
        assert sorted(os.listdir(folder)) == ["neighbour", "target"]
        assert not any(name.startswith(".pycontainerd-") for _path, _folders, names in os.walk(target) for name in names)
    finally:
        for name in ("target", "neighbour"):
            shutil.rmtree(folder / name)


def _unpack(source: int, target: int, root: Fd) -> None:
    with socket.socket() as nobody:
        unpacker = Unpacker(Context({}, nobody, root), target)
        try:
            intake = Intake(source)
            for member in members(intake):
                unpacker.add(member, intake)
        finally:
            unpacker.end()
