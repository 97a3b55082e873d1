"""What a worker and its parent say to each other, over one SOCK_SEQPACKET socket that exec closes.

    parent                                   worker
      PLAN  names of the handles, fds  ────►
                                             (executes the plan; at AwaitMembership:)
                        ◄────  JOINING
      MEMBER                           ────►
                                             (executes the plan; at AwaitParent:)
                        ◄────  ASKED
      GO    the container's state, fd  ────►
                                             (executes the plan up to AwaitStart)
                        ◄────  READY  the time each step ended [, the terminal's master]
      START                            ────►
                        ◄────  TIMES  the time each further step ended
                        ◄────  (end of stream: execve succeeded)

    When a tree of the container's own mounts gets ids of its own (CloneInside), which takes the host's root:
                        ◄────  UNMAPPED  the key of its source, the tree, the user namespace
      MAPPED                           ────►

    When a filter with SCMP_ACT_NOTIFY is loaded, before READY or before TIMES:
                        ◄────  LISTENER  the descriptor of the filter's listener

    A plan without a payload has neither AwaitStart nor Exec: its worker tells TIMES after its last step, and ends. What
    that step has found it tells before it reads or writes anything (operations.archive):
                        ◄────  FOUND  a JSON object

    At any time instead:  ◄────  FAILED  index of the step, errno, a short text

The parent may close its end before START: the worker ends. Where the plan says so, START and what follows go over a
connection that somebody makes to the container's start socket, and this one ends with READY.
"""

from __future__ import annotations

import struct

from containerd_py.light import json, socket
from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.linux.memfd import sealed
from containerd_py.runtime.linux.passing import receive_fds, send_fds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FAILED = struct.Struct("<Hi")
_KEY = struct.Struct("<i")
_LARGEST = 1 << 18  # READY of a plan with 26 000 steps; what is larger the kernel does not send (net.core.wmem_default)
_MOST_FDS = 253  # SCM_MAX_FD
WORKER_DEFECT = 0  # errno of a FAILED that no system call caused


@dataclass(frozen=True)
class Ready:
    """ended_ns: when each step ended, on the monotonic clock."""

    ended_ns: tuple[int, ...]


@dataclass(frozen=True)
class Times:
    ended_ns: tuple[int, ...]


@dataclass(frozen=True)
class Asked:
    """The worker waits for GO."""


@dataclass(frozen=True)
class Joining:
    """The worker waits for MEMBER: it can do no more before it is in its cgroup."""


@dataclass(frozen=True)
class Unmapped:
    """The worker waits for MAPPED: the message's first descriptor is a tree whose ids are to be mapped as by the second.

    key: of its source.
    """

    key: int


@dataclass(frozen=True)
class Failed:
    """index: of the step in the plan; errno: WORKER_DEFECT where no system call failed."""

    index: int
    errno: int
    text: str


@dataclass(frozen=True)
class Listener:
    """A seccomp filter that notifies is loaded; its listener is the message's one descriptor."""


@dataclass(frozen=True)
class Found:
    """document: what the step says of it. A worker is trusted, what it tells of is not."""

    document: dict[str, Any]


Message = Ready | Times | Failed | Asked | Joining | Unmapped | Listener | Found


def send_plan(control: socket.socket, handles: dict[str, int]) -> None:
    """Send the handles by name; "plan" is the sealed memfd. The caller keeps its descriptors."""
    send_fds(control, b"P" + json.dumps(list(handles)).encode(), list(handles.values()))


def receive_plan(control: socket.socket) -> dict[str, int]:
    """Return the handles; their descriptors are the worker's now. Raises EOFError when the parent is gone."""
    data, fds = receive_fds(control, _LARGEST, _MOST_FDS)
    if data[:1] != b"P":
        raise EOFError("no plan came")
    return dict(zip(json.loads(data[1:]), fds, strict=True))


def send_ready(control: socket.socket, ended_ns: list[int], terminal: int | None) -> None:
    send_fds(control, b"R" + _packed(ended_ns), () if terminal is None else (terminal,))


def _packed(times_ns: list[int]) -> bytes:
    return struct.pack(f"{len(times_ns)}Q", *times_ns)


def send_asked(control: socket.socket) -> None:
    control.send(b"A")


def send_go(control: socket.socket, state: bytes) -> None:
    """state: the container's, as the runtime specification has it. Raises BrokenPipeError, ConnectionResetError."""
    with sealed("state", state) as document:
        send_fds(control, b"G", (document.fileno(),))


def await_go(control: socket.socket) -> int | None:
    """Return the descriptor of the container's state; None when the parent closed the socket."""
    data, fds = receive_fds(control, 1, 1)
    return fds[0] if data == b"G" and fds else None


def send_joining(control: socket.socket) -> None:
    control.send(b"J")


def send_member(control: socket.socket) -> None:
    """Raises BrokenPipeError, ConnectionResetError."""
    control.send(b"M", socket.MSG_NOSIGNAL)


def await_member(control: socket.socket) -> bool:
    """Return False when the parent closed the socket."""
    return control.recv(1) == b"M"


def send_unmapped(control: socket.socket, key: int, tree: int, user_namespace: int) -> None:
    send_fds(control, b"U" + _KEY.pack(key), (tree, user_namespace))


def send_mapped(control: socket.socket) -> None:
    """Raises BrokenPipeError, ConnectionResetError."""
    control.send(b"I", socket.MSG_NOSIGNAL)


def await_mapped(control: socket.socket) -> bool:
    """Return False when the parent closed the socket."""
    return control.recv(1) == b"I"


def send_times(control: socket.socket, ended_ns: list[int]) -> None:
    control.send(b"T" + _packed(ended_ns))


def send_listener(control: socket.socket, listener: int) -> None:
    """By sendmsg, which is why no filter may ask the listener about that call."""
    send_fds(control, b"N", (listener,))


def send_found(control: socket.socket, document: dict[str, Any]) -> None:
    control.send(b"D" + json.dumps(document).encode())


def send_failed(control: socket.socket, index: int, errno: int, text: str) -> None:
    control.send(b"F" + _FAILED.pack(index, errno) + text.encode(errors="replace")[:1000])


def send_start(control: socket.socket) -> None:
    """Raises BrokenPipeError or ConnectionResetError when the worker is gone, or has become the payload already."""
    control.send(b"S", socket.MSG_NOSIGNAL)


def await_start(control: socket.socket) -> bool:
    """Return True for START, False when the parent closed the socket."""
    return control.recv(1) == b"S"


def resumed(control: int) -> socket.socket:
    """Return the parent's end of a dialogue that another process has had, from its descriptor; it never blocks."""
    connection = socket.socket(fileno=control)
    connection.settimeout(0)
    return connection


def has_left(control: socket.socket) -> bool:
    """Tell whether the worker has become the payload, or does so now, or is gone; what it said last may be unread."""
    try:
        return control.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) in (b"T", b"")
    except OSError:  # nothing was said
        return False


def receive(control: socket.socket) -> tuple[Message | None, list[int]]:
    """Return the worker's next message and its fds; None at the end of the stream. Raises BlockingIOError."""
    try:
        data, fds = receive_fds(control, _LARGEST, _MOST_FDS)
    except ConnectionResetError:  # the worker ended with a message of ours unread
        return None, []
    if not data:
        return None, []
    kind, body = data[:1], data[1:]
    if kind == b"A":
        return Asked(), fds
    if kind == b"J":
        return Joining(), fds
    if kind == b"U":
        return Unmapped(*_KEY.unpack(body)), fds
    if kind == b"F":
        index, number = _FAILED.unpack_from(body)
        return Failed(index, number, body[_FAILED.size :].decode(errors="replace")), fds
    if kind == b"N":
        return Listener(), fds
    if kind == b"D":
        return Found(json.loads(body)), fds
    times = tuple(memoryview(body).cast("Q"))
    return (Ready(times) if kind == b"R" else Times(times)), fds
