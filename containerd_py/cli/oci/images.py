"""What `checkpoint` and `restore` have in common: the options of CRIU's images."""

from __future__ import annotations

import os

from containerd_py.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from containerd_py.cli.oci.arguments import Options, Parser
    from containerd_py.runtime.checkpoint.messages import PageServer

_DEFAULT = "checkpoint"
_MODES = ("soft", "full", "strict", "ignore")
_HIGHEST_PORT = 65_535


def declare(parser: Parser) -> None:
    parser.add_argument("--image-path", metavar="DIR", help=f"the images' directory (default: ./{_DEFAULT})")
    parser.add_argument("--work-path", metavar="DIR", help="the directory of CRIU's logs (default: the images')")
    parser.switch("--tcp-established", help="keep TCP connections")
    parser.switch("--ext-unix-sk", help="allow Unix sockets that are connected with the outside")
    parser.switch("--shell-job", help="allow a terminal of the caller's session")
    parser.switch("--file-locks", help="keep file locks")
    parser.switch("--auto-dedup", help="free what of a parent's images is not needed any more")
    parser.switch("--lazy-pages", help="have memory pages fetched when they are needed")
    parser.add_argument("--manage-cgroups-mode", metavar="MODE", help=f"one of {', '.join(_MODES)}, see criu(8)")
    parser.add_argument(
        "--empty-ns",
        action="append",
        default=[],
        metavar="NAMESPACE",
        help="network, which is always so: its content is not kept",
    )


def common(options: Options, criu: str) -> dict[str, Any]:
    """Return the options that both commands have, as fields of the library's. Raises InvalidArgument."""
    from containerd_py.runtime.checkpoint.messages import CgroupMode

    mode = options.manage_cgroups_mode or None
    if mode is not None and mode not in _MODES:
        raise InvalidArgument(f"cannot use --manage-cgroups-mode {mode!r}: not one of {', '.join(_MODES)}", step="parse")
    for name in options.empty_ns:
        if name != "network":
            raise InvalidArgument(f"cannot use --empty-ns {name!r}: CRIU does so for network alone", step="parse")
    return {
        "image_path": os.path.abspath(options.image_path or _DEFAULT),
        "work_path": os.path.abspath(options.work_path) if options.work_path else None,
        "program": os.path.abspath(criu) if "/" in criu else criu,
        "tcp_established": options.tcp_established,
        "ext_unix_sk": options.ext_unix_sk,
        "shell_job": options.shell_job,
        "file_locks": options.file_locks,
        "auto_dedup": options.auto_dedup,
        "lazy_pages": options.lazy_pages,
        "cgroups": None if mode is None else CgroupMode[mode.upper()],
    }


def page_server(text: str) -> PageServer:
    """Read ADDRESS:PORT, [ADDRESS]:PORT for one of IPv6."""
    from containerd_py.runtime.checkpoint.messages import PageServer

    address, _, port = text.rpartition(":")
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
    if not address or not port.isascii() or not port.isdigit() or not 0 < int(port) <= _HIGHEST_PORT:
        raise ValueError(f"not ADDRESS:PORT: {text!r}")
    return PageServer(address, int(port))
