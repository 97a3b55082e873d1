"""Handing the listener of a filter to the agent that answers for it (config-linux.md, "The Container Process State")."""

from __future__ import annotations

import json

from containerd_py.errors import Unavailable
from containerd_py.runtime.linux.passing import connect, send_fds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEADLINE_S = 10.0  # an agent that takes nothing must not hold a container's start for ever


def hand_over(
    path: str, listener: int, metadata: str | None, state: dict[str, Any], *, timeout_s: float = DEADLINE_S
) -> None:
    """Send the descriptor `listener`, which stays the caller's, to the agent at the Unix socket `path`. Blocking.

    metadata: linux.seccomp.listenerMetadata. state: the container's state (runtime.md, "State"), pid being the payload's.
    Raises Unavailable where nobody listens there, or does not take it in 10 s.
    """
    document = {
        "ociVersion": state["ociVersion"],
        "fds": ["seccompFd"],
        "pid": state["pid"],
        **({} if metadata is None else {"metadata": metadata}),
        "state": state,
    }
    try:
        _send(path, json.dumps(document).encode(), listener, timeout_s)
    except OSError as problem:
        raise Unavailable(
            f"cannot hand seccomp listener to {path!r} (linux.seccomp.listenerPath): "
            f"failed to connect with seccomp agent: {problem.strerror or problem}",
            step="seccomp",
            errno=problem.errno,
            hint="linux.seccomp.listenerPath names the stream socket of a running seccomp agent",
        ) from problem


def _send(path: str, document: bytes, listener: int, timeout_s: float) -> None:
    """In one message where the socket takes it at once: agents are common that read one."""
    with connect(path, timeout_s=timeout_s) as connection:
        sent = send_fds(connection, document, (listener,))
        if sent < len(document):  # an agent that has all of it may have hung up, and even sending nothing would fail
            connection.sendall(document[sent:])
