"""Asking a container whether it is well: by a program that is executed in it, or over its own network.

A connection is made from here, by a socket that a thread of its own has opened in the container's network namespace: a
socket stays in the namespace that it was made in, whoever uses it (network_namespaces(7)). No name is looked up.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import os
import re
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from containerd_py.engine.output import CapturedOutput
from containerd_py.engine.own_thread import in_own_thread
from containerd_py.engine.views import Status
from containerd_py.errors import Conflict, ContainerdError, NotFound, OutOfSpace, Unavailable
from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.network.threads import run_inside
from containerd_py.wire import ExecSpec

if TYPE_CHECKING:
    from containerd_py.engine.containers import Container
    from containerd_py.engine.exec import Exec
    from containerd_py.engine.exec_lifecycle import ExecLifecycle
    from containerd_py.engine.views import Exit
    from containerd_py.store.records import HealthCheck

OUTPUT_BYTES = 2048
"""So much of a check's output is kept."""

_FAILED, _CANNOT_EXECUTE = 1, 126
_NOT_ITS_FAULT = (Unavailable, Conflict, NotFound, OutOfSpace)
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?\r?\n")
_WELL = range(200, 400)


@dataclass(frozen=True)
class Outcome:
    """exit_code: 0 for success."""

    exit_code: int
    output: str


class Probes:
    def __init__(self, execs: ExecLifecycle) -> None:
        self._execs = execs

    async def ask(self, container: Container, check: HealthCheck) -> Outcome | None:
        """Return what a check has found; None where it says nothing of the container: the host had no room for it, ..."""
        if check.kind == "exec":
            return await self._execute(container, check)
        try:
            async with asyncio.timeout(check.timeout_s):
                return await _connect(container, check)
        except TimeoutError:
            return _too_late(check, "")

    async def _execute(self, container: Container, check: HealthCheck) -> Outcome | None:
        log = CapturedOutput(OUTPUT_BYTES)
        try:
            one = await self._execs.create_internal(container, ExecSpec(args=check.args), log)
        except ContainerdError as problem:
            return _refused(problem, _CANNOT_EXECUTE)
        try:
            ended = await self._run(container, one, check.timeout_s)
        except ContainerdError as problem:
            failed = one.exit()
            return _refused(problem, _CANNOT_EXECUTE if failed is None else failed.exit_code)
        finally:
            with suppress(NotFound):  # it went with its container
                await self._execs.delete(container, one, force=True)
        if ended is None:
            return _too_late(check, _text(log.data))
        return None if ended.exit_code is None else Outcome(ended.exit_code, _text(log.data))

    async def _run(self, container: Container, one: Exec, timeout_s: float) -> Exit | None:
        """Return how it ended, None where it did not in time. What is frozen can neither end nor, on v1, be killed."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._execs.start(container, one)
                return await self._execs.wait(one)
        except TimeoutError:
            while container.status is Status.PAUSED:
                await container.changes.wait()
            return None


async def _connect(container: Container, check: HealthCheck) -> Outcome | None:
    try:
        connection = await _open_inside(container, ipaddress.ip_address(check.host).version)
    except OSError as problem:
        return None if container.pidfd is None else Outcome(_FAILED, f"cannot enter its network: {problem.strerror}")
    if connection is None:
        return None
    with connection:
        try:
            await asyncio.get_running_loop().sock_connect(connection, (check.host, check.port))
        except OSError as problem:
            return Outcome(_FAILED, f"cannot connect to {_address(check)}: {os.strerror(problem.errno or 0)}")
        if check.kind == "tcp":
            return Outcome(0, f"connected to {_address(check)}")
        try:
            return await _get(connection, check)
        except OSError as problem:
            return Outcome(_FAILED, f"cannot read from {_address(check)}: {os.strerror(problem.errno or 0)}")


async def _open_inside(container: Container, version: int) -> socket.socket | None:
    """Return a socket in the network namespace of a container; None where it has ended. Raises OSError."""
    if container.pidfd is None:
        return None
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    pidfd = Fd(os.dup(container.pidfd.fileno()))  # it may be closed meanwhile
    return await in_own_thread(_open, pidfd, family)


def _open(pidfd: Fd, family: socket.AddressFamily) -> socket.socket:
    """Blocking."""
    make = functools.partial(socket.socket, family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    with pidfd:
        return run_inside(pidfd.fileno(), make)


async def _get(connection: socket.socket, check: HealthCheck) -> Outcome:
    """Ask by HTTP, and read no more than the first line of the answer. Raises OSError."""
    loop = asyncio.get_running_loop()
    request = (
        f"GET {check.path} HTTP/1.1\r\nHost: {_address(check)}\r\nUser-Agent: pycontainerd\r\nConnection: close\r\n\r\n"
    )
    await loop.sock_sendall(connection, request.encode())
    answer = b""
    while b"\n" not in answer and len(answer) < OUTPUT_BYTES:
        part = await loop.sock_recv(connection, OUTPUT_BYTES - len(answer))
        if not part:
            break
        answer += part
    found = _STATUS_LINE.match(answer)
    if found is None:
        return Outcome(_FAILED, f"{_address(check)} does not answer by HTTP: {_text(answer[:80])!r}")
    return Outcome(0 if int(found[1]) in _WELL else _FAILED, _text(found[0].strip()))


def _address(check: HealthCheck) -> str:
    return f"[{check.host}]:{check.port}" if ":" in check.host else f"{check.host}:{check.port}"


def _too_late(check: HealthCheck, output: str) -> Outcome:
    told = f"it took longer than {check.timeout_s:g} s"
    return Outcome(_FAILED, f"{output}\n{told}" if output else told)


def _refused(problem: ContainerdError, code: int | None) -> Outcome | None:
    if isinstance(problem, _NOT_ITS_FAULT) or code is None:
        return None
    return Outcome(code, problem.message)


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
