"""The daemon's credentials (LoadCredential= and the like in its unit, systemd.exec(5)), for containers that are declared.

A payload gets them as it would from systemd: files below $CREDENTIALS_DIRECTORY that it alone can read. Not as variables:
those are shown by inspect, by /proc/PID/environ, and to whatever it executes.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.spec.models import Mount
from containerd_py.wire.common import IDENTIFIER_PATTERN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containerd_py.runtime.spec.linux import IdMapping
    from containerd_py.runtime.spec.models import Spec

INSIDE = "/run/credentials"
_VARIABLE = "CREDENTIALS_DIRECTORY"
_OPTIONS = ("bind", "nosuid", "noexec", "nodev", "ro")
_HINT = "add LoadCredential={0}:/PATH to the daemon's unit (systemctl edit pycontainerd.service), and restart it"


class Credentials:
    """directory: $CREDENTIALS_DIRECTORY of the daemon, None where it has none."""

    def __init__(self, directory: str | None = None) -> None:
        self._directory = directory

    def get(self, name: str) -> bytes:
        """Blocking. Raises InvalidArgument where there is none of that name."""
        if not re.fullmatch(IDENTIFIER_PATTERN, name, re.ASCII):
            raise InvalidArgument(f"cannot use credential {name!r}: that is no name of one", step="credentials")
        hint = _HINT.format(name)
        if self._directory is None:
            raise InvalidArgument(f"cannot use credential {name!r}: the daemon has none", step="credentials", hint=hint)
        try:
            with open(os.path.join(self._directory, name), "rb") as file:
                return file.read()
        except OSError as problem:
            cause = f"cannot use credential {name!r}: {problem.strerror}"
            raise InvalidArgument(cause, step="credentials", errno=problem.errno, hint=hint) from problem


def given(spec: Spec, directory: str) -> Spec:
    """Return the specification with the directory as a mount, and with what the payload has to know in its environment."""
    mount = Mount(destination=INSIDE, type="bind", source=directory, options=_OPTIONS)
    update: dict[str, object] = {"mounts": (*spec.mounts, mount)}
    if spec.process is not None:
        kept = (entry for entry in spec.process.env if entry.partition("=")[0] != _VARIABLE)
        update["process"] = spec.process.replace(env=(*kept, f"{_VARIABLE}={INSIDE}"))
    return spec.replace(**update)


def owner(spec: Spec) -> tuple[int, int]:
    """Return the uid and gid of the payload on the host."""
    if spec.process is None:
        return 0, 0
    user = spec.process.user
    return _on_host(user.uid, spec.linux.uid_mappings), _on_host(user.gid, spec.linux.gid_mappings)


def _on_host(number: int, mappings: Iterable[IdMapping]) -> int:
    for one in mappings:
        if one.container_id <= number < one.container_id + one.size:
            return one.host_id + number - one.container_id
    return number
