"""logs, attach: the output of containers."""

import contextlib
import json
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from containerd_py.cli.commands.arguments import (
    ContainerArgument,
    OffsetOption,
    RunningContainerArgument,
    SigProxyOption,
)
from containerd_py.cli.completion.values import choices
from containerd_py.cli.detach_keys import DEFAULT, DetachKeysOption
from containerd_py.cli.detach_keys import parse as parse_keys
from containerd_py.cli.lines import Lines
from containerd_py.cli.settings import FormatOption, perform, wants_json
from containerd_py.cli.times import moment
from containerd_py.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from containerd_py.client import Attachment, Client
    from containerd_py.wire import ContainerDetail


def register(app: typer.Typer) -> None:
    for name, command in (("logs", logs), ("attach", attach)):
        app.command(name)(command)


def logs(
    ctx: typer.Context,
    container: ContainerArgument,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")] = False,
    stream: Annotated[
        str | None,
        typer.Option(help="Only stdout, or only stderr.", show_default=False, autocompletion=choices("stdout", "stderr")),
    ] = None,
    offset: OffsetOption = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="What came then or later: RFC 3339, or 10m ago.", show_default=False)
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="What came then or earlier.", show_default=False)
    ] = None,
    tail: Annotated[
        str | None, typer.Option("--tail", "-n", metavar="LINES", help="So many lines, or all.", show_default=False)
    ] = None,
    timestamps: Annotated[bool, typer.Option("--timestamps", "-t", help="Each line with its time.")] = False,
    format_: FormatOption = None,
) -> None:
    """Print the output of a container: byte for byte, or as JSON, one object a line with its stream and offset."""
    if stream not in (None, "stdout", "stderr"):
        raise typer.BadParameter(f"{stream!r} is neither stdout nor stderr", param_hint="--stream")
    chosen = cast("Literal['stdout', 'stderr'] | None", stream)

    as_json = wants_json(ctx, format_)
    lines = _line_count(tail)
    if as_json and (since or until or lines is not None or timestamps):
        raise typer.BadParameter("JSON goes with --stream, --offset and --follow only", param_hint="--format")
    moments = moment(since, "--since"), moment(until, "--until")

    async def action(client: "Client") -> None:
        if as_json:
            await _write_objects(client, container, chosen, offset or 0, follow=follow)
            return
        # Followed by its id: it may be renamed while the daemon is away.
        found = await _find(client, container) if follow else None
        output = client.logs(
            container if found is None else found.id,
            follow=follow,
            stream=chosen,
            offset=offset,
            since=moments[0],
            until=moments[1],
            tail=lines,
            timestamps=timestamps,
            resume=True,
        )
        async with contextlib.aclosing(output) as chunks:
            async for chunk in chunks:
                await _write(chunk)

    perform(ctx, action)


def _line_count(text: str | None) -> int | None:
    if text in (None, "all"):
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise typer.BadParameter(f"{text!r} is neither a number nor all", param_hint="--tail")
    return int(text)


async def _find(client: "Client", container: str) -> "ContainerDetail | None":
    """Return what there is of it; None for one that was removed a short time ago: it has its output yet."""
    try:
        return await client.container(container)
    except NotFound as error:
        if error.hint is None:
            raise
        return None


async def _write_objects(client: "Client", container: str, chosen: str | None, start: int, *, follow: bool) -> None:
    """Through an attachment: it tells the stream of each byte. Without `follow`, up to what there is now."""
    from containerd_py.cli.foreground import insist
    from containerd_py.client import FellBehind

    position, end, lines = start, None, Lines()
    found = await _find(client, container)
    if found is not None:
        container, end = found.id, None if follow else found.output_bytes
    if end is not None and start >= end:
        return
    attachment = await client.attach(container, position)
    while True:
        try:
            async with attachment:
                await _write_lines(attachment, lines, chosen, position, end)
        except FellBehind as behind:
            if behind.offset is None:
                raise
            if behind.skipped:
                await _write_begun(lines)
                await _write_line(json.dumps({"gap": behind.skipped, "offset": behind.offset - behind.skipped}))
            position = behind.offset
            attachment = await client.attach(container, position)
        except Unavailable:  # the daemon is restarted
            position = attachment.offset or 0
            attachment = await insist(partial(client.attach, container, position))
        else:
            await _write_begun(lines)
            return


async def _write_lines(attachment: "Attachment", lines: Lines, chosen: str | None, position: int, end: int | None) -> None:
    """Up to `end`, or to the end of the run. Raises FellBehind and Unavailable, with all that came before it written."""
    async with contextlib.aclosing(aiter(attachment)) as frames:
        async for channel, data in frames:
            stream = channel.name.lower()
            if chosen in (None, stream):
                for line in lines.feed(stream, position, data if end is None else data[: end - position]):
                    await _write_line(line)
            position += len(data)
            if end is not None and position >= end:
                return


async def _write_begun(lines: Lines) -> None:
    for line in lines.end():
        await _write_line(line)


async def _write_line(line: str) -> None:
    await _write(line.encode() + b"\n")


async def _write(data: bytes) -> None:
    from containerd_py.cli.streams import write_all

    await write_all(1, data)


def attach(
    ctx: typer.Context,
    container: RunningContainerArgument,
    *,
    stdin: Annotated[bool, typer.Option("--stdin/--no-stdin", help="Send standard input, where it takes any.")] = True,
    offset: OffsetOption = None,
    sig_proxy: SigProxyOption = True,
    detach_keys: DetachKeysOption = DEFAULT,
) -> None:
    """Stay with a container until it ends, and exit as it did."""

    async def action(client: "Client") -> int:
        from containerd_py.cli.foreground import Attendance, AttendedContainer, attend

        keys = parse_keys(detach_keys)
        detail = await client.container(container)
        # From now on, but as a number: so the client can go on there where the connection is lost.
        start = detail.output_bytes if offset is None else offset
        interactive = stdin and (detail.stdin or detail.terminal)
        attended = AttendedContainer(client, detail.id)
        attendance = Attendance(attended, interactive, detail.terminal, start, keys, sig_proxy)
        return await attend(attendance)

    perform(ctx, action)
