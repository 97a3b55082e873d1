"""A CRIU that works with this kernel, for tests: the one that `make` has fetched, or the machine's."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

_SUITE = "forky"
_CACHE = Path(os.environ.get("HARNESS_CACHE", Path.home() / ".cache/test-guests"))
_FETCH = "tests/harness/fetch-criu.sh"


@cache
def _folder() -> str:
    """Return where it is; "" where there is none."""
    for folder in (str(_CACHE / f"criu-{_SUITE}/bin"), *os.environ.get("PATH", "").split(":"), "/usr/sbin"):
        program = shutil.which("criu", path=folder)
        if program and subprocess.run([program, "check"], capture_output=True, check=False).returncode == 0:
            return folder
    return ""


def search_path() -> str:
    """Return a PATH in which it is found first."""
    return f"{_folder()}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin".lstrip(":")


def use_criu(monkeypatch: pytest.MonkeyPatch) -> str:
    """Have commands find it first, and return its path; skip the test where there is none."""
    if not _folder():
        pytest.skip(f"no CRIU that works with this kernel: {_FETCH} {_SUITE} fetches one, if this machine may")
    monkeypatch.setenv("PATH", search_path())
    return f"{_folder()}/criu"


@cache
def tracks_memory() -> bool:
    """Tell whether the kernel knows which pages were written to (CONFIG_MEM_SOFT_DIRTY): a pre-dump needs it."""
    told = subprocess.run([f"{_folder()}/criu", "check", "--feature", "mem_dirty_track"], capture_output=True, check=False)
    return told.returncode == 0
