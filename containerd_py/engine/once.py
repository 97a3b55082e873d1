"""Creations that are asked for with a key: whoever asks again, at once or later, gets what was made with it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import TYPE_CHECKING, Generic, TypeVar

from containerd_py.engine.scope import scope
from containerd_py.errors import Conflict
from containerd_py.store.records import IdempotencyKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from containerd_py.wire import Wire

Made = TypeVar("Made")


def key_for(text: str | None, request: Wire) -> IdempotencyKey | None:
    """Return the key with a digest of what is asked for: bodies that mean the same have the same one."""
    if text is None:
        return None
    body = json.dumps(request.model_dump(mode="json", exclude_defaults=True), sort_keys=True)
    return IdempotencyKey(text=text, digest=hashlib.sha256(body.encode()).hexdigest())


class Once(Generic[Made]):
    """What is being made by key. What has been made is found by its record, so a key lives as long as that."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._under_way: dict[tuple[object, str], tuple[IdempotencyKey, asyncio.Task[Made]]] = {}

    async def made(
        self,
        key: IdempotencyKey,
        there: Iterable[tuple[IdempotencyKey | None, Made]],
        make: Callable[[], asyncio.Task[Made]],
        *,
        place: str = "",
    ) -> Made:
        """Return what was made with the key; make it where nothing was. Raises Conflict where it was something else.

        there: what the one who asks can see, with its key. place: where the key counts.
        """
        where = ((scope(), place), key.text)
        under_way = self._under_way.get(where)
        if under_way is not None:
            used, task = under_way
            self._check(key, [used])
            return await asyncio.shield(task)
        found = [(used, one) for used, one in there if used is not None and used.text == key.text]
        for used, one in found:
            if used == key:
                return one
        self._check(key, [used for used, _one in found])
        task = make()
        self._under_way[where] = (key, task)
        task.add_done_callback(lambda _task: self._under_way.pop(where))
        return await asyncio.shield(task)

    def _check(self, key: IdempotencyKey, used: list[IdempotencyKey]) -> None:
        if used and key not in used:
            raise Conflict(
                f"cannot create {self._what}: the key {key.text!r} was used for another request",
                step="idempotency",
                hint="send the body that was sent with it, or another key",
            )
