"""Print what a container uses, again and again, and when it runs out of memory: one JSON document a line."""

from __future__ import annotations

import os
import select
import sys
import time

from containerd_py.cli.oci.arguments import seconds
from containerd_py.errors import Conflict
from containerd_py.light import json
from containerd_py.light.contextlib import closing
from containerd_py.runtime.linux.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from containerd_py.cli.oci.arguments import Options, Parser
    from containerd_py.cli.oci.containers import Container, OomNotification
    from containerd_py.cli.oci.context import Context

FAILURE = 1

_AGAIN_S = 0.1
"""cgroup v1 wakes before it kills: the count is asked for once more."""


def declare(parser: Parser) -> None:
    parser.add_argument("--interval", type=seconds, default=5.0, metavar="TIME", help="between two of them (default: 5s)")
    parser.switch("--stats", help="print what is used now, and end")
    parser.container()


def perform(options: Options, context: Context) -> int:
    container = context.load(options.id)
    if options.stats:
        _check_alive(container, options.id)
        _print("stats", options.id, container.stats().document())
        return 0
    with _end_of(container, options.id) as ended, closing(container.oom()) as oom:
        _follow(options, container, ended, oom)
    return 0


def _follow(options: Options, container: Container, ended: Fd, oom: OomNotification) -> None:
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(oom.fileno(), select.POLLIN)
    seen, due, alarmed = oom.killed(), time.monotonic() + options.interval, False
    while True:
        wait_s = max(0.0, min(due - time.monotonic(), _AGAIN_S if alarmed else options.interval))
        ready = {fd for fd, _events in poll.poll(wait_s * 1000)}
        seen, alarmed = _tell_kills(options.id, oom, seen), oom.fileno() in ready
        if ended.fileno() in ready:
            return
        if time.monotonic() >= due:
            try:
                figures = container.stats()
            except Conflict:  # it has ended since
                return
            _print("stats", options.id, figures.document())
            due += options.interval


def _tell_kills(container_id: str, oom: OomNotification, seen: int) -> int:
    """Print an event where processes were killed since; return how many there were."""
    try:
        killed = oom.killed()
    except OSError:  # the cgroup is gone
        return seen
    if killed > seen:
        _print("oom", container_id, None)
    return killed


def _end_of(container: Container, container_id: str) -> Fd:
    """Return a descriptor that becomes readable at the end of the container's first process."""
    pid = _check_alive(container, container_id)
    try:
        pidfd = Fd(os.pidfd_open(pid))
    except ProcessLookupError:
        raise _not_running(container_id) from None
    try:
        _check_alive(container, container_id)  # it still is, so the pidfd is not of a later bearer of the number
    except BaseException:
        pidfd.close()
        raise
    return pidfd


def _check_alive(container: Container, container_id: str) -> int:
    state = container.state()
    if state.status == "stopped":
        raise _not_running(container_id)
    return state.pid


def _not_running(container_id: str) -> Conflict:
    return Conflict(f"cannot watch container {container_id!r}: container not running", step="events")


def _print(kind: str, container_id: str, data: dict[str, Any] | None) -> None:
    event = {"type": kind, "id": container_id, **({} if data is None else {"data": data})}
    sys.stdout.write(json.dumps(event, separators=(",", ":")) + "\n")
    sys.stdout.flush()
