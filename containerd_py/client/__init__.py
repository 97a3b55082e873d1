"""The bundled client: the daemon's API as typed coroutines over its Unix socket, and without `await` for scripts.

`pyctr` is written with it, and anyone may use it:

    async with Client() as client:
        created = await client.create(ContainerSpec(rootfs="/srv/root", args=("/bin/true",)))
        await client.start(created.id)
        exit = await client.wait(created.id)

    with SyncClient() as client:
        for line in client.logs("web", follow=True):
            ...

It knows the wire models and the errors and nothing else of this package. What is named here is imported when it is first
used: the shell asks for a completion with every key, and waits for no HTTP library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from containerd_py.client.address import DEFAULT_SOCKET

if TYPE_CHECKING:
    from containerd_py.client.attachment import Attachment, Channel, FellBehind
    from containerd_py.client.client import Client
    from containerd_py.client.sync import SyncAttachment, SyncClient

__all__ = ["DEFAULT_SOCKET", "Attachment", "Channel", "Client", "FellBehind", "SyncAttachment", "SyncClient"]

_MODULES = {
    "Attachment": "attachment",
    "Channel": "attachment",
    "FellBehind": "attachment",
    "Client": "client",
    "SyncAttachment": "sync",
    "SyncClient": "sync",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
