"""sd_notify(3) for payloads: a socket in a directory of the host that is bound into the container.

The directory is bound, not the socket: so whoever listens later can make another one, and the payload finds it.
"""

from __future__ import annotations

import contextlib
import os

from containerd_py.light import socket
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.spec.models import Mount, Spec

INSIDE = "/run/notify"
"""Where the directory is in the container."""

_OPTIONS = ("bind", "nosuid", "noexec", "nodev", "ro")
_SOCKET, _WATCHDOG = "NOTIFY_SOCKET", "WATCHDOG_USEC"
_EVERYBODY = 0o666  # the payload's user is not ours


def told(spec: Spec, directory: str, name: str, *, watchdog_s: float | None = None) -> Spec:
    """Return the specification with the directory as a mount, and with what the payload has to know in its environment.

    name: of the socket in it; watchdog_s: how often at least it is to say WATCHDOG=1 (sd_watchdog_enabled(3)).
    """
    mount = Mount(destination=INSIDE, type="bind", source=directory, options=_OPTIONS)
    update: dict[str, object] = {"mounts": (*spec.mounts, mount)}
    if spec.process is not None:
        variables = {_SOCKET: f"{INSIDE}/{name}"}
        if watchdog_s is not None:
            variables[_WATCHDOG] = str(round(watchdog_s * 1_000_000))
        kept = (entry for entry in spec.process.env if entry.partition("=")[0] not in (_SOCKET, _WATCHDOG))
        env = (*kept, *(f"{name}={value}" for name, value in variables.items()))
        update["process"] = spec.process.replace(env=env)
    return spec.replace(**update)


def listen(directory: str, name: str) -> socket.socket:
    """Return a datagram socket that every user of the container can send to; one of that name is replaced.

    Raises OSError. By descriptor, since the address of a socket has 108 bytes (unix(7)).
    """
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        with Fd(os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)) as place:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=place.fileno())
            receiver.bind(f"/proc/self/fd/{place.fileno()}/{name}")
            os.chmod(name, _EVERYBODY, dir_fd=place.fileno())
    except BaseException:
        receiver.close()
        raise
    return receiver
