"""What is asked for, /etc/passwd and /etc/group, with NUL between them."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.spec.users import resolve_groups, resolve_user

if TYPE_CHECKING:
    from pathlib import Path

_LARGEST_ID = 2**31 - 1


def check(data: bytes, folder: Path) -> None:
    asked, _, files = data.partition(b"\0")
    passwd, _, group = files.partition(b"\0")
    (folder / "etc").mkdir(exist_ok=True)
    (folder / "etc/passwd").write_bytes(passwd)
    (folder / "etc/group").write_bytes(group)
    text = asked.decode(errors="replace")
    with Fd(os.open(folder, os.O_PATH | os.O_DIRECTORY)) as root:
        with suppress(InvalidArgument):
            found = resolve_user(root.fileno(), text)
            assert all(0 <= number <= _LARGEST_ID for number in (found.uid, found.gid, *found.additional_gids))
        with suppress(InvalidArgument):
            assert all(0 <= number <= _LARGEST_ID for number in resolve_groups(root.fileno(), text.split(",")))
