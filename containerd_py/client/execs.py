"""What is executed in containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py import wire
from containerd_py.client.attachment import Attachment
from containerd_py.client.calls import BOOLEAN, Calls, given
from containerd_py.client.output import log_query, log_stream
from containerd_py.client.paths import container_path, exec_path

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable


class ExecCalls(Calls):
    async def exec_create(self, container: str, request: wire.ExecSpec, *, key: str | None = None) -> wire.ExecCreated:
        """Record what is to be executed in a running container; `exec_start` executes it. key: as of `create`.

        NotFound: there is no such container. Conflict: it does not run. NotSupported: the host or this version cannot serve
        a part of it, which is named. OutOfSpace, DeadlineExceeded: nothing is recorded.
        """
        path = container_path(container, "exec")
        return await self._connection.fetch(wire.ExecCreated, "POST", path, body=request, key=key)

    async def execs(self, container: str) -> tuple[wire.ExecDetail, ...]:
        """Return what is, was or will be executed in a container, the oldest first. NotFound: no such container."""
        return (await self._connection.fetch(wire.ExecList, "GET", container_path(container, "exec"))).execs

    async def exec_inspect(self, exec_id: str) -> wire.ExecDetail:
        """Return everything that is known about it. NotFound: there is none such."""
        return await self._connection.fetch(wire.ExecDetail, "GET", exec_path(exec_id))

    async def exec_start(self, exec_id: str) -> None:
        """Return once it is executed.

        NotFound: there is none such. Conflict: it was started already, or the container does not run. InvalidArgument with
        the step "exec": the program could not be executed. NotSupported, OutOfSpace, DeadlineExceeded: nothing runs.
        """
        await self._connection.exchange("POST", exec_path(exec_id, "start"))

    async def exec_kill(self, exec_id: str, signal: str = "SIGKILL") -> None:
        """Send it a signal; signal: "SIGTERM", "TERM" or "15". NotFound: no such exec. Conflict: it does not run."""
        await self._connection.exchange("POST", exec_path(exec_id, "kill"), {"signal": signal})

    async def exec_wait(self, exec_id: str) -> wire.Exit:
        """Return when it ended, with how it did. NotFound: there is none such."""
        return await self._end(exec_path(exec_id, "wait"))

    async def exec_resize(self, exec_id: str, rows: int, columns: int) -> None:
        """Set the size of its terminal, before it is started or later.

        NotFound: there is none such. Conflict: it has no terminal, or has ended.
        """
        await self._connection.exchange("POST", exec_path(exec_id, "resize"), given(rows=rows, columns=columns))

    async def exec_delete(self, exec_id: str, *, force: bool = False) -> None:
        """Remove it and its output.

        NotFound: there is none such. Conflict: it runs, and without `force` it is not killed. DeadlineExceeded: the kernel
        does not let it go.
        """
        await self._connection.exchange("DELETE", exec_path(exec_id), {"force": BOOLEAN[force]})

    def exec_logs(
        self,
        exec_id: str,
        *,
        follow: bool = False,
        stream: wire.Stream | None = None,
        offset: int | None = None,
        since: str | None = None,
        until: str | None = None,
        tail: int | None = None,
        timestamps: bool = False,
        resume: bool = False,
    ) -> AsyncGenerator[bytes, None]:
        """Return an iterator over its output, as `logs` does. NotFound: there is none such. Conflict: none is kept."""
        query = log_query(
            follow=follow, stream=stream, offset=offset, since=since, until=until, tail=tail, timestamps=timestamps
        )
        return log_stream(self._connection, exec_path(exec_id, "logs"), query, resume=resume)

    async def exec_write_stdin(
        self, exec_id: str, data: bytes | Iterable[bytes] | AsyncIterable[bytes], *, close: bool = False
    ) -> None:
        """Write to its input, as `write_stdin` does. NotFound: no such exec. Conflict: it takes none, or has ended."""
        await self._connection.send("PUT", exec_path(exec_id, "stdin"), {"close": BOOLEAN[close]}, data)

    async def exec_attach(self, exec_id: str, offset: int | None = None) -> Attachment:
        """Return an open attachment, as of a container. Output is kept from the start on: with 0 no byte is missed.

        NotFound: there is none such. Conflict: it is detached.
        """
        socket = await self._connection.upgrade(exec_path(exec_id, "attach"), given(offset=offset))
        return Attachment(socket, exec_id, offset)
