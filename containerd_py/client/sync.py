"""The client for scripts: `Client` without `await`, method for method.

    with SyncClient() as client:
        created = client.create(ContainerSpec(rootfs="/srv/root", args=("/bin/true",)))
        client.start(created.id)
        print(client.wait(created.id).exit_code)

An event loop in a thread of its own does the work; it and every descriptor are gone after the `with`. A client may be used
by several threads at once. An interrupt (Ctrl-C) of a call cancels it, as the cancellation of a task does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from containerd_py.client.address import DEFAULT_SOCKET
from containerd_py.client.attachment import Attachment
from containerd_py.client.blocking import attaching, blocking, iterating
from containerd_py.client.client import Client
from containerd_py.client.files import Files
from containerd_py.client.loop_thread import LoopThread

if TYPE_CHECKING:
    from collections.abc import Generator

    from containerd_py.client.attachment import Channel


class SyncAttachment:
    """As `Attachment`: iterate over it for the output, until the container ends; a context manager."""

    def __init__(self, attachment: Attachment, thread: LoopThread) -> None:
        self._asynchronous = attachment
        self._thread = thread

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __iter__(self) -> Generator[tuple[Channel, bytes], None, None]:
        return self._thread.iterate(aiter(self._asynchronous))

    @property
    def exit_code(self) -> int | None:
        """As `Attachment.exit_code`."""
        return self._asynchronous.exit_code

    @property
    def offset(self) -> int | None:
        """As `Attachment.offset`."""
        return self._asynchronous.offset

    close = blocking(Attachment.close)
    send_stdin = blocking(Attachment.send_stdin)
    close_stdin = blocking(Attachment.close_stdin)
    resize = blocking(Attachment.resize)
    send_signal = blocking(Attachment.send_signal)


class SyncFiles:
    """As `Files`: `SyncClient.files`."""

    def __init__(self, files: Files, thread: LoopThread) -> None:
        self._asynchronous = files
        self._thread = thread

    stat = blocking(Files.stat)
    get = iterating(Files.get)
    put = blocking(Files.put)
    export = iterating(Files.export)
    changes = iterating(Files.changes)


class SyncClient:
    """A client of the daemon at `socket_path`; use it as a context manager. Methods and errors are those of `Client`."""

    def __init__(self, socket_path: str = DEFAULT_SOCKET) -> None:
        self._asynchronous = Client(socket_path)
        self._thread = LoopThread("pycontainerd-client")
        self.files = SyncFiles(self._asynchronous.files, self._thread)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._thread.call(self._asynchronous.__aenter__())
        except BaseException:
            self._thread.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._thread.call(self._asynchronous.__aexit__(*exc))
        finally:
            self._thread.stop()

    ping = blocking(Client.ping)
    version = blocking(Client.version)
    info = blocking(Client.info)
    doctor = blocking(Client.doctor)
    metrics = blocking(Client.metrics)
    explain = blocking(Client.explain)
    shut_down = blocking(Client.shut_down)
    declared = blocking(Client.declared)
    events = iterating(Client.events)

    create = blocking(Client.create)
    containers = blocking(Client.containers)
    container = blocking(Client.container)
    delete = blocking(Client.delete)
    rename = blocking(Client.rename)
    update = blocking(Client.update)
    prune = blocking(Client.prune)

    start = blocking(Client.start)
    kill = blocking(Client.kill)
    pause = blocking(Client.pause)
    resume = blocking(Client.resume)
    stop = blocking(Client.stop)
    restart = blocking(Client.restart)
    wait = blocking(Client.wait)
    wait_until = blocking(Client.wait_until)

    logs = iterating(Client.logs)
    write_stdin = blocking(Client.write_stdin)
    resize = blocking(Client.resize)
    attach = attaching(Client.attach, SyncAttachment)

    stats = iterating(Client.stats)
    all_stats = iterating(Client.all_stats)
    top = blocking(Client.top)
    timeline = blocking(Client.timeline)

    begin = blocking(Client.begin)
    operations = blocking(Client.operations)
    operation = blocking(Client.operation)
    operation_wait = blocking(Client.operation_wait)

    exec_create = blocking(Client.exec_create)
    execs = blocking(Client.execs)
    exec_inspect = blocking(Client.exec_inspect)
    exec_start = blocking(Client.exec_start)
    exec_kill = blocking(Client.exec_kill)
    exec_wait = blocking(Client.exec_wait)
    exec_resize = blocking(Client.exec_resize)
    exec_delete = blocking(Client.exec_delete)
    exec_logs = iterating(Client.exec_logs)
    exec_write_stdin = blocking(Client.exec_write_stdin)
    exec_attach = attaching(Client.exec_attach, SyncAttachment)
