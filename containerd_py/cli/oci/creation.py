"""What `create` and `run` have in common: options, checks, and the making of a container."""

from __future__ import annotations

import os

from containerd_py.cli.oci import activation
from containerd_py.cli.oci.arguments import count, given
from containerd_py.cli.oci.bundle import read_spec
from containerd_py.cli.oci.foreground import children
from containerd_py.cli.oci.pid_file import remove_pid, write_pid
from containerd_py.cli.oci.pidfd_socket import told_of
from containerd_py.cli.oci.signals import Interrupted
from containerd_py.errors import ContainerdError, InvalidArgument, NotSupported
from containerd_py.light import contextlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.cli.oci.arguments import Options, Parser
    from containerd_py.cli.oci.containers import Container
    from containerd_py.cli.oci.context import Context
    from containerd_py.cli.oci.log import Log
    from containerd_py.cli.oci.signals import Forwarding
    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.streams import Streams


def declare(parser: Parser) -> None:
    """Add the options that both commands have."""
    declare_place(parser)
    parser.add_argument("--pidfd-socket", metavar="PATH", help="the Unix socket that a pidfd of the process is sent to")
    parser.switch("--no-new-keyring", help="leave the payload the session keyring of the caller")
    parser.add_argument("--preserve-fds", type=count, default=0, metavar="N", help="pass N more descriptors, from 3 on")
    parser.container()


def declare_place(parser: Parser) -> None:
    """Add those that `restore` has too."""
    parser.add_argument("--bundle", "-b", default=".", metavar="DIR", help="the bundle (default: the current directory)")
    parser.add_argument(
        "--config", "-f", default="config.json", metavar="FILE", help="in place of config.json, in the bundle; crun's"
    )
    parser.add_argument(
        "--console-socket", type=given, metavar="PATH", help="the Unix socket that the terminal's master is sent to"
    )
    parser.add_argument("--pid-file", metavar="PATH", help="write the pid of the container's first process there")
    parser.switch("--no-pivot", help="move the root over the host's: for an initial ramdisk; CAP_SYS_CHROOT leads out")


def read(options: Options, context: Context, *, detached: bool) -> tuple[Spec, tuple[int, ...]]:
    """Return the specification and the descriptors to pass on, all that can be checked being checked."""
    context.settings.check_creation()
    spec = read_spec(options.bundle, options.config, warn=context.log.warning)
    check_terminal(
        terminal=bool(spec.process and spec.process.terminal), detached=detached, console_socket=options.console_socket
    )
    listening = activation.listening(context.environ, os.getpid())
    preserved = activation.passed_on(options.preserve_fds + listening, context.log.warning, least=listening)
    return activation.told(spec, listening, context.environ), preserved


def make(options: Options, context: Context, spec: Spec, preserved: tuple[int, ...], streams: Streams | None) -> Container:
    """Create the container and tell of its process; where one fails, nothing is left of either."""
    with told_of(options.pidfd_socket) as tell:
        context.log.debug("nsexec container setup")  # stages by runc's names, which are looked for in its logs
        tell_seccomp(spec, context.log)
        container = _create(options, context, spec, preserved, streams)
        if context.log.debugging:
            context.log.debug(f"child process in init(): {container.pid}")
        context.log.debug("init: closing the pipe to signal completion")
        try:
            tell(container)
        except BaseException:
            container.destroy(force=True)
            raise
        tell_pid(options, container)
    return container


def tell_seccomp(spec: Spec, log: Log) -> None:
    profile = spec.linux.seccomp
    if log.debugging and profile is not None:
        from containerd_py.runtime.seccomp.compile import filter_flags

        log.debug(f"seccomp filter flags: {filter_flags(profile, given='flags' in profile.given)}")


def _create(
    options: Options, context: Context, spec: Spec, preserved: tuple[int, ...], streams: Streams | None
) -> Container:
    if "NOTIFY_SOCKET" not in context.environ:
        return _made(options, context, spec, preserved, streams)
    from containerd_py.cli.oci.notify import NotifySocket

    notify = NotifySocket(context.settings.state_root, options.id)
    try:
        return _made(options, context, notify.told(spec), preserved, streams)
    except BaseException:
        notify.undo()
        raise


def _made(options: Options, context: Context, spec: Spec, preserved: tuple[int, ...], streams: Streams | None) -> Container:
    return context.containers().create(
        options.id,
        spec,
        state_root=context.settings.state_root,
        bundle=options.bundle,
        streams=streams,
        console_socket=options.console_socket,
        preserve_fds=preserved,
        systemd_cgroup=context.settings.by_systemd,
        no_pivot=options.no_pivot,
        new_keyring=not options.no_new_keyring,
    )


def tell_pid(options: Options, container: Container) -> None:
    """Write the pid file; where that fails, nothing is left of the container either."""
    try:
        if options.pid_file:
            write_pid(options.pid_file, container.pid)
    except BaseException:
        container.destroy(force=True)
        raise


def make_or_nothing(
    options: Options,
    context: Context,
    spec: Spec,
    preserved: tuple[int, ...],
    streams: Streams | None,
    forwarding: Forwarding,
) -> Container:
    """Do what `make` does; nothing is left either where this process is asked to end meanwhile (`Interrupted`)."""
    with nothing_left(options, context), forwarding.interruptible():
        return make(options, context, spec, preserved, streams)


@contextlib.contextmanager
def nothing_left(options: Options, context: Context) -> Iterator[None]:
    """Remove what was made where it is interrupted the moment it is made, and nobody has it in hands yet."""
    try:
        yield
    except Interrupted:
        containers, state_root = context.containers(), context.settings.state_root
        with contextlib.suppress(ContainerdError):
            containers.forget(options.id, state_root=state_root)
            container = containers.load(options.id, state_root=state_root)
            if container.pid in children():  # else it is somebody else's, and our creation was refused
                container.destroy(force=True)
                remove_pid(options.pid_file)
        raise


def check_terminal(*, terminal: bool, detached: bool, console_socket: str | None) -> None:
    """Raise InvalidArgument for a terminal that nobody would hold, and for a console socket that nothing is sent to."""
    if detached and terminal and not console_socket:
        raise InvalidArgument(
            "cannot make the terminal: the command ends before the container, and nobody would hold its other end",
            step="terminal",
            hint="give --console-socket, or set process.terminal to false",
        )
    if console_socket and not (detached and terminal):
        raise InvalidArgument(
            "cannot use --console-socket: " + ("the container has no terminal" if detached else "the command stays"),
            step="terminal",
            hint="it is for a terminal (process.terminal, --tty) of a container that the command does not wait for",
        )


def refuse_no_pivot(options: Options) -> None:
    if options.no_pivot:
        raise NotSupported(
            "cannot use --no-pivot: CRIU has its own way into a root",
            step="rootfs",
            hint="put the root file system on a disk or a tmpfs, not on the initial ramdisk",
        )
