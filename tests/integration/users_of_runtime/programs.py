"""What callers of an OCI runtime are given here: the programs, a runtime each with its own state, and an image."""

import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.conftest import make_rootfs
from tests.oci.runtime import Result, ended_input

ROOT = Path(__file__).parents[3]
_DEADLINE_S = 60.0


def required(*programs: str) -> None:
    """Skip the test where a program is not installed; in CI, fail."""
    if missing := [name for name in programs if shutil.which(name, path=path()) is None]:
        problem = f"not installed: {' '.join(missing)}"
        pytest.fail(problem) if os.environ.get("CI") == "true" else pytest.skip(problem)


def path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


@dataclass(frozen=True)
class OciRuntime:
    """program: what a caller is to call; its containers are kept in `state`, whoever calls it: not each caller hands
    options on to all calls (podman's own clean-up gets no --runtime-flag).
    """

    name: str
    program: Path
    state: Path

    def left(self) -> list[str]:
        return sorted(os.listdir(self.state)) if self.state.exists() else []


def make_runtime(name: str, folder: Path, state: Path | None = None) -> OciRuntime:
    """Name is "pyrunc", which is that of this checkout, or a program that is installed."""
    program, state = folder / name, state or folder / f"{name}-state"
    if name == "pyrunc":
        code = f"sys.exit(main(['--root', {str(state)!r}, *sys.argv[1:]]))"
        imports = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from containerd_py.cli.oci.main import main"
        program.write_text(f"#!{sys.executable}\n{imports}\n{code}\n")
    else:
        program.write_text(f'#!/bin/sh\nexec {shutil.which(name, path=path())} --root {state} "$@"\n')
    program.chmod(0o755)
    return OciRuntime(name, program, state)


def make_image(folder: Path) -> Path:
    """Return a tar archive of a root file system with BusyBox, two users, and a file that is no program."""
    rootfs = make_rootfs(folder)
    (rootfs / "etc").mkdir()
    (rootfs / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n")
    (rootfs / "etc/group").write_text("root:x:0:\nuser:x:1000:\n")
    (rootfs / "tmp").mkdir(mode=0o1777)
    (rootfs / "plain").write_text("no program\n")
    image = folder / "image.tar"
    with tarfile.open(image, "w") as archive:
        archive.add(rootfs, ".")
    return image


def call(
    *command: str | Path, stdin: str | None = None, environment: dict[str, str] | None = None, cwd: Path | None = None
) -> Result:
    """Run a program to its end; its input is at its end at once, unless one is given."""
    words = [str(word) for word in command]
    with ended_input() as ended:
        given: dict[str, object] = {"stdin": ended} if stdin is None else {"input": stdin}
        done = subprocess.run(  # type: ignore[call-overload]
            words,
            **given,
            cwd=cwd,
            env=os.environ | {"PATH": path()} | (environment or {}),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_DEADLINE_S,
        )
    return Result(done.returncode, done.stdout, done.stderr)
