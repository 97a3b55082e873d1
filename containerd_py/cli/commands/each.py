"""Doing one thing to several containers, one after the other: a failure is told, and the rest is done all the same."""

import json
from collections.abc import Awaitable, Callable, Iterable

from containerd_py.cli.complaints import complain, plain_code
from containerd_py.cli.output import printable, write_line
from containerd_py.errors import ContainerdError


async def each(
    containers: Iterable[str],
    act: Callable[[str], Awaitable[None]],
    code_of: Callable[[ContainerdError], int] = plain_code,
) -> int:
    """Act on each, tell each failure and go on; return the last failure's exit code, or 0."""
    code = 0
    for container in containers:
        try:
            await act(container)
        except ContainerdError as error:
            complain(error)
            code = code_of(error)
    return code


def tell(container: str, *, as_json: bool) -> None:
    write_line(json.dumps({"container": container}) if as_json else printable(container))
