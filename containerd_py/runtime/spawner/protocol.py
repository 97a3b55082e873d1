"""What the daemon and the spawner say to each other: JSON and descriptors over SOCK_SEQPACKET, one message a packet.

    daemon                                             spawner
      (connects to spawner.sock)                 ────►
                               ◄────  hello      protocol, version, pid, plan
                               ◄────  container  id, pid, keep, exit    fds: pidfd, kept …      (one for each it has)
                               ◄────  ready
      spawn    seq, id, flags, cgroup, joins,    ────►  fds: control [, cgroup directory], joined …, kept …
               time_offsets, oom_score_adj, keep
                               ◄────  spawned    seq, id, pid           fds: pidfd
                               ◄────  refused    seq, id, errno, text         (instead: nothing was made)
      keep     id, keep                          ────►  fds: kept …     (more to keep, such as a terminal's master)
      drop     id, names                         ────►                  (close some: the end of stdin)
      adopt    id, pid, keep                     ────►  fds: pidfd, kept …    (from a spawner that died)
      forget   id                                ────►                  (its end is on record: drop everything)
                               ◄────  exited     id, code, signal             (null, null: nobody knows)
      ping     seq                               ────►                  (is it able to answer?)
                               ◄────  pong       seq
      upgrade  interpreter's arguments           ────►  fds: sealed interpreter
                               (re-executes itself; the connection ends, the listening socket stays)
      quit                                       ────►                  (only heeded without containers)
                               ◄────  parting    text                   (that was no request: the connection ends)

The control socket's other end stays with the daemon, which speaks to the worker directly (`init.dialogue`). What is said
before an upgrade keeps its form in every version of the protocol, so does the record by which the spawner hands itself what
it has: `hello`, `container`, `ready`, `upgrade` and `quit`. hello bears `plan`, the format of plans that a worker of this
spawner reads, since format 2.
"""

from __future__ import annotations

import os

from containerd_py.light import json
from containerd_py.runtime.linux.passing import receive_fds, send_fds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from containerd_py.light import socket

    Message = dict[str, Any]


PROTOCOL = 3
LARGEST = 65_536
MOST_FDS = 64


def send(connection: socket.socket, message: Message, fds: list[int] | tuple[int, ...] = ()) -> None:
    """Send one message; the descriptors stay the caller's. Raises BrokenPipeError, BlockingIOError."""
    send_fds(connection, json.dumps(message).encode(), fds)


def receive(connection: socket.socket) -> tuple[Message | None, list[int]]:
    """Return a message and its descriptors, which are the caller's now; None at the end of the connection.

    Raises BlockingIOError where nothing is there yet, ValueError for what is no message.
    """
    try:
        data, fds = receive_fds(connection, LARGEST, MOST_FDS)
    except ConnectionResetError:
        return None, []
    if not data:
        return None, []
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict) or not isinstance(message.get("op"), str):
        for fd in fds:
            os.close(fd)
        raise ValueError(  # noqa: TRY004 - what came is wrong, not its type
            f"cannot read message of the spawner's protocol: {data[:80]!r}"
        )
    return message, fds
