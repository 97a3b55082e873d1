"""Files of a state directory: the daemon's by pydantic, pyrunc's by their own readers."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from pydantic import ValidationError

from containerd_py.runtime.plan.outline import UnreadablePlan, read_outline
from containerd_py.runtime.state import State
from containerd_py.store.records import ContainerRecord, Definition, ExecRecord

if TYPE_CHECKING:
    from pathlib import Path


def check(data: bytes, _folder: Path) -> None:
    with suppress(ValueError, RecursionError):
        document = json.loads(data)
        for kind in (ContainerRecord, ExecRecord, Definition):
            with suppress(ValidationError):
                read = kind.model_validate(document)
                assert kind.model_validate_json(read.model_dump_json(by_alias=True)) == read
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        state = State.decode(data)
        assert State.decode(state.encode()) == state
    with suppress(UnreadablePlan):
        outline = read_outline(data)
        assert read_outline(outline.encode()) == outline
