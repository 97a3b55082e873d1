"""Texts of /proc in which names of others stand: of mounts (proc_pid_mountinfo(5)), of cgroups (cgroups(7)).

The kernel ends a line with a line feed, and writes space, tab, line feed and backslash in a name of a mount as \\040 and so
on (mangle_path, fs/seq_file.c). All else stands as it is, so also what Python takes for the end of a line too, a carriage
return or a vertical tab say. A user who mounts a file system in a directory of such a name made every start fail.
"""

from __future__ import annotations


def read_text(path: str) -> str:
    """Return the whole of a file; what is no UTF-8 as surrogates. Raises OSError."""
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        return file.read()


def lines(text: str) -> list[str]:
    """Return its lines, none of which is empty."""
    return [line for line in text.split("\n") if line]


def plain(name: str) -> str:
    """Return a name of a mount as it is, without the kernel's escapes."""
    if "\\" not in name:
        return name
    first, *others = name.split("\\")
    return first + "".join(chr(int(one[:3], 8)) + one[3:] for one in others)
