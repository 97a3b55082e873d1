"""What a check is given, and what it returns."""

from __future__ import annotations

import os
from enum import StrEnum

from containerd_py.light.dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.cgroups.layout import Layout


class State(StrEnum):
    """warn: containers run, but something that they may ask for is refused or is at risk. fail: none can be run."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """found: in short; meaning: what follows from it; hint: what to do about it, None where nothing is to be done."""

    state: State
    found: str
    meaning: str
    hint: str | None = None


@dataclass(frozen=True)
class Host:
    """root: below which /proc, /sys and /run are; release: of uname(2); path: where programs are looked for, as $PATH."""

    release: str
    cgroups: Layout
    state_dir: str
    data_dir: str
    path: str
    root: str = "/"

    def text(self, path: str) -> str | None:
        """Return what a small file says, without the white space around it; None where there is none."""
        try:
            with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
                return file.read(65_536).strip()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def number(self, path: str) -> int | None:
        """Return the number that a file says; None where it says none, such as "max"."""
        text = self.text(path) or ""
        return int(text) if text.isascii() and text.isdigit() else None

    def has(self, path: str) -> bool:
        return os.path.exists(os.path.join(self.root, path))
