"""Make a container of the images that `checkpoint` wrote, and wait for it unless it is detached."""

from __future__ import annotations

from containerd_py.cli.oci import creation, images
from containerd_py.cli.oci.bundle import read_spec
from containerd_py.cli.oci.foreground import Relays, adopting_orphans, exit_code
from containerd_py.cli.oci.signals import Forwarding
from containerd_py.light import contextlib
from containerd_py.runtime.beginning import Beginning
from containerd_py.runtime.linux.process import set_child_subreaper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.cli.oci.arguments import Options, Parser
    from containerd_py.cli.oci.containers import Container
    from containerd_py.cli.oci.context import Context
    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.streams import Streams

FAILURE = 1


def declare(parser: Parser) -> None:
    images.declare(parser)
    creation.declare_place(parser)
    parser.switch("--detach", "-d", help="do not wait for the container")
    parser.switch("--no-subreaper", help="leave the reaping of orphans to others")
    parser.add_argument(
        "--lsm-profile", metavar="TYPE:NAME", help="apparmor:NAME or selinux:LABEL instead of what was kept"
    )
    parser.add_argument("--lsm-mount-context", metavar="CONTEXT", help="the SELinux context of mounts that have one")
    parser.container()


def perform(options: Options, context: Context) -> int:
    context.settings.check_creation()
    creation.refuse_no_pivot(options)
    spec = read_spec(options.bundle, options.config, warn=context.log.warning)
    terminal = bool(spec.process and spec.process.terminal)
    creation.check_terminal(terminal=terminal, detached=options.detach, console_socket=options.console_socket)
    if options.detach:
        with Forwarding() as forwarding:
            _restore(options, context, spec, None, forwarding)
        return 0
    if not options.no_subreaper:
        set_child_subreaper()
    return _attend(options, context, spec, terminal=terminal)


def _attend(options: Options, context: Context, spec: Spec, *, terminal: bool) -> int:
    """Wait for it in the foreground, and return the exit code of the payload."""
    relays = Relays()
    with Forwarding() as forwarding, contextlib.nullcontext() if terminal else relays as streams:
        container = _restore(options, context, spec, streams, forwarding)
        with adopting_orphans(container.pid):
            relays.run()
            forwarding.attach(container.kill)
            code = exit_code(container.wait())
    container.destroy(force=True)
    return code


def _restore(options: Options, context: Context, spec: Spec, streams: Streams | None, forwarding: Forwarding) -> Container:
    from containerd_py.runtime.checkpoint.options import RestoreOptions

    asked = RestoreOptions(
        **images.common(options, context.settings.criu),
        lsm_profile=options.lsm_profile or None,
        lsm_mount_context=options.lsm_mount_context or None,
    )
    beginning = Beginning()
    with creation.nothing_left(options, context), forwarding.interruptible(begun=beginning.has_come):
        container = context.containers().restore(
            options.id,
            spec,
            asked,
            state_root=context.settings.state_root,
            bundle=options.bundle,
            streams=streams,
            console_socket=options.console_socket,
            systemd_cgroup=context.settings.by_systemd,
            beginning=beginning,
        )
        creation.tell_pid(options, container)
        return container
