"""The options that describe a container, shared by `run`, `create` and `explain`."""

import enum
from dataclasses import dataclass
from typing import Annotated

import typer

from containerd_py.cli.completion.values import labels, restart_policies, signal_names
from containerd_py.cli.isolation_options import IsolationOptions
from containerd_py.cli.limit_options import LimitOptions


class NetworkChoice(enum.StrEnum):
    PRIVATE = "private"
    NONE = "none"
    HOST = "host"


class HealthActionChoice(enum.StrEnum):
    NONE = "none"
    KILL = "kill"
    RESTART = "restart"
    STOP = "stop"


class LogChoice(enum.StrEnum):
    FILE = "file"
    JOURNALD = "journald"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class SpecOptions(IsolationOptions, LimitOptions):
    """The options as they were typed; `requests` gives them their meaning."""

    args: Annotated[
        list[str] | None, typer.Argument(metavar="ARGS...", show_default=False, help="The program and its arguments.")
    ] = None
    rootfs: Annotated[str | None, typer.Option(metavar="DIR", help="The root file system.")] = None
    bundle: Annotated[str | None, typer.Option(metavar="DIR", help="An OCI bundle, instead of --rootfs and ARGS.")] = None
    name: Annotated[str | None, typer.Option(help="A name, which finds the container as its id does.")] = None
    interactive: Annotated[bool, typer.Option("--interactive", "-i", help="Keep standard input open.")] = False
    tty: Annotated[bool, typer.Option("--tty", "-t", help="Give the payload a terminal.")] = False
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env", "-e", metavar="K[=V]", help="A variable; without =V it is taken from here.", show_default=False
        ),
    ] = None
    env_file: Annotated[
        list[str] | None,
        typer.Option("--env-file", metavar="FILE", help="Variables, one a line; repeatable.", show_default=False),
    ] = None
    hostname: Annotated[str | None, typer.Option("--hostname", "-h", help="The host name inside.")] = None
    user: Annotated[str | None, typer.Option("--user", "-u", metavar="UID[:GID]|NAME", help="Who runs it.")] = None
    workdir: Annotated[str | None, typer.Option("--workdir", "-w", metavar="DIR", help="Where it starts.")] = None
    volume: Annotated[
        list[str] | None,
        typer.Option("--volume", "-v", metavar="SRC:DST[:ro]", help="Bind-mount SRC at DST.", show_default=False),
    ] = None
    mount: Annotated[
        list[str] | None,
        typer.Option(
            metavar="type=…,target=…",
            help="A mount: type=bind,source=…,target=…,readonly or type=tmpfs,target=…[,OPTION…].",
            show_default=False,
        ),
    ] = None
    tmpfs: Annotated[
        list[str] | None,
        typer.Option(metavar="DST[:OPTION,…]", help="Mount a tmpfs at DST: /tmp:size=64m,noexec.", show_default=False),
    ] = None
    read_only: Annotated[bool, typer.Option("--read-only", help="Mount the root file system read-only.")] = False
    network: Annotated[
        NetworkChoice | None,
        typer.Option("--network", "--net", help="The network (default: private).", show_default=False),
    ] = None
    label: Annotated[
        list[str] | None,
        typer.Option("--label", "-l", metavar="K[=V]", help="A label.", show_default=False, autocompletion=labels),
    ] = None
    annotation: Annotated[
        list[str] | None,
        typer.Option("--annotation", metavar="K=V", help="An annotation of the OCI document.", show_default=False),
    ] = None
    label_file: Annotated[
        list[str] | None,
        typer.Option("--label-file", metavar="FILE", help="Labels, one a line; repeatable.", show_default=False),
    ] = None
    restart: Annotated[
        str | None,
        typer.Option(
            metavar="POLICY",
            help="Start it again: no, on-failure[:N], always, unless-stopped.",
            autocompletion=restart_policies,
        ),
    ] = None
    durable: Annotated[bool, typer.Option("--durable", help="Keep it over a boot of the host.")] = False
    rm: Annotated[bool, typer.Option("--rm", help="Remove it once it has ended.")] = False
    stop_signal: Annotated[
        str | None,
        typer.Option("--stop-signal", metavar="SIGNAL", help="What stops it (default: TERM).", autocompletion=signal_names),
    ] = None
    stop_timeout: Annotated[
        float | None, typer.Option("--stop-timeout", min=0, metavar="SECONDS", help="From then to KILL (default: 10).")
    ] = None
    init: Annotated[bool, typer.Option("--init", help="Have a first process that reaps, and passes signals on.")] = False
    health_cmd: Annotated[
        str | None,
        typer.Option("--health-cmd", metavar="COMMAND", help="Well where this exits with 0: for /bin/sh, or a JSON list."),
    ] = None
    health_tcp: Annotated[
        str | None, typer.Option("--health-tcp", metavar="[ADDRESS:]PORT", help="Well where it takes connections here.")
    ] = None
    health_http: Annotated[
        str | None, typer.Option("--health-http", metavar="[ADDRESS:]PORT[/PATH]", help="Well where it answers a GET here.")
    ] = None
    health_interval: Annotated[
        str | None, typer.Option("--health-interval", metavar="TIME", help="Between checks: 30s (the default), 1m30s.")
    ] = None
    health_timeout: Annotated[
        str | None, typer.Option("--health-timeout", metavar="TIME", help="For each check (default: 30s).")
    ] = None
    health_retries: Annotated[
        int | None, typer.Option("--health-retries", min=1, metavar="N", help="Failures until unhealthy (default: 3).")
    ] = None
    health_start_period: Annotated[
        str | None, typer.Option("--health-start-period", metavar="TIME", help="In which failures do not count.")
    ] = None
    health_on_failure: Annotated[
        HealthActionChoice | None,
        typer.Option("--health-on-failure", help="What is done when it is unhealthy.", show_default=False),
    ] = None
    notify: Annotated[bool, typer.Option("--notify", help="Give it a NOTIFY_SOCKET to tell that it is ready.")] = False
    watchdog: Annotated[
        str | None, typer.Option(metavar="TIME", help="With --notify: how often it is to tell that it lives.")
    ] = None
    log_driver: Annotated[
        LogChoice | None, typer.Option("--log-driver", help="How output is kept (default: file).", show_default=False)
    ] = None
    log_opt: Annotated[
        list[str] | None,
        typer.Option(
            "--log-opt", metavar="K=V", help="max-size=10m, max-file=3 or tag=TEXT; repeatable.", show_default=False
        ),
    ] = None
    entrypoint: Annotated[str | None, typer.Option(metavar="PROGRAM", help="The program; ARGS are its arguments then.")] = (
        None
    )
