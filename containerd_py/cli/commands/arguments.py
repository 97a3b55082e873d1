"""Arguments that several commands have."""

from typing import Annotated

import typer

from containerd_py.cli.completion import container_names

ContainerArgument = Annotated[
    str, typer.Argument(metavar="CONTAINER", help="An id, the start of one, or a name.", autocompletion=container_names)
]
ContainersArgument = Annotated[
    list[str],
    typer.Argument(metavar="CONTAINER...", help="Ids, starts of ids, or names.", autocompletion=container_names),
]
SomeContainersArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[CONTAINER...]", help="Ids, starts of ids, or names.", autocompletion=container_names, show_default=False
    ),
]
LabelOption = Annotated[
    list[str] | None,
    typer.Option("--label", "-l", metavar="K[=V]", help="Only those with this label.", show_default=False),
]
FilterOption = Annotated[
    list[str] | None,
    typer.Option("--filter", metavar="KEY=VALUE", help="Only those of which this holds.", show_default=False),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--time", "--timeout", "-t", min=0, metavar="SECONDS", help="Seconds before SIGKILL (default: its own, or 10)."
    ),
]
StopSignalOption = Annotated[
    str | None, typer.Option("--signal", "-s", help="The signal to stop it with (default: its own, or TERM).")
]
InteractiveOption = Annotated[bool, typer.Option("--interactive", "-i", help="Send standard input.")]
