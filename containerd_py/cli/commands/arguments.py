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
InteractiveOption = Annotated[bool, typer.Option("--interactive", "-i", help="Send standard input.")]
