"""`Client`: every operation of the API, one method each (the contract is openapi.yaml), in parts by subject.

A new part is a class on `Calls` in a module of its own, named here; `sync.py` has a line for each of its methods.
"""

from __future__ import annotations

from typing import Self

from containerd_py.client.address import DEFAULT_SOCKET
from containerd_py.client.connection import Connection
from containerd_py.client.containers import ContainerCalls
from containerd_py.client.events import EventCalls
from containerd_py.client.execs import ExecCalls
from containerd_py.client.figures import FigureCalls
from containerd_py.client.files import Files
from containerd_py.client.host import HostCalls
from containerd_py.client.life import LifeCalls
from containerd_py.client.operations import OperationCalls
from containerd_py.client.output import OutputCalls


class Client(HostCalls, EventCalls, ContainerCalls, LifeCalls, OutputCalls, FigureCalls, ExecCalls, OperationCalls):
    """A client of the daemon at `socket_path`; use it as an async context manager.

    `container` is always an id, a unique prefix of an id, or a name. Every method raises the daemon's answer as the
    class of `containerd_py.errors` that it names; the methods tell which they add to these: InvalidArgument for what
    is wrong by itself, Forbidden, Internal for a defect, and Unavailable where the daemon cannot be reached.
    """

    def __init__(self, socket_path: str = DEFAULT_SOCKET) -> None:
        self._connection = Connection(socket_path)
        self.files = Files(self._connection)
        """Files of containers, as archives."""

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._connection.__aexit__(*exc)
