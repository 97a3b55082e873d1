"""Create a container, start it, and wait for it unless it is detached."""

from __future__ import annotations

import os

from containerd_py.cli.oci import creation
from containerd_py.cli.oci.commands.start import start
from containerd_py.cli.oci.foreground import Relays, adopting_orphans, exit_code
from containerd_py.cli.oci.pid_file import remove_pid
from containerd_py.cli.oci.signals import Forwarding
from containerd_py.light import contextlib, threading
from containerd_py.runtime.beginning import Beginning
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.process import set_child_subreaper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from containerd_py.cli.oci.arguments import Options, Parser
    from containerd_py.cli.oci.containers import Container
    from containerd_py.cli.oci.context import Context
    from containerd_py.runtime.spec.models import Spec

FAILURE = 1


def declare(parser: Parser) -> None:
    creation.declare(parser)
    parser.switch("--detach", "-d", help="do not wait for the container")
    parser.switch("--keep", help="do not delete the container at its end")
    parser.switch("--no-subreaper", help="leave the reaping of orphans to others")


def perform(options: Options, context: Context) -> int:
    spec, preserved = creation.read(options, context, detached=options.detach)
    if options.detach:
        return _leave_running(options, context, spec, preserved)
    if not options.no_subreaper:
        set_child_subreaper()
    return _attend(options, context, spec, preserved)


def _leave_running(options: Options, context: Context, spec: Spec, preserved: tuple[int, ...]) -> int:
    with Forwarding() as forwarding:
        container = creation.make_or_nothing(options, context, spec, preserved, None, forwarding)
        with _undone_at_failure(container, options), forwarding.interruptible():
            start(container, options.id, context)
    return 0


def _attend(options: Options, context: Context, spec: Spec, preserved: tuple[int, ...]) -> int:
    """Run it in the foreground and return the exit code of the payload."""
    terminal = spec.process is not None and spec.process.terminal
    relays = Relays()
    with Forwarding() as forwarding, contextlib.nullcontext() if terminal else relays as streams:
        container = creation.make_or_nothing(options, context, spec, preserved, streams, forwarding)
        payload = container.first_pid
        with _undone_at_failure(container, options):
            relays.run()
            with _telling_readiness(options, context, container):
                beginning = Beginning()
                with forwarding.interruptible(begun=_begun(spec, beginning)):
                    container.start(beginning)
                forwarding.attach(container.kill)
                with adopting_orphans(payload):  # not before: hooks are children too, whose ends are waited for
                    code = exit_code(container.wait(recorded=options.keep))
    if not options.keep:
        container.destroy(force=True)
    return code


def _begun(spec: Spec, beginning: Beginning) -> Callable[[], bool]:
    """A start with poststart hooks is undone until they have ended: one that hangs is no reason not to end."""
    return (lambda: False) if spec.hooks.poststart else beginning.has_come


@contextlib.contextmanager
def _undone_at_failure(container: Container, options: Options) -> Iterator[None]:
    try:
        yield
    except BaseException:
        remove_pid(options.pid_file)
        container.destroy(force=True)
        raise


@contextlib.contextmanager
def _telling_readiness(options: Options, context: Context, container: Container) -> Iterator[None]:
    """Pass the payload's READY=1 on meanwhile; the caller's service manager watches this process."""
    to = context.environ.get("NOTIFY_SOCKET")
    if not to:
        yield
        return
    from containerd_py.cli.oci.notify import NotifySocket, relay

    with (
        NotifySocket(context.settings.state_root, options.id).listening() as receiver,
        Fd(os.pidfd_open(container.pid)) as ended,
    ):
        if receiver is not None:
            told = threading.Thread(target=relay, args=(receiver, to, None, ended.fileno()), daemon=True)
            told.start()
        yield
        if receiver is not None:
            told.join()
