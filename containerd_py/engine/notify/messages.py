"""The words of sd_notify(3). Pure: what is said changes what is on record of a container.

Understood: READY=1, STATUS=, STOPPING=1, ERRNO=, WATCHDOG=1, WATCHDOG=trigger, WATCHDOG_USEC=. Everything else is passed
over, as sd_notify(3) asks for; MAINPID= too: the container's first process is what ends it, whatever it says.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from containerd_py.light.dataclasses import dataclass
from containerd_py.store.records import NotifyState

if TYPE_CHECKING:
    from containerd_py.store.records import ContainerRecord

LONGEST = 4096
"""Bytes of one message; a longer one is passed over."""

_LONGEST_STATUS = 1024
_LONGEST_WATCHDOG_S = 86_400.0
_MOST_DIGITS = 15
_HIGHEST_ERRNO = 4095


@dataclass(frozen=True)
class Heard:
    """What a message has said. state: on record from now on; alive: WATCHDOG=1; failed: WATCHDOG=trigger."""

    state: NotifyState
    alive: bool = False
    failed: bool = False


def fresh(record: ContainerRecord) -> NotifyState | None:
    """Return the state of a run that begins; None without a socket."""
    return NotifyState(watchdog_s=record.watchdog_s) if record.notify else None


def read(data: bytes, state: NotifyState) -> Heard:
    """Return what a message says of a container in this state."""
    lines = (line.partition("=") for line in data.decode(errors="replace").split("\n"))  # no other character ends one
    said = {name: value for name, _, value in lines}
    changes: dict[str, object] = {}
    if said.get("READY") == "1" and not state.ready:
        changes |= {"ready": True, "ready_at": datetime.now(UTC)}
    if "STATUS" in said:
        changes["status"] = said["STATUS"][:_LONGEST_STATUS]
    if said.get("STOPPING") == "1":
        changes["stopping"] = True
    number = _number(said.get("ERRNO", ""))
    if number is not None and number <= _HIGHEST_ERRNO:
        changes["errno"] = number
    interval = _number(said.get("WATCHDOG_USEC", ""))
    if interval is not None:  # 0 switches it off
        changes["watchdog_s"] = min(interval / 1e6, _LONGEST_WATCHDOG_S) or None
    word = said.get("WATCHDOG")
    return Heard(state.model_copy(update=changes), alive=word == "1", failed=word == "trigger")


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None
