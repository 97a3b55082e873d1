"""Both clients have every operation of the route table, by the same names, with the same parameters."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import re
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from containerd_py import wire
from containerd_py.api.routes import ROUTES
from containerd_py.client import Attachment, Client, SyncAttachment, SyncClient
from containerd_py.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

_REFUSAL = {"kind": "conflict", "message": "cannot do it", "step": None, "errno": None, "hint": None}


def methods(cls: type) -> dict[str, Any]:
    return {name: member for name, member in inspect.getmembers(cls, callable) if not name.startswith("_")}


def argument(parameter: inspect.Parameter) -> Any:
    """Return something that the parameter takes."""
    kind = str(parameter.annotation)
    if kind == "wire.CreateRequest":
        return wire.ContainerSpec(rootfs="/r", args=("x",))
    if kind.startswith("wire."):
        model: Any = getattr(wire, kind.removeprefix("wire."))
        return model.model_construct()
    for beginning, value in (
        ("str", "x1"),
        ("int", 7),
        ("bytes", b""),
        ("float", 0.5),
        ("Iterable", ()),
        ("Begun", "stop"),
    ):
        if kind.startswith(beginning):
            return value
    pytest.fail(f"this test knows nothing that is a {kind}")


def call(method: Callable[..., Any], client: object) -> Any:
    needed = [one for one in inspect.signature(method).parameters.values() if one.default is inspect.Parameter.empty]
    return method(client, **{one.name: argument(one) for one in needed[1:]})


def finish(method: Callable[..., Any], client: object) -> None:
    next(call(method, client))


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[list[str]]:
    """What a daemon was asked, as the operations of its route table; it refuses everything."""
    heard: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        found = [one.operation for one in ROUTES if one.method == request.method and matches(one.path, request.path)]
        heard.extend(found or [f"{request.method} {request.path}"])
        return web.json_response(_REFUSAL, status=409)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "daemon.sock")).start()
    yield heard
    await runner.cleanup()


def matches(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) is not None


def parts(client: object) -> dict[str, object]:
    """Return the client, and its parts that are attributes, by their names."""
    return {"": client, **{f"{name}.": one for name, one in vars(client).items() if not name.startswith("_")}}


def test_the_twins_have_the_same_methods_parameters_and_words() -> None:
    """Where this fails: `client/sync.py` has a line for each method of a client."""
    pairs: list[tuple[type, type]] = [(Attachment, SyncAttachment)]
    ours, theirs = parts(Client("/nowhere")), parts(SyncClient("/nowhere"))
    assert set(theirs) == set(ours)
    pairs += [(type(one), type(theirs[name])) for name, one in ours.items()]
    for cls, twin in pairs:
        assert set(methods(twin)) == set(methods(cls))
        for name, method in methods(cls).items():
            other = getattr(twin, name)
            assert inspect.signature(other) == inspect.signature(method), name
            assert other.__doc__ == method.__doc__, name
            assert method.__doc__ or cls is Attachment, name
            assert other.__name__ == name


async def test_each_operation_is_a_method_of_the_client(asked: list[str], tmp_path: Path) -> None:
    told: list[str] = []
    async with Client(str(tmp_path / "daemon.sock")) as client:
        for part in parts(client).values():
            for name, method in methods(type(part)).items():
                asked.clear()
                answer = call(method, part)
                with pytest.raises(Conflict):
                    await (anext(answer) if hasattr(answer, "__anext__") else answer)
                assert len(asked) == 1, name
                told += asked
    assert set(told) == {one.operation for one in ROUTES}


async def test_the_synchronous_client_asks_the_same(asked: list[str], tmp_path: Path) -> None:
    def ask() -> list[str]:
        asked.clear()
        with SyncClient(str(tmp_path / "daemon.sock")) as client:
            for part in parts(client).values():
                for method in methods(type(part)).values():
                    with pytest.raises(Conflict):
                        finish(method, part)
        return asked

    told = await asyncio.to_thread(ask)
    assert set(told) == {one.operation for one in ROUTES}


def test_closed_clients_say_so() -> None:
    client = SyncClient("/nowhere")
    with pytest.raises(RuntimeError, match="not open"):
        client.ping()
    with pytest.raises(RuntimeError, match="not open"), contextlib.closing(client.logs("x")) as chunks:
        next(chunks)
