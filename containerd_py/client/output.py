"""The streams of a container: its output, its input, its terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.client import resuming
from containerd_py.client.attachment import Attachment
from containerd_py.client.calls import BOOLEAN, Calls, given
from containerd_py.client.paths import container_path

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable

    from containerd_py import wire
    from containerd_py.client.connection import Connection


class OutputCalls(Calls):
    def logs(
        self,
        container: str,
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
        """Return an iterator over the raw output from `offset` on; with `follow` until the payload ends.

        since, until: RFC 3339 with a zone, or seconds since 1970; tail: lines at the end of what is there.
        resume: where the daemon is restarted meanwhile, go on with the byte that is due, instead of Unavailable.
        Name it by its id then: names change.
        NotFound: there is no such container. Conflict: nothing is kept of its output, or not that far back.
        """
        query = log_query(
            follow=follow, stream=stream, offset=offset, since=since, until=until, tail=tail, timestamps=timestamps
        )
        return log_stream(self._connection, container_path(container, "logs"), query, resume=resume)

    async def write_stdin(
        self, container: str, data: bytes | Iterable[bytes] | AsyncIterable[bytes], *, close: bool = False
    ) -> None:
        """Write to the payload's input without attaching; return once it has taken all. close: end the input then.

        NotFound: there is no such container. Conflict: it takes no input, or does not run.
        """
        await self._connection.send("PUT", container_path(container, "stdin"), {"close": BOOLEAN[close]}, data)

    async def resize(self, container: str, rows: int, columns: int) -> None:
        """Set the size of its terminal. NotFound: there is no such container. Conflict: it has no terminal, or ended."""
        await self._connection.exchange("POST", container_path(container, "resize"), given(rows=rows, columns=columns))

    async def attach(self, container: str, offset: int | None = None) -> Attachment:
        """Return an open attachment: output from `offset` on (default: from now; 0: all of it). The caller closes it.

        NotFound: there is no such container. Conflict: what stands at `offset` is kept no more.
        """
        socket = await self._connection.upgrade(container_path(container, "attach"), given(offset=offset))
        return Attachment(socket, container, offset)


def log_stream(connection: Connection, path: str, query: dict[str, str], *, resume: bool) -> AsyncGenerator[bytes, None]:
    """Return an iterator over the answer to a request for logs, of a container or of an exec."""
    if resume and query["follow"] == BOOLEAN[True]:
        return resuming.output(connection, path, query)
    return connection.stream("GET", path, query)


def log_query(
    *,
    follow: bool,
    stream: wire.Stream | None,
    offset: int | None,
    since: str | None,
    until: str | None,
    tail: int | None,
    timestamps: bool,
) -> dict[str, str]:
    """Return the query of a request for logs, of a container or of an exec."""
    parts = given(since=since, until=until, tail=tail, timestamps=timestamps or None, stream=stream, offset=offset)
    return {"follow": BOOLEAN[follow], **parts}
