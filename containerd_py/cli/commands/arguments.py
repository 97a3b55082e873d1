"""Arguments and options that several commands have."""

from typing import Annotated

import typer

from containerd_py.cli.completion.values import (
    Completer,
    container_filters,
    container_names,
    exec_ids,
    labels,
    paused_names,
    running_names,
    signal_names,
    startable_names,
)

_ONE = "An id, the start of one, or a name."
_SEVERAL = "Ids, starts of ids, or names."


def _several(completer: Completer) -> typer.models.ArgumentInfo:
    argument: typer.models.ArgumentInfo = typer.Argument(metavar="CONTAINER...", help=_SEVERAL, autocompletion=completer)
    return argument


def _several_or_all(completer: Completer) -> typer.models.ArgumentInfo:
    argument: typer.models.ArgumentInfo = typer.Argument(
        metavar="[CONTAINER...]", help=_SEVERAL, autocompletion=completer, show_default=False
    )
    return argument


ContainerArgument = Annotated[str, typer.Argument(metavar="CONTAINER", help=_ONE, autocompletion=container_names)]
RunningContainerArgument = Annotated[str, typer.Argument(metavar="CONTAINER", help=_ONE, autocompletion=running_names)]
ContainersArgument = Annotated[list[str], _several(container_names)]
ContainersOrAllArgument = Annotated[list[str] | None, _several_or_all(container_names)]
RunningContainersArgument = Annotated[list[str] | None, _several_or_all(running_names)]
PausedContainersArgument = Annotated[list[str] | None, _several_or_all(paused_names)]
StartableContainersArgument = Annotated[list[str], _several(startable_names)]
SomeContainersArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[CONTAINER...]", help=_SEVERAL, autocompletion=running_names, show_default=False),
]
ExecArgument = Annotated[str, typer.Argument(metavar="EXEC", help="The id of an exec.", autocompletion=exec_ids)]
ExecsArgument = Annotated[list[str], typer.Argument(metavar="EXEC...", help="Ids of execs.", autocompletion=exec_ids)]
LabelOption = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="K[=V]", help="Only those with this label.", show_default=False, autocompletion=labels),
]
FilterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="KEY=VALUE",
        help="Only those of which this holds.",
        show_default=False,
        autocompletion=container_filters,
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--time", "--timeout", "-t", min=0, metavar="SECONDS", help="Seconds before SIGKILL (default: its own, or 10)."
    ),
]
StopSignalOption = Annotated[
    str | None,
    typer.Option(
        "--signal", "-s", help="The signal to stop it with (default: its own, or TERM).", autocompletion=signal_names
    ),
]
NoBlockOption = Annotated[
    bool, typer.Option("--no-block", help="Do not wait for its end: print the id of the operation (`pyctr operations`).")
]
SignalOption = Annotated[
    str, typer.Option("--signal", "-s", help="A signal: TERM, SIGTERM or 15.", autocompletion=signal_names)
]
InteractiveOption = Annotated[bool, typer.Option("--interactive", "-i", help="Send standard input.")]
SigProxyOption = Annotated[
    bool, typer.Option("--sig-proxy/--no-sig-proxy", help="Pass signals on to it; without, they end pyctr alone.")
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key",
        metavar="KEY",
        help="Asked for again with the same key, it is the same one: a UUID, or a job's number.",
        show_default=False,
    ),
]
OffsetOption = Annotated[
    int | None, typer.Option("--offset", min=0, metavar="BYTES", help="From this byte of output on.", show_default=False)
]
