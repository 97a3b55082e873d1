"""The options that tell what a container has of its host beyond the usual, and what it has less."""

import enum
from dataclasses import dataclass
from typing import Annotated

import typer


class NamespaceChoice(enum.StrEnum):
    PRIVATE = "private"
    HOST = "host"


@dataclass(frozen=True, kw_only=True)
class IsolationOptions:
    """Part of `SpecOptions`; `isolation` gives them their meaning."""

    privileged: Annotated[
        bool, typer.Option("--privileged", help="All capabilities and devices; nothing is filtered or masked.")
    ] = False
    cap_add: Annotated[
        list[str] | None,
        typer.Option(
            "--cap-add", metavar="CAP", help="A capability more: NET_ADMIN, or ALL; repeatable.", show_default=False
        ),
    ] = None
    cap_drop: Annotated[
        list[str] | None,
        typer.Option(
            "--cap-drop", metavar="CAP", help="A capability less, or ALL but those added; repeatable.", show_default=False
        ),
    ] = None
    security_opt: Annotated[
        list[str] | None,
        typer.Option(
            "--security-opt",
            metavar="OPTION",
            help="no-new-privileges=false, seccomp=unconfined, systempaths=unconfined; repeatable.",
            show_default=False,
        ),
    ] = None
    device: Annotated[
        list[str] | None,
        typer.Option("--device", metavar="SRC[:DST[:rwm]]", help="A device of the host; repeatable.", show_default=False),
    ] = None
    group_add: Annotated[
        list[str] | None,
        typer.Option("--group-add", metavar="GID|NAME", help="One group more; repeatable.", show_default=False),
    ] = None
    ulimit: Annotated[
        list[str] | None,
        typer.Option(
            "--ulimit",
            metavar="NAME=SOFT[:HARD]",
            help="A limit of each process: nofile=1024:2048; repeatable.",
            show_default=False,
        ),
    ] = None
    sysctl: Annotated[
        list[str] | None,
        typer.Option(
            "--sysctl", metavar="K=V", help="A kernel parameter of its own namespaces; repeatable.", show_default=False
        ),
    ] = None
    oom_score_adj: Annotated[
        int | None,
        typer.Option(
            "--oom-score-adj", min=-1000, max=1000, metavar="N", help="How soon it is killed where memory is short."
        ),
    ] = None
    shm_size: Annotated[
        str | None, typer.Option("--shm-size", metavar="SIZE", help="The size of /dev/shm (default: 64m).")
    ] = None
    pid: Annotated[
        NamespaceChoice | None,
        typer.Option("--pid", help="Whose processes it sees (default: private).", show_default=False),
    ] = None
    ipc: Annotated[
        NamespaceChoice | None,
        typer.Option("--ipc", help="Whose shared memory it has (default: private).", show_default=False),
    ] = None
    uts: Annotated[
        NamespaceChoice | None,
        typer.Option("--uts", help="Whose host name it has (default: private).", show_default=False),
    ] = None
    cgroupns: Annotated[
        NamespaceChoice | None,
        typer.Option("--cgroupns", help="What it sees of cgroups (default: private).", show_default=False),
    ] = None
