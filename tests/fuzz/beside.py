"""A minute of fuzzing for each target beside a whole run of the tests, when these leave the processors alone.

By SCHED_IDLE (sched(7)): no test waits for it. What it comes to in that minute depends on them, and is told at the end.
"""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

AVAILABLE = platform.machine() == "x86_64" and sys.version_info < (3, 14)
"""There is an atheris for this machine and Python."""

UNDER_WAY = "PYCONTAINERD_FUZZED_BESIDE"
"""In the environment of a run that has it: its tests of each target are left out."""

_ROOT = Path(__file__).resolve().parents[2]
_AT_ONCE = 2
_PATIENCE_S = 300


class Fuzzing:
    """`start` at the beginning; `outcome` or `end` at the end."""

    def __init__(self) -> None:
        self._kept = Path(os.environ.get("PYCONTAINERD_FUZZ_KEPT") or tempfile.mkdtemp(prefix="pycontainerd-fuzz."))
        self._told = self._kept / "told"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._kept.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "tests.fuzz",
            "--idle",
            "--minutes",
            "0.05",
            "--beside",
            str(_AT_ONCE),
            "--kept",
            str(self._kept),
        ]
        with self._told.open("wb") as told:
            self._process = subprocess.Popen(command, cwd=_ROOT, stdout=told, stderr=told, start_new_session=True)
        os.environ[UNDER_WAY] = "1"

    def outcome(self) -> tuple[bool, str]:
        """Wait for its end; tell whether nothing was found, and how it went."""
        assert self._process is not None
        try:
            code: int | None = self._process.wait(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            code = None
            self.end()
        told = self._told.read_text(errors="replace")
        return code == 0, told if code is not None else f"{told}\nnot done {_PATIENCE_S} s after the last test"

    def end(self) -> None:
        """At once, and all that it has started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
