"""Reading requests (SECURITY R19): bounded, strict, each problem named."""

from __future__ import annotations

import asyncio
import re
import signal
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web_protocol
from pydantic import TypeAdapter, ValidationError

from containerd_py import signal_names, strict_json
from containerd_py.engine.forms import read_create_request
from containerd_py.errors import DeadlineExceeded, InvalidArgument
from containerd_py.problems import describe
from containerd_py.wire import Identifier, Wire

if TYPE_CHECKING:
    from aiohttp import web

    from containerd_py.wire import CreateRequest

Model = TypeVar("Model", bound=Wire)

IDEMPOTENCY_KEY = "Idempotency-Key"
LARGEST_BODY = 10 << 20
LARGEST_WINDOW = 65_535
_BODY_S = 30.0
_EPOCH = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)
_KEY = re.compile(r'[!#-\[\]-~]{1,255}|"(?:[ !#-\[\]-~]|\\["\\]){1,255}"', re.ASCII)
_SHOWN = 40
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def reference(request: web.Request) -> str:
    """Return which container, or exec, a request is about, as its path has it."""
    return request.match_info["id"]


async def create_request(request: web.Request) -> CreateRequest:
    """Read the body of create and explain, JSON whatever its content type says. Raises InvalidArgument."""
    return read_create_request(
        await _object(request), what="request", example='{"rootfs": "/path", "args": ["/bin/program"]}'
    )


async def body_as(request: web.Request, model: type[Model]) -> Model:
    """Read the body as a model, JSON whatever its content type says. Raises InvalidArgument."""
    return _as_model(await _object(request), model)


async def _object(request: web.Request) -> dict[str, Any]:
    value = strict_json.loads(await _body(request), what="request")
    if not isinstance(value, dict):
        raise InvalidArgument("cannot parse request: it is no JSON object", step="parse")
    return value


def _as_model(value: dict[str, Any], model: type[Model]) -> Model:
    try:
        return model.model_validate(value)
    except ValidationError as problem:
        raise InvalidArgument(f"cannot parse request: {describe(problem)}", step="parse") from problem


def idempotency_key(request: web.Request) -> str | None:
    """Return what the header says, as it is or as a string of RFC 9651; None without one. Raises InvalidArgument."""
    given = request.headers.getall(IDEMPOTENCY_KEY, [])
    if not given:
        return None
    text = given[0].strip()
    if len(given) > 1 or not _KEY.fullmatch(text):
        raise InvalidArgument(
            f"cannot read header {IDEMPOTENCY_KEY!r}: {text[:_SHOWN]!r} is no key",
            step="parse",
            hint="one of 1 to 255 visible ASCII characters, such as a UUID; in double quotes or without",
        )
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


async def window(request: web.Request) -> tuple[int, int]:
    """Read the size of a terminal from the query: (rows, columns). Raises InvalidArgument."""
    query = Query(request)
    rows = query.required_integer("rows", least=1, most=LARGEST_WINDOW)
    columns = query.required_integer("columns", least=1, most=LARGEST_WINDOW)
    query.done()
    await no_body(request)
    return rows, columns


async def no_body(request: web.Request) -> None:
    """Raises InvalidArgument where there is a body: it would be ignored."""
    if request.can_read_body and await _body(request):
        raise InvalidArgument("cannot serve request: it takes no body", step="parse", hint="parameters go into the query")


async def _body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(_BODY_S):
            return await request.read()
    except web_protocol.RequestPayloadError as problem:
        raise broken_body() from problem
    except TimeoutError:
        raise DeadlineExceeded(f"cannot read request: the body did not come in {_BODY_S:.0f} s", step="read") from None


def broken_body() -> InvalidArgument:
    return InvalidArgument(
        "cannot read request: the body is not what its headers say",
        step="read",
        hint="look at Transfer-Encoding and Content-Encoding",
    )


class Query:
    """The parameters of a query, each given once; `done` refuses what nobody has asked for."""

    def __init__(self, request: web.Request) -> None:
        self._left: dict[str, list[str]] = {}
        for name, value in request.query.items():
            self._left.setdefault(name, []).append(value)

    def text(self, name: str) -> str | None:
        values = self._left.pop(name, [])
        if len(values) > 1:
            raise InvalidArgument(f"cannot read parameter {name!r}: it is given {len(values)} times", step="parse")
        return values[0] if values else None

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(self._left.pop(name, ()))

    def boolean(self, name: str, *, default: bool) -> bool:
        text = self.text(name)
        if text is None:
            return default
        if text not in _BOOLEANS:
            raise InvalidArgument(f"cannot read parameter {name!r}: true or false, not {text!r}", step="parse")
        return _BOOLEANS[text]

    def integer(self, name: str, *, least: int, most: int) -> int | None:
        text = self.text(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 20 and least <= int(text) <= most):
            raise InvalidArgument(f"cannot read parameter {name!r}: {least} to {most}, not {text!r}", step="parse")
        return int(text)

    def required_integer(self, name: str, *, least: int, most: int) -> int:
        value = self.integer(name, least=least, most=most)
        if value is None:
            raise InvalidArgument(f"cannot read parameter {name!r}: it is missing", step="parse")
        return value

    def seconds(self, name: str, *, most: float, least: float = 0) -> float | None:
        text = self.text(name)
        if text is None:
            return None
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not least <= value <= most:
            raise InvalidArgument(
                f"cannot read parameter {name!r}: seconds, {least:g} to {most:.0f}, not {text!r}", step="parse"
            )
        return value

    def moment(self, name: str) -> int | None:
        """Read RFC 3339 with a zone, or seconds since the epoch; return nanoseconds since the epoch."""
        text = self.text(name)
        if text is None:
            return None
        try:
            if _EPOCH.fullmatch(text):
                return int(Decimal(text) * 1_000_000_000)
            moment = datetime.fromisoformat(text)
            return int((moment - _BEGINNING) / timedelta(microseconds=1)) * 1000
        except (ValueError, OverflowError, TypeError):  # TypeError: a time without a zone has no distance from one with
            raise InvalidArgument(
                f"cannot read parameter {name!r}: no time {text!r}",
                step="parse",
                hint="write 2025-03-01T09:30:00Z, or seconds since 1970; + is %2B in a URL",
            ) from None

    def period(self) -> tuple[int | None, int | None]:
        """Read "since" and "until", as `moment` does."""
        since_ns, until_ns = self.moment("since"), self.moment("until")
        if since_ns is not None and until_ns is not None and until_ns < since_ns:
            raise InvalidArgument("cannot read parameter 'until': it is before 'since'", step="parse")
        return since_ns, until_ns

    def identifier(self, name: str) -> str:
        """Return what is to become the name of a container."""
        text = self.text(name)
        try:
            return _IDENTIFIER.validate_python(text)
        except ValidationError as problem:
            raise InvalidArgument(
                f"cannot read parameter {name!r}: no name for a container: {text!r}",
                step="parse",
                hint="letters, digits, '_', '.', '+' and '-', at most 128, the first a letter or a digit",
            ) from problem

    def done(self) -> None:
        for name in self._left:
            raise InvalidArgument(f"cannot read parameter {name!r}: no such parameter here", step="parse")


async def kill_signal(request: web.Request) -> int:
    """Return the number of the signal that a kill asks for: SIGKILL where it names none. Raises InvalidArgument."""
    query = Query(request)
    text = query.text("signal")
    query.done()
    await no_body(request)
    return signal.SIGKILL if text is None else signal_number(text)


def signal_number(text: str) -> int:
    """Return the number of "SIGTERM", "TERM" or "15". Raises InvalidArgument."""
    number = signal_names.signal_number(text)
    if number is not None:
        return number
    raise InvalidArgument(
        f"cannot read signal {text!r}: no such signal", step="parse", hint="a name such as TERM, or a number"
    )
