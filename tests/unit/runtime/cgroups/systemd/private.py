"""A service manager's private socket, served by a thread that answers as systemd does, or as it should not."""

import itertools
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jeepney import HeaderFields, Message, MessageType, Parser, new_error, new_method_return
from jeepney.low_level import Endianness, Header

from containerd_py.runtime.cgroups.systemd.bus import Address

JOB = "/org/freedesktop/systemd1/job/7"
UNIT = "/org/freedesktop/systemd1/unit/x"
Answer = tuple[str, tuple[Any, ...]]
Serve = Callable[[socket.socket], None]


@contextmanager
def served(folder: Path, *connections: Serve) -> Iterator[Address]:
    """Serve so many connections, one after the other."""
    path = str(folder / "private")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve() -> None:
            for one in connections:
                connection, _ = listener.accept()
                with connection:
                    one(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Address(path, bus=False)
        thread.join()


def authenticated(connection: socket.socket) -> None:
    asked = b""
    while not asked.endswith(b"BEGIN\r\n"):
        asked += connection.recv(4096)
    connection.sendall(b"OK 0123456789abcdef0123456789abcdef\r\nAGREE_UNIX_FD\r\n")


def calls(connection: socket.socket) -> Iterator[Message]:
    parser = Parser()
    while data := connection.recv(4096):
        yield from parser.feed(data)


def manager(
    *, version: str = "252", until: str = "", answers: Mapping[str, Answer] = MappingProxyType({}), result: str = "done"
) -> Serve:
    """Answer what systemd answers, and close the connection at the call of `until`.

    answers: by member, or by the name of a property. A scope's job ends with `result`.
    """

    def serve(connection: socket.socket) -> None:
        authenticated(connection)
        serials = itertools.count(1)
        for call in calls(connection):
            member = call.header.fields[HeaderFields.member]
            if member == until:
                return
            asked = call.body[-1] if member == "Get" else member
            usual = {"Version": ("v", (("s", version),)), "StartTransientUnit": ("o", (JOB,))}
            signature, body = (usual | dict(answers)).get(asked, ("v", (("s", ""),)) if member == "Get" else ("", ()))
            reply = new_error(call, *body) if signature == "error" else new_method_return(call, signature or None, body)
            connection.sendall(reply.serialise(next(serials)))
            if member == "StartTransientUnit":
                name = call.body[0]
                connection.sendall(signal("JobNew", "uos", 7, JOB, name).serialise(next(serials)))
                connection.sendall(signal("JobRemoved", "uoss", 7, JOB, name, result).serialise(next(serials)))

    return serve


def signal(member: str, signature: str, *body: Any) -> Message:
    fields = {
        HeaderFields.path: "/",
        HeaderFields.interface: "org.freedesktop.systemd1.Manager",
        HeaderFields.member: member,
    }
    header = Header(Endianness.little, MessageType.signal, 0, 1, -1, -1, {**fields, HeaderFields.signature: signature})
    return Message(header, body)


def silent(connection: socket.socket) -> None:
    authenticated(connection)
    while connection.recv(4096):
        pass
