"""What the host of the daemon can and cannot do, as it is now."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime import doctor

if TYPE_CHECKING:
    from containerd_py.engine.journal import Journal
    from containerd_py.engine.parts import Parts
    from containerd_py.engine.views import Declared


@dataclass(frozen=True)
class Checked:
    """found: in short; meaning: what follows from it; hint: what to do about it."""

    name: str
    status: Literal["ok", "warn", "fail"]
    found: str
    meaning: str
    hint: str | None


def examine(parts: Parts, state_dir: str, declared: Declared) -> tuple[Checked, ...]:
    """Blocking. Nothing is changed."""
    host = doctor.Host(
        release=os.uname().release,
        cgroups=parts.host.cgroups,
        state_dir=state_dir,
        data_dir=parts.data_dir,
        path=os.environ.get("PATH", os.defpath),
    )
    found = (Checked(name, one.state.value, one.found, one.meaning, one.hint) for name, one in doctor.examine(host).items())
    return (*found, _journal(parts.journal.journal), _declared(declared))


def _declared(declared: Declared) -> Checked:
    where = declared.directory or "no directory"
    wrong = [f"{one.file}: {one.problem}" for one in declared.files if one.problem is not None]
    if declared.problem is not None:
        wrong.insert(0, declared.problem)
    if not wrong:
        return Checked("declared", "ok", f"{len(declared.files)} in {where}", "each is as its file says", None)
    return Checked(
        "declared",
        "warn",
        "; ".join(wrong),
        "what these files say is not so; what they said before stays",
        "mend them, and systemctl reload pycontainerd",
    )


def _journal(journal: Journal) -> Checked:
    if journal.answers():
        return Checked("journal", "ok", journal.path, "the log driver 'journald' sends output there", None)
    return Checked(
        "journal",
        "warn",
        f"nobody listens at {journal.path}",
        "the log driver 'journald' is refused, or output waits for the journal; 'file' needs none",
        "run systemd-journald, or name its socket in the setting journal_socket",
    )
