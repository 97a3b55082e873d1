"""The `hooks` object (config.md, "POSIX-platform Hooks")."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from containerd_py.runtime.spec.base import Many, Oci, Text


class Hook(Oci):
    """path: of the host, or of the container for startContainer; timeout: seconds."""

    path: Text
    args: Many[Text] = ()
    env: Many[Text] = ()
    timeout: Annotated[int, Field(ge=-(2**31), le=2**31 - 1)] | None = None


class Hooks(Oci):
    prestart: Many[Hook] = ()
    create_runtime: Many[Hook] = ()
    create_container: Many[Hook] = ()
    start_container: Many[Hook] = ()
    poststart: Many[Hook] = ()
    poststop: Many[Hook] = ()
