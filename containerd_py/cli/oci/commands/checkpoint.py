"""Write a running container's processes into images, by CRIU; it ends with that unless told otherwise."""

from __future__ import annotations

from containerd_py.cli.oci import images

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.cli.oci.arguments import Options, Parser
    from containerd_py.cli.oci.context import Context

FAILURE = 1


def declare(parser: Parser) -> None:
    images.declare(parser)
    parser.add_argument("--parent-path", metavar="DIR", help="the images of an earlier pre-dump, relative to --image-path")
    parser.switch("--leave-running", help="let the container run on")
    parser.switch("--pre-dump", help="write the memory alone, and let the container run on")
    parser.switch("--tcp-skip-in-flight", help="leave TCP connections out that are not established yet")
    parser.switch("--link-remap", help="give files that were removed a name again while they are kept")
    parser.add_argument("--page-server", metavar="ADDRESS:PORT", type=images.page_server, help="send memory pages there")
    parser.add_argument("--status-fd", type=int, metavar="FD", help="write a zero byte there when pages can be fetched")
    parser.container()


def perform(options: Options, context: Context) -> int:
    from containerd_py.runtime.checkpoint.options import CheckpointOptions

    asked = CheckpointOptions(
        **images.common(options, context.settings.criu),
        parent_path=options.parent_path or None,
        leave_running=options.leave_running,
        pre_dump=options.pre_dump,
        tcp_skip_in_flight=options.tcp_skip_in_flight,
        link_remap=options.link_remap,
        page_server=options.page_server,
        status_fd=None if options.status_fd in (None, -1) else options.status_fd,
    )
    container = context.load(options.id)
    container.checkpoint(asked)
    if not (options.leave_running or options.pre_dump):
        container.destroy(force=True)
    return 0
