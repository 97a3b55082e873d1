"""What holds for every command: the options before it."""

from __future__ import annotations

import os

from containerd_py.cli.oci.log import Log
from containerd_py.errors import InvalidArgument, NotSupported
from containerd_py.light.dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from containerd_py.cli.oci.arguments import Options, Parser


@dataclass(frozen=True)
class Settings:
    """state_root: absolute. criu: the program, or its name in PATH.

    The rest is as given, for those commands to judge that make a container.
    """

    state_root: str
    systemd_cgroup: bool = False
    cgroup_manager: str = "cgroupfs"
    rootless: str = "auto"
    root_given: bool = False
    criu: str = "criu"

    @property
    def by_systemd(self) -> bool:
        """A container's cgroup is a scope."""
        return self.systemd_cgroup or self.cgroup_manager == "systemd"

    def check_creation(self) -> None:
        """Raise NotSupported for what no container can be made with, InvalidArgument for a contradiction."""
        if self.cgroup_manager == "disabled":
            raise NotSupported(
                f"cannot use cgroup manager {self.cgroup_manager!r}: a container always has a cgroup", step="cgroup"
            )
        if self.rootless == "false" and os.geteuid() != 0:
            raise InvalidArgument("cannot use --rootless false: this is an ordinary user", step="cgroup")
        if self.rootless == "true" and os.geteuid() == 0:
            raise NotSupported(
                "cannot use --rootless true: for root, a cgroup that cannot be made is an error",
                step="cgroup",
                hint="leave it out",
            )


def declare(parser: Parser) -> None:
    """Add the options before the command to a parser."""
    parser.add_argument(
        "--root", metavar="DIR", help="where state is kept (default: /run/pyrunc, rootless in XDG_RUNTIME_DIR)"
    )
    parser.add_argument("--log", metavar="FILE", help="write errors there too")
    parser.add_argument("--log-format", choices=("text", "json"), default="text", help="of the log (default: text)")
    parser.switch("--debug", help="write what is done to the log, and tracebacks of defects to stderr")
    parser.switch("--systemd-cgroup", help="have systemd make cgroups")
    parser.add_argument("--cgroup-manager", choices=("cgroupfs", "systemd", "disabled"), default="cgroupfs", help="crun's")
    parser.add_argument(
        "--criu", default="criu", metavar="PATH", help="the program of checkpoint and restore (default: criu)"
    )
    parser.add_argument("--rootless", choices=("true", "false", "auto"), default="auto", help="(default: auto)")


def settings(options: Options, environ: Mapping[str, str]) -> Settings:
    """Raises InvalidArgument where there is no place for the state."""
    root = _absolute(options.root) if options.root else default_root(environ)
    return Settings(
        root, options.systemd_cgroup, options.cgroup_manager, options.rootless, bool(options.root), options.criu or "criu"
    )


def _absolute(root: str) -> str:
    try:
        return os.path.abspath(root)
    except OSError as problem:
        raise InvalidArgument(
            f"cannot find --root {root!r}: the working directory is gone", step="state", hint="give an absolute path"
        ) from problem


def log(options: Options) -> Log:
    """Raises InvalidArgument for a file that cannot be written."""
    return Log(options.log, as_json=options.log_format == "json", debug=options.debug)


def default_root(environ: Mapping[str, str]) -> str:
    """Return /run/pyrunc for root, $XDG_RUNTIME_DIR/pyrunc for everybody else."""
    if os.geteuid() == 0:
        return "/run/pyrunc"
    runtime_dir = environ.get("XDG_RUNTIME_DIR")
    if not runtime_dir or not runtime_dir.startswith("/"):
        raise InvalidArgument(
            "cannot find a place for the state: XDG_RUNTIME_DIR is not set", step="state", hint="set it, or give --root"
        )
    return os.path.join(runtime_dir, "pyrunc")
