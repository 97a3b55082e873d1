"""The project's own wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
_SOURCES = ("pyproject.toml", "README.md", "containerd_py")


def build(folder: str) -> Path:
    """Build the wheel into `folder`, without a network. Raises CalledProcessError.

    From a copy: setuptools leaves a build directory beside the sources, and takes from it what the sources have no more.
    """
    with tempfile.TemporaryDirectory() as scratch:
        for name in _SOURCES:
            source = PROJECT / name
            if source.is_dir():
                shutil.copytree(source, Path(scratch, name), ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, scratch)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-index"]
        command += ["--no-deps", "--no-build-isolation", "--wheel-dir", folder, scratch]
        subprocess.run(command, check=True, cwd=scratch, env=os.environ | {"PIP_NO_INPUT": "1"})  # noqa: S603 - of paths of ours
    (made,) = Path(folder).glob("pycontainerd-*.whl")
    return made
