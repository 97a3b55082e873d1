"""The `hooks` object (config.md, "POSIX-platform Hooks")."""

from __future__ import annotations

from containerd_py.runtime.spec.base import Oci, of
from containerd_py.runtime.spec.kinds import TEXT, TEXTS, Integer, Many


class Hook(Oci):
    """path: of the host, or of the container for startContainer; timeout: seconds."""

    path: str = of(TEXT)
    args: tuple[str, ...] = of(TEXTS, default=())
    env: tuple[str, ...] = of(TEXTS, default=())
    timeout: int | None = of(Integer(-(2**31), 2**31 - 1), default=None)


class Hooks(Oci):
    prestart: tuple[Hook, ...] = of(Many(Hook), default=())
    create_runtime: tuple[Hook, ...] = of(Many(Hook), default=())
    create_container: tuple[Hook, ...] = of(Many(Hook), default=())
    start_container: tuple[Hook, ...] = of(Many(Hook), default=())
    poststart: tuple[Hook, ...] = of(Many(Hook), default=())
    poststop: tuple[Hook, ...] = of(Many(Hook), default=())
