"""The bundled client: the daemon's API as typed coroutines over its Unix socket.

`pyctr` is written with it, and anyone may use it:

    async with Client() as client:
        created = await client.create(ContainerSpec(rootfs="/srv/root", args=("/bin/true",)))
        await client.start(created.id)
        exit = await client.wait(created.id)

`SyncClient` is the same without `await`. It knows the wire models and the errors and nothing else of this package.
"""

from containerd_py.client.attachment import Attachment, Channel, FellBehind
from containerd_py.client.client import Client
from containerd_py.client.connection import DEFAULT_SOCKET
from containerd_py.client.sync import SyncAttachment, SyncClient

__all__ = ["DEFAULT_SOCKET", "Attachment", "Channel", "Client", "FellBehind", "SyncAttachment", "SyncClient"]
