"""The routes of the API, one method each (the contract is openapi.yaml)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Self

from pydantic import ValidationError

from containerd_py import wire
from containerd_py.client.attachment import Attachment
from containerd_py.client.connection import DEFAULT_SOCKET, Connection
from containerd_py.client.failures import raise_for_late_error, read_model, unreadable
from containerd_py.client.files import Files
from containerd_py.client.lines import whole_lines
from containerd_py.client.paths import container_path as _path
from containerd_py.client.paths import exec_path as _exec_path

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable

_BOOLEAN = {True: "true", False: "false"}


class Client:
    """A client of the daemon at `socket_path`; use it as an async context manager.

    `container` is always an id, a unique prefix of an id, or a name. Every method raises the daemon's answer as the
    class of `containerd_py.errors` that it names, and Unavailable where the daemon cannot be reached.
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

    # ── the daemon ────────────────────────────────────────────────────────────────────────────────────────────

    async def ping(self) -> None:
        """Return when the daemon answers."""
        await self._connection.exchange("GET", "/v1/_ping")

    async def version(self) -> wire.Version:
        return await self._connection.fetch(wire.Version, "GET", "/v1/version")

    async def info(self) -> wire.Info:
        return await self._connection.fetch(wire.Info, "GET", "/v1/info")

    async def doctor(self) -> wire.Doctor:
        """Return what the daemon's host can and cannot do."""
        return await self._connection.fetch(wire.Doctor, "GET", "/v1/doctor")

    async def metrics(self) -> str:
        """Return what the daemon measures, in the text format of Prometheus."""
        return (await self._connection.exchange("GET", "/metrics")).decode()

    async def explain(self, request: wire.CreateRequest) -> wire.Explanation:
        """Return what `create` and `start` would do; nothing is made."""
        return await self._connection.fetch(wire.Explanation, "POST", "/v1/explain", body=request)

    async def events(
        self,
        since_id: int | None = None,
        *,
        since: str | None = None,
        until: str | None = None,
        types: Iterable[str] = (),
        containers: Iterable[str] = (),
        labels: Iterable[str] = (),
        follow: bool = True,
    ) -> AsyncGenerator[wire.Event, None]:
        """Yield events after number `since_id` (default: from now); with `follow` without end, or until `until`.

        since, until: RFC 3339 with a zone, or seconds since 1970. types, containers: one must fit. labels: all must.
        """
        given = {"since_id": None if since_id is None else str(since_id), "since": since, "until": until}
        query = [("follow", _BOOLEAN[follow])] + [(name, value) for name, value in given.items() if value is not None]
        query += [("type", kind) for kind in types] + [("container", one) for one in containers]
        query += [("label", label) for label in labels]
        async with contextlib.aclosing(self._connection.stream("GET", "/v1/events", query)) as chunks:
            async for line in whole_lines(chunks):
                yield _event(line)

    # ── containers ────────────────────────────────────────────────────────────────────────────────────────────

    async def create(self, request: wire.CreateRequest) -> wire.Created:
        return await self._connection.fetch(wire.Created, "POST", "/v1/containers", body=request)

    async def containers(
        self,
        status: str | Iterable[str] | None = None,
        labels: Iterable[str] = (),
        *,
        names: Iterable[str] = (),
        since: str | None = None,
        before: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
    ) -> tuple[wire.ContainerSummary, ...]:
        """Return the containers, the oldest first.

        status: one or several of a container's states, and "restarting". labels: "K" or "K=V", all of which must hold.
        names: what the name has in it, one of them. since, before: containers. sort: "created", "started", "name" or
        "status", with "-" before it for the other way round.
        """
        statuses = () if status is None else (status,) if isinstance(status, str) else tuple(status)
        query = [("label", label) for label in labels] + [("status", one) for one in statuses]
        query += [("name", name) for name in names]
        single = {"since": since, "before": before, "sort": sort, "limit": limit}
        query += [(name, str(value)) for name, value in single.items() if value is not None]
        return (await self._connection.fetch(wire.ContainerList, "GET", "/v1/containers", query)).containers

    async def container(self, container: str) -> wire.ContainerDetail:
        return await self._connection.fetch(wire.ContainerDetail, "GET", _path(container))

    async def delete(self, container: str, *, force: bool = False) -> None:
        """Remove a container; one that runs only with `force`, which kills it."""
        await self._connection.exchange("DELETE", _path(container), {"force": _BOOLEAN[force]})

    async def start(self, container: str) -> None:
        await self._connection.exchange("POST", _path(container, "start"))

    async def kill(self, container: str, signal: str = "SIGKILL") -> None:
        """Send a signal to the payload; signal: "SIGTERM", "TERM" or "15"."""
        await self._connection.exchange("POST", _path(container, "kill"), {"signal": signal})

    async def pause(self, container: str) -> None:
        """Return once every process of it has stopped where it stood."""
        await self._connection.exchange("POST", _path(container, "pause"))

    async def resume(self, container: str) -> None:
        await self._connection.exchange("POST", _path(container, "resume"))

    async def stop(self, container: str, timeout_s: float | None = None, signal: str | None = None) -> wire.Exit:
        """Send a signal, and SIGKILL after `timeout_s`; return how the payload ended.

        None: as the container was created with, else SIGTERM and 10 s. Its restart policy is over until it is started.
        """
        return await self._connection.fetch(wire.Exit, "POST", _path(container, "stop"), _stop(timeout_s, signal))

    async def restart(self, container: str, timeout_s: float | None = None, signal: str | None = None) -> None:
        """Stop it as `stop` does, where it runs, and start it again: same id, same name, its output goes on."""
        await self._connection.exchange("POST", _path(container, "restart"), _stop(timeout_s, signal))

    async def wait(self, container: str, condition: str | None = None) -> wire.Exit:
        """Return when the payload ended, with how it did.

        condition: "not-running" (the default: at once where it has stopped), "next-exit" or "removed".
        """
        return await self._end(_path(container, "wait"), {} if condition is None else {"condition": condition})

    async def wait_until(self, container: str, condition: str = "healthy") -> wire.Reached | wire.Exit:
        """Return once a condition that is no end has come: "healthy" or "ready"; or how the run has ended before.

        Raises Conflict for a container that has no health check, or does not notify.
        """
        path = _path(container, "wait")
        answer = await self._connection.exchange("POST", path, {"condition": condition})
        raise_for_late_error(answer)
        if b'"condition"' in answer:
            return read_model(wire.Reached, answer, f"POST {path}")
        return read_model(wire.Exit, answer, f"POST {path}")

    async def rename(self, container: str, name: str) -> None:
        await self._connection.exchange("POST", _path(container, "rename"), {"name": name})

    async def update(self, container: str, changes: wire.UpdateRequest) -> None:
        """Change limits, at once where it runs, and its restart policy; a limit that is given as None is lifted."""
        await self._connection.exchange("POST", _path(container, "update"), body=changes)

    async def prune(self, labels: Iterable[str] = ()) -> wire.Pruned:
        """Remove every container that has stopped, and that nothing starts again."""
        return await self._connection.fetch(wire.Pruned, "POST", "/v1/prune", [("label", label) for label in labels])

    async def resize(self, container: str, rows: int, columns: int) -> None:
        await self._connection.exchange("POST", _path(container, "resize"), {"rows": str(rows), "columns": str(columns)})

    async def stats(self, container: str, *, interval_s: float | None = None) -> AsyncGenerator[wire.Stats, None]:
        """Yield what it uses: once, or with an interval until it ends."""
        path = _path(container, "stats")
        async with contextlib.aclosing(self._connection.stream("GET", path, _interval(interval_s))) as chunks:
            async for line in whole_lines(chunks):
                yield read_model(wire.Stats, line, f"GET {path}")

    async def all_stats(
        self, containers: Iterable[str] = (), labels: Iterable[str] = (), *, interval_s: float | None = None
    ) -> AsyncGenerator[wire.StatsRound, None]:
        """Yield what containers use, all that live unless some are named: once, or with an interval without end."""
        query = [("container", one) for one in containers] + [("label", label) for label in labels]
        query += _interval(interval_s)
        async with contextlib.aclosing(self._connection.stream("GET", "/v1/stats", query)) as chunks:
            async for line in whole_lines(chunks):
                yield read_model(wire.StatsRound, line, "GET /v1/stats")

    async def top(self, container: str) -> wire.ProcessList:
        """Return its processes, as the host sees them."""
        return await self._connection.fetch(wire.ProcessList, "GET", _path(container, "top"))

    async def timeline(self, container: str) -> wire.Timeline:
        return await self._connection.fetch(wire.Timeline, "GET", _path(container, "timeline"))

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
    ) -> AsyncGenerator[bytes, None]:
        """Return an iterator over the raw output from `offset` on; with `follow` until the payload ends.

        since, until: RFC 3339 with a zone, or seconds since 1970; tail: lines at the end of what is there.
        """
        query = {"follow": _BOOLEAN[follow]}
        given = {"since": since, "until": until, "tail": None if tail is None else str(tail)}
        query |= {name: value for name, value in given.items() if value is not None}
        if timestamps:
            query["timestamps"] = _BOOLEAN[timestamps]
        if stream is not None:
            query["stream"] = stream
        if offset is not None:
            query["offset"] = str(offset)
        return self._connection.stream("GET", _path(container, "logs"), query)

    async def write_stdin(self, container: str, data: bytes | AsyncIterable[bytes], *, close: bool = False) -> None:
        """Write to the payload's input without attaching; return once it has taken all. close: end the input then."""
        await self._connection.send("PUT", _path(container, "stdin"), {"close": _BOOLEAN[close]}, data)

    async def attach(self, container: str, offset: int | None = None) -> Attachment:
        """Return an open attachment: output from `offset` on (default: from now; 0: all of it). The caller closes it."""
        query = {} if offset is None else {"offset": str(offset)}
        socket = await self._connection.upgrade(_path(container, "attach"), query)
        return Attachment(socket, container, offset)

    # ── what is executed in containers ────────────────────────────────────────────────────────────────────────

    async def exec_create(self, container: str, request: wire.ExecSpec) -> wire.ExecCreated:
        """Record what is to be executed in a running container; `exec_start` executes it."""
        return await self._connection.fetch(wire.ExecCreated, "POST", _path(container, "exec"), body=request)

    async def execs(self, container: str) -> tuple[wire.ExecDetail, ...]:
        """Return what is, was or will be executed in a container, the oldest first."""
        return (await self._connection.fetch(wire.ExecList, "GET", _path(container, "exec"))).execs

    async def exec_inspect(self, exec_id: str) -> wire.ExecDetail:
        return await self._connection.fetch(wire.ExecDetail, "GET", _exec_path(exec_id))

    async def exec_start(self, exec_id: str) -> None:
        """Return once it is executed."""
        await self._connection.exchange("POST", _exec_path(exec_id, "start"))

    async def exec_kill(self, exec_id: str, signal: str = "SIGKILL") -> None:
        await self._connection.exchange("POST", _exec_path(exec_id, "kill"), {"signal": signal})

    async def exec_wait(self, exec_id: str) -> wire.Exit:
        """Return when it ended, with how it did."""
        return await self._end(_exec_path(exec_id, "wait"), {})

    async def _end(self, path: str, query: dict[str, str]) -> wire.Exit:
        """The head of the answer comes at once; what goes wrong later is told under 200."""
        answer = await self._connection.exchange("POST", path, query)
        raise_for_late_error(answer)
        return read_model(wire.Exit, answer, f"POST {path}")

    async def exec_resize(self, exec_id: str, rows: int, columns: int) -> None:
        """Set the size of its terminal, before it is started or later."""
        await self._connection.exchange("POST", _exec_path(exec_id, "resize"), {"rows": str(rows), "columns": str(columns)})

    async def exec_delete(self, exec_id: str, *, force: bool = False) -> None:
        """Remove it and its output; one that runs only with `force`, which kills it."""
        await self._connection.exchange("DELETE", _exec_path(exec_id), {"force": _BOOLEAN[force]})

    async def exec_attach(self, exec_id: str, offset: int | None = None) -> Attachment:
        """Return an open attachment, as of a container. Output is kept from the start on: with 0 no byte is missed."""
        query = {} if offset is None else {"offset": str(offset)}
        socket = await self._connection.upgrade(_exec_path(exec_id, "attach"), query)
        return Attachment(socket, exec_id, offset)


def _interval(seconds: float | None) -> list[tuple[str, str]]:
    return [] if seconds is None else [("follow", "true"), ("interval", str(seconds))]


def _stop(timeout_s: float | None, signal: str | None) -> dict[str, str]:
    given = {"timeout": timeout_s, "signal": signal}
    return {name: str(value) for name, value in given.items() if value is not None}


def _event(line: bytes) -> wire.Event:
    try:
        return wire.Event.model_validate_json(line)
    except ValidationError as error:
        raise unreadable("GET /v1/events", error) from error
