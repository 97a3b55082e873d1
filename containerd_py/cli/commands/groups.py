"""`container …` and `system …`: docker's longer names for commands that there are."""

import typer

_CONTAINER = (
    *("attach", "cp", "create", "diff", "exec", "export", "inspect", "kill", "logs", "pause", "prune", "rename", "restart"),
    *("rm", "run", "start", "stats", "stop", "top", "unpause", "update", "wait"),
)
_SYSTEM = ("events", "info", "prune")


def register(app: typer.Typer) -> None:
    """To be called when all others are registered."""
    container = typer.Typer(help="The commands that are about containers, by docker's longer names.", no_args_is_help=True)
    system = typer.Typer(help="The commands that are about the daemon, by docker's longer names.", no_args_is_help=True)
    for info in app.registered_commands:
        if info.name in _CONTAINER:
            container.registered_commands.append(info)
        if info.name in _SYSTEM:
            system.registered_commands.append(info)
        if info.name == "ps" and info.callback is not None:
            for name in ("ls", "list", "ps"):
                container.command(name, hidden=name != "ls")(info.callback)
    app.add_typer(container, name="container")
    app.add_typer(system, name="system")
