"""Who asked for what is being done: set for each request, and inherited by the tasks that carry it out (contextvars)."""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.engine.views import Peer

_asker: ContextVar[Peer | None] = ContextVar("asker", default=None)


def asker() -> Peer | None:
    """None for what happens by itself."""
    return _asker.get()


@contextlib.contextmanager
def asked_by(peer: Peer | None) -> Iterator[None]:
    token = _asker.set(peer)
    try:
        yield
    finally:
        _asker.reset(token)
