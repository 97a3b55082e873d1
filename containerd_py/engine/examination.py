"""What the host of the daemon can and cannot do, as it is now."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from containerd_py.runtime import doctor

if TYPE_CHECKING:
    from containerd_py.engine.parts import Parts


@dataclass(frozen=True, slots=True)
class Checked:
    """found: in short; meaning: what follows from it; hint: what to do about it."""

    name: str
    status: Literal["ok", "warn", "fail"]
    found: str
    meaning: str
    hint: str | None


def examine(parts: Parts, state_dir: str) -> tuple[Checked, ...]:
    """Blocking. Nothing is changed."""
    host = doctor.Host(
        release=os.uname().release,
        cgroups=parts.host.cgroups,
        state_dir=state_dir,
        data_dir=parts.data_dir,
        path=os.environ.get("PATH", os.defpath),
    )
    return tuple(
        Checked(name, one.state.value, one.found, one.meaning, one.hint) for name, one in doctor.examine(host).items()
    )
