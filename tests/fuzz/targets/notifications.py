"""Messages of payloads to their notification socket, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.engine.notify import messages
from containerd_py.store.records import NotifyState

if TYPE_CHECKING:
    from pathlib import Path


def check(data: bytes, _folder: Path) -> None:
    state = NotifyState()
    for message in data.split(b"\0"):
        state = messages.read(message, state).state
        assert NotifyState.model_validate_json(state.model_dump_json()) == state
