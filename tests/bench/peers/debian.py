"""Where Debian's programs are: another version further up in PATH is not what is compared with."""

import shutil
import subprocess

_PATH = "/usr/bin:/usr/sbin:/bin:/sbin"


class Absent(Exception):
    """A peer that cannot run here; the message says why."""


def program(name: str) -> str:
    """Raises Absent."""
    path = shutil.which(name, path=_PATH)
    if path is None:
        raise Absent(f"{name} is not installed")
    return path


def version(*command: str) -> str:
    """Return the first line of what it says of itself."""
    told = subprocess.run([program(command[0]), *command[1:]], capture_output=True, text=True, check=True).stdout
    return told.splitlines()[0]
