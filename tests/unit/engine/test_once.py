"""Creations with a key: one for all who ask with it."""

import asyncio

import pytest

from containerd_py.engine.once import Once, key_for
from containerd_py.engine.scope import Scope, within
from containerd_py.errors import Conflict, Unavailable
from containerd_py.store.records import IdempotencyKey
from containerd_py.wire import ContainerSpec, LogSpec


class Making:
    """Makes numbers, when it is let."""

    def __init__(self) -> None:
        self.there: list[tuple[IdempotencyKey | None, int]] = []
        self.begun = 0
        self.let = asyncio.Event()
        self.failure: Exception | None = None
        self.once: Once[int] = Once("number")

    async def ask(self, key: IdempotencyKey, place: str = "") -> int:
        return await self.once.made(key, self.there, lambda: asyncio.ensure_future(self._make(key)), place=place)

    async def _make(self, key: IdempotencyKey) -> int:
        self.begun += 1
        number = self.begun
        await self.let.wait()
        if self.failure is not None:
            raise self.failure
        self.there.append((key, number))
        return number


A, OTHER_BODY, B = (IdempotencyKey(text=text, digest=digest) for text, digest in (("a", "1"), ("a", "2"), ("b", "1")))


async def test_those_who_ask_at_once_get_one() -> None:
    making = Making()
    asking = [asyncio.ensure_future(making.ask(A)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Conflict, match="the key 'a' was used for another request") as refused:
        await making.ask(OTHER_BODY)
    assert refused.value.step == "idempotency"
    making.let.set()
    assert await asyncio.gather(*asking) == [1, 1, 1]
    assert making.begun == 1


async def test_those_who_ask_later_get_it_too() -> None:
    making = Making()
    making.let.set()
    assert [await making.ask(A), await making.ask(A), await making.ask(B), await making.ask(A)] == [1, 1, 2, 1]
    with pytest.raises(Conflict):
        await making.ask(OTHER_BODY)
    making.there.clear()  # it was deleted: the key is free
    assert await making.ask(OTHER_BODY) == 3


async def test_one_that_failed_is_made_anew() -> None:
    making = Making()
    making.let.set()
    making.failure = Unavailable("cannot make it: no room")
    with pytest.raises(Unavailable):
        await making.ask(A)
    making.failure = None
    assert await making.ask(OTHER_BODY) == 2


async def test_who_leaves_ends_it_for_nobody() -> None:
    making = Making()
    first, second = asyncio.ensure_future(making.ask(A)), asyncio.ensure_future(making.ask(A))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait((first,))
    making.let.set()
    assert await second == 1


async def test_keys_of_places_and_scopes_are_their_own() -> None:
    making = Making()
    asking = [asyncio.ensure_future(making.ask(A, place)) for place in ("x", "y")]
    with within(Scope(("team=web",))):
        asking.append(asyncio.ensure_future(making.ask(A, "x")))
    await asyncio.sleep(0)
    making.let.set()
    assert await asyncio.gather(*asking) == [1, 2, 3]


def test_bodies_that_mean_the_same_have_one_digest() -> None:
    def digest(**fields: object) -> str:
        key = key_for("a", ContainerSpec.model_validate({"rootfs": "/r", "args": ["x"]} | fields))
        assert key is not None
        return key.digest

    plain = digest()
    assert plain == digest(stdin=False, log={}, labels={}) == digest(log=LogSpec(driver="file"))
    assert digest(labels={"a": "1", "b": "2"}) == digest(labels={"b": "2", "a": "1"})
    assert len({plain, digest(stdin=True), digest(args=["y"]), digest(name="x"), digest(env={"A": ""})}) == 5
    assert key_for(None, ContainerSpec(rootfs="/r", args=("x",))) is None
