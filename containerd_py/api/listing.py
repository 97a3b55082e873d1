"""Listing containers: the parameters, and the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.api import requests, shown
from containerd_py.api.replies import Reply
from containerd_py.engine.listing import HEALTHS, STATUSES, Listing, SortKey
from containerd_py.errors import InvalidArgument

if TYPE_CHECKING:
    from aiohttp import web

    from containerd_py.engine.engine import Engine

_MOST = 1_000_000


async def list_all(request: web.Request, engine: Engine) -> Reply:
    query = requests.Query(request)
    sort, descending = _order(query.text("sort"))
    listing = Listing(
        statuses=_words(query, "status", STATUSES),
        healths=_words(query, "health", HEALTHS),
        labels=query.texts("label"),
        names=query.texts("name"),
        since=query.text("since"),
        before=query.text("before"),
        sort=sort,
        descending=descending,
        limit=query.integer("limit", least=1, most=_MOST),
    )
    query.done()
    return Reply(200, shown.container_list(engine.list(listing)))


def _words(query: requests.Query, name: str, known: tuple[str, ...]) -> tuple[str, ...]:
    given = query.texts(name)
    for word in given:
        if word not in known:
            raise InvalidArgument(f"cannot read parameter {name!r}: one of {', '.join(known)}, not {word!r}", step="parse")
    return given


def _order(text: str | None) -> tuple[SortKey, bool]:
    """Read "name", or "-name" for the other way round."""
    key = "created" if text is None else text.removeprefix("-")
    if key not in tuple(SortKey):
        raise InvalidArgument(
            f"cannot read parameter 'sort': one of {', '.join(SortKey)}, with '-' before it for the other way round, "
            f"not {text!r}",
            step="parse",
        )
    return SortKey(key), (text or "").startswith("-")
