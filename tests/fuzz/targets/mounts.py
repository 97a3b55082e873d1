"""Names that a stranger gives to mount points and cgroups, as the kernel writes them (seq_path(), mangle_path())."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from containerd_py.engine.layers import overlay_on
from containerd_py.runtime.cgroups.layout import parse_membership, parse_mountinfo
from containerd_py.runtime.linux.proc_text import lines, plain

if TYPE_CHECKING:
    from pathlib import Path


def check(data: bytes, _folder: Path) -> None:
    names = [name for name in data.split(b"\0") if name]
    told = [_mangled(name).decode(errors="surrogateescape") for name in names]
    kinds = ("overlay", "cgroup", "cgroup2", "tmpfs")
    written = [
        f"{number} 1 0:{number} / /{name} rw,relatime shared:1 - {kinds[number % 4]} {name} rw,memory,upperdir=/{name}\n"
        for number, name in enumerate(told)
    ]
    text = "36 1 0:30 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n" + "".join(written)
    assert len(lines(text)) == 1 + len(names)
    layout = parse_mountinfo(text, "7:pids:/own\n0::/own\n")
    assert layout.v1["pids"] == "/sys/fs/cgroup/pids"
    for name, raw in zip(told, names, strict=True):
        assert plain(name).encode(errors="surrogateescape") == raw
        overlay_on(text, "/" + plain(name))
    groups = "".join(f"{number}:memory:/{name}\n" for number, name in enumerate(told, 8))
    assert parse_membership("7:pids:/own\n" + groups)["pids"] == "/own"


def _mangled(name: bytes) -> bytes:
    return re.sub(rb"[ \t\n\\]", lambda found: b"\\%03o" % found[0][0], name)
