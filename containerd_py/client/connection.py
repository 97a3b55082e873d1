"""One HTTP connection pool to one Unix socket: requests, their answers as models, their failures as errors.

It knows no route; `Client` does.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Self

import aiohttp

from containerd_py.client.failures import Model, raise_for_answer, reaching, read_model
from containerd_py.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence

    from pydantic import BaseModel

    Query = Mapping[str, str] | Sequence[tuple[str, str]]

_BASE = "http://localhost"
_JSON = {"Content-Type": "application/json"}
_NOT_WAITING = {"Prefer": "respond-async"}
_KEY = re.compile(r"[ -~]{1,255}", re.ASCII)
ATTACH_PROTOCOL = "v5.channel.k8s.io"


def _quoted(key: str) -> str:
    """Return what stands between the quotes of a string of RFC 9651. Raises InvalidArgument."""
    if not _KEY.fullmatch(key):
        raise InvalidArgument(
            f"cannot use key {key[:40]!r}: 1 to 255 visible ASCII characters are needed", step="parse", hint="take a UUID"
        )
    return re.sub(r'(["\\])', r"\\\1", key)


class Connection:
    """Opens nothing before it is entered; connections are made as they are needed, and closed at the exit."""

    def __init__(self, socket_path: str) -> None:
        self.socket_path = socket_path
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(self.socket_path, limit=0),
            # A wait or a stream takes as long as the container runs.
            timeout=aiohttp.ClientTimeout(total=None),
            raise_for_status=raise_for_answer,
            trust_env=False,
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the client is not open: use `async with Client(...) as client`")
        return self._session

    async def exchange(
        self,
        method: str,
        path: str,
        query: Query = (),
        body: BaseModel | None = None,
        *,
        key: str | None = None,
        deferred: bool = False,
    ) -> bytes:
        """Send one request and return the whole body of its answer.

        key: of a creation that may be asked for again. deferred: answer once it is under way.
        """
        headers = ({} if key is None else {"Idempotency-Key": f'"{_quoted(key)}"'}) | (_NOT_WAITING if deferred else {})
        async with self.answer(method, path, query, body, headers) as response:
            return await response.read()

    async def fetch(
        self,
        model: type[Model],
        method: str,
        path: str,
        query: Query = (),
        body: BaseModel | None = None,
        *,
        key: str | None = None,
    ) -> Model:
        """Send one request and return its answer as `model`; Internal where it is not one."""
        answer = await self.exchange(method, path, query, body, key=key)
        return read_model(model, answer, f"{method} {path}")

    async def send(
        self, method: str, path: str, query: Query, data: bytes | Iterable[bytes] | AsyncIterable[bytes]
    ) -> None:
        """Send bytes as they are, or as they come; a plain iterable (a file) is read in a thread, since it may block."""
        if not isinstance(data, bytes | AsyncIterable):
            data = _from_thread(data)
        with reaching(self.socket_path):
            async with self.session.request(method, _BASE + path, params=query, data=data, allow_redirects=False) as answer:
                await answer.read()

    async def stream(self, method: str, path: str, query: Query = ()) -> AsyncGenerator[bytes, None]:
        """Yield the body as it arrives; close the iterator (`aclosing`) to give the connection back early."""
        async with self.answer(method, path, query, None) as response:
            async for chunk in response.content.iter_any():
                yield chunk

    async def upgrade(
        self, path: str, query: Query = (), protocols: tuple[str, ...] = (ATTACH_PROTOCOL,)
    ) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket, with the attach protocol unless told; the caller closes it."""
        with reaching(self.socket_path):
            return await self.session.ws_connect(_BASE + path, params=query, protocols=protocols)

    @contextlib.asynccontextmanager
    async def answer(
        self, method: str, path: str, query: Query, body: BaseModel | None = None, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send one request, and give its answer once its head is there."""
        data = None if body is None else body.model_dump_json(exclude_unset=True).encode()
        headers = ({} if body is None else _JSON) | dict(headers or {})
        with reaching(self.socket_path):
            async with self.session.request(
                method, _BASE + path, params=query, data=data, headers=headers, allow_redirects=False
            ) as response:
                yield response


async def _from_thread(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    iterator = iter(chunks)
    while (chunk := await asyncio.to_thread(next, iterator, None)) is not None:
        yield chunk
