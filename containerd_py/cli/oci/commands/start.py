"""Execute the process of a container that was created."""

from __future__ import annotations

import os

from containerd_py.runtime.linux.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.cli.oci.arguments import Options, Parser
    from containerd_py.cli.oci.containers import Container
    from containerd_py.cli.oci.context import Context

FAILURE = 1


def declare(parser: Parser) -> None:
    parser.container()


def perform(options: Options, context: Context) -> int:
    start(context.load(options.id), options.id, context)
    return 0


def start(container: Container, container_id: str, context: Context) -> None:
    """Start it; where the caller waits for READY=1, only return once the payload has told so, or has ended."""
    to = context.environ.get("NOTIFY_SOCKET")
    if not to:
        container.start()
        return
    from containerd_py.cli.oci.notify import NotifySocket, relay

    with NotifySocket(context.settings.state_root, container_id).listening() as receiver:
        pid = container.pid
        with Fd(os.pidfd_open(pid)) as ended:  # before start: it is there, waiting
            container.start()
            if receiver is not None:
                relay(receiver, to, pid, ended.fileno())
