"""Doing one thing to several containers: a failure is told, and the rest is done all the same."""

import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from containerd_py.cli.complaints import complain, plain_code
from containerd_py.cli.output import printable, write_line
from containerd_py.cli.progress import Progress
from containerd_py.errors import ContainerdError

if TYPE_CHECKING:
    from containerd_py.wire import Operation

_AT_ONCE = 32


async def each(
    containers: Sequence[str],
    act: Callable[[str], Awaitable[None]],
    code_of: Callable[[ContainerdError], int] = plain_code,
) -> int:
    """Act on each, one after the other, tell each failure and go on; return the last failure's exit code, or 0."""
    code = 0
    for container in containers:
        try:
            await act(container)
        except ContainerdError as error:
            complain(error)
            code = code_of(error)
    return code


async def together(
    containers: Sequence[str],
    act: Callable[[str], Awaitable[Callable[[], None]]],
    *,
    doing: str,
    code_of: Callable[[ContainerdError], int] = plain_code,
) -> int:
    """As `each`, for what takes time: at once, and a terminal is shown how far it is.

    act: returns what tells its success, which is called in the order in which the containers were given. doing: "stopping".
    """
    import asyncio  # here, for the completion's sake

    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(container: str) -> Callable[[], None]:
        async with slots, progress.on(container):
            return await act(container)

    code = 0
    with Progress(doing, len(containers)) as progress:
        tasks = [asyncio.create_task(one(container)) for container in containers]
        try:
            for task in tasks:
                try:
                    tell = await task
                except ContainerdError as error:
                    progress.aside(partial(complain, error))
                    code = code_of(error)
                else:
                    progress.aside(tell)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return code


def tell_begun(operation: "Operation", *, as_json: bool) -> None:
    write_line(operation.model_dump_json() if as_json else printable(operation.id))


def tell(container: str, *, as_json: bool) -> None:
    write_line(json.dumps({"container": container}) if as_json else printable(container))
