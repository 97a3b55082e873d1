"""start, stop, kill, wait, rm: what is done to containers that exist, one after the other."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from containerd_py.cli.commands.arguments import (
    ContainersArgument,
    ContainersOrAllArgument,
    InteractiveOption,
    NoBlockOption,
    RunningContainersArgument,
    SignalOption,
    SigProxyOption,
    StartableContainersArgument,
    StopSignalOption,
    TimeoutOption,
)
from containerd_py.cli.commands.chosen import ALIVE, ANY, AT_REST, AllOption, chosen, simply
from containerd_py.cli.commands.each import each, tell, tell_begun, together
from containerd_py.cli.complaints import start_code
from containerd_py.cli.completion.values import choices
from containerd_py.cli.detach_keys import DEFAULT, DetachKeysOption
from containerd_py.cli.detach_keys import parse as parse_keys
from containerd_py.cli.output import printable, write_line
from containerd_py.cli.printing import Printer, printer_of
from containerd_py.cli.settings import FormatOption, perform, wants_json
from containerd_py.errors import Conflict, InvalidArgument

if TYPE_CHECKING:
    from containerd_py.client import Client
    from containerd_py.wire import Exit

_NO_ENDS = ("healthy", "ready")


def register(app: typer.Typer) -> None:
    for name, command in (("start", start), ("stop", stop), ("kill", kill), ("wait", wait), ("rm", rm)):
        app.command(name)(command)


def start(
    ctx: typer.Context,
    containers: StartableContainersArgument,
    *,
    attach: Annotated[bool, typer.Option("--attach", "-a", help="Stay with it, and exit as it did.")] = False,
    interactive: InteractiveOption = False,
    sig_proxy: SigProxyOption = True,
    detach_keys: DetachKeysOption = DEFAULT,
    format_: FormatOption = None,
) -> None:
    """Start containers that are created, or have stopped."""
    as_json = wants_json(ctx, format_)

    async def one(client: "Client", container: str) -> None:
        await client.start(container)
        tell(container, as_json=as_json)

    async def action(client: "Client") -> int:
        if attach or interactive:
            how = {"detach_keys": parse_keys(detach_keys), "sig_proxy": sig_proxy}
            return await _start_attended(client, containers, how, interactive=interactive)
        return await each(containers, lambda container: one(client, container), start_code)

    perform(ctx, action, start_code)


def stop(
    ctx: typer.Context,
    containers: RunningContainersArgument = None,
    *,
    every: AllOption = False,
    timeout: TimeoutOption = None,
    signal: StopSignalOption = None,
    no_block: NoBlockOption = False,
    format_: FormatOption = None,
) -> None:
    """Stop containers, all at once: their stop signal, then SIGKILL."""
    printer = printer_of(ctx, format_)

    async def one(client: "Client", container: str) -> Callable[[], None]:
        from containerd_py.cli.templates import Row

        if no_block:
            begun = await client.begin("stop", container, timeout_s=timeout, signal=signal)
            return lambda: printer.one(Row(begun), lambda: write_line(printable(begun.id)))
        ended = await client.stop(container, timeout, signal)
        return lambda: printer.one(Row(ended, {"Container": container}), lambda: tell(container, as_json=False))

    meant = chosen(ctx, containers, ALIVE, every=every)

    async def action(client: "Client") -> int:
        return await together(await meant(client), lambda container: one(client, container), doing="stopping")

    perform(ctx, action)


def kill(
    ctx: typer.Context,
    containers: RunningContainersArgument = None,
    *,
    every: AllOption = False,
    signal: SignalOption = "SIGKILL",
    format_: FormatOption = None,
) -> None:
    """Send a signal to containers."""
    meant = chosen(ctx, containers, ALIVE, every=every)
    simply(ctx, meant, lambda client, container: client.kill(container, signal), as_json=wants_json(ctx, format_))


def wait(
    ctx: typer.Context,
    containers: ContainersArgument,
    *,
    condition: Annotated[
        str | None,
        typer.Option(
            metavar="CONDITION",
            help="not-running (the default), next-exit, removed, healthy, ready.",
            autocompletion=choices("not-running", "next-exit", "removed", "healthy", "ready"),
        ),
    ] = None,
    format_: FormatOption = None,
) -> None:
    """Wait until containers ended, and print their exit codes; or until they are what is asked for, and print that."""
    printer = printer_of(ctx, format_)

    async def one(client: "Client", container: str) -> None:
        from containerd_py.cli.templates import Row

        if condition in _NO_ENDS:
            await _wait_until(client, container, condition, printer)
            return
        ended = await client.wait(container, condition)
        printer.one(Row(ended, {"Container": container}), lambda: write_line(_code_text(ended)))

    perform(ctx, lambda client: each(containers, lambda container: one(client, container)))


def rm(
    ctx: typer.Context,
    containers: ContainersOrAllArgument = None,
    *,
    every: AllOption = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Kill it first where it runs.")] = False,
    no_block: NoBlockOption = False,
    format_: FormatOption = None,
) -> None:
    """Remove containers; with --all those that do not run, and with --force too all there are."""
    as_json = wants_json(ctx, format_)

    async def one(client: "Client", container: str) -> None:
        if no_block:
            tell_begun(await client.begin("delete", container, force=force), as_json=as_json)
            return
        await client.delete(container, force=force)
        tell(container, as_json=as_json)

    meant = chosen(ctx, containers, ANY if force else AT_REST, every=every)

    async def action(client: "Client") -> int:
        return await each(await meant(client), lambda container: one(client, container))

    perform(ctx, action)


async def _start_attended(client: "Client", containers: list[str], how: dict[str, Any], *, interactive: bool) -> int:
    from containerd_py.cli.foreground import Attendance, AttendedContainer, attend

    if len(containers) > 1:
        raise InvalidArgument("cannot attach to more than one container: they would share one terminal", step="parse")
    detail = await client.container(containers[0])
    attended = AttendedContainer(client, detail.id)
    if detail.status == "stopped":  # who attaches now would follow the run that has ended; the log keeps what comes
        await client.start(detail.id)
        return await attend(Attendance(attended, interactive, detail.terminal, detail.output_bytes, **how))
    attendance = Attendance(attended, interactive, detail.terminal, offset=0, **how)
    return await attend(attendance, lambda: client.start(detail.id))


async def _wait_until(client: "Client", container: str, condition: str, printer: Printer) -> None:
    """Raises Conflict where it has ended before."""
    from containerd_py.cli.templates import Row
    from containerd_py.wire import Exit

    found = await client.wait_until(container, condition)
    if isinstance(found, Exit):
        cause = f"it has ended before, with {_code_text(found)}"
        raise Conflict(f"cannot wait for container {container!r} to be {condition}: {cause}", step="wait")
    printer.one(Row(found, {"Container": container}), lambda: write_line(found.condition))


def _code_text(ended: "Exit") -> str:
    return "lost" if ended.exit_code is None else str(ended.exit_code)
