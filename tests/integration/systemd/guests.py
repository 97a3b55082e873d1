"""Guests with a real systemd, by the scripts in tests/harness: booted for one command, and gone after it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HARNESS = ROOT / "tests/harness"
CACHE = Path(os.environ.get("HARNESS_CACHE", Path.home() / ".cache/test-guests"))
_SLACK_S = 20


@dataclass(frozen=True)
class Guest:
    """script: of the harness. cgroups: HARNESS_CGROUPS; fetched: its kernel is not this machine's.

    suite: of Debian, whose systemd is laid over this machine's; not everybody can have it.
    modules: of tests/systemd that run in it, all if there are none: what differs there, since each costs time.
    """

    name: str
    script: str
    cgroups: str = "unified"
    fetched: bool = False
    modules: tuple[str, ...] = ()
    suite: str = ""

    @property
    def layer(self) -> Path:
        return CACHE / f"systemd-{self.suite}"

    def runs(self, module: str) -> bool:
        return not self.modules or module in self.modules

    def missing(self) -> str | None:
        """Return why it cannot be booted here."""
        if self.fetched and not (CACHE / "uml/linux").exists():
            return f"no guest kernel: {HARNESS}/fetch-kernels.sh"
        return None

    def require(self) -> None:
        """Skip the test where it cannot be booted; in CI, fail."""
        if self.suite and not (self.layer / ".complete").exists():
            pytest.skip(f"no systemd of {self.suite} for guests: {HARNESS}/fetch-systemd.sh {self.suite}")
        problem = self.missing()
        if problem and os.environ.get("CI") == "true":
            pytest.fail(problem)
        if problem:
            pytest.skip(problem)

    def run(
        self, *command: str, out: Path, timeout_s: int, memory_mib: int = 2048, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """Boot it and run a command in there, with the project at /src and `out` at /out."""
        settings = {"PYTHONDONTWRITEBYTECODE": "1", "PYCONTAINERD_GUEST": self.name}
        # In there the service may run on, and its spawner: a guest is thrown away.
        settings |= {"PYCONTAINERD_TESTS_SHARE_MACHINE": "1"} | environment
        flags = [flag for name, value in settings.items() for flag in ("-e", f"{name}={value}")]
        flags += ["-s", str(ROOT), "-o", str(out), "-t", str(timeout_s), "-m", str(memory_mib)]
        return subprocess.run(
            [str(HARNESS / self.script), *flags, *command],
            env=os.environ | {"HARNESS_CGROUPS": self.cgroups, "HARNESS_LAYER": str(self.layer) if self.suite else ""},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout_s + _SLACK_S,
        )


UNIFIED = Guest("unified", "boot-systemd-ns.sh")
HYBRID = Guest("hybrid", "boot-systemd-ns.sh", cgroups="hybrid", modules=("test_limits", "test_service", "test_shutdown"))
UML = Guest("uml", "boot-uml.sh", fetched=True, modules=("test_exec", "test_fd_store", "test_limits", "test_service"))
NEWER = Guest(
    "newer",
    "boot-systemd-ns.sh",
    modules=("test_annotations", "test_machined", "test_reload", "test_scopes", "test_service"),
    suite="trixie",
)
GUESTS = (UNIFIED, HYBRID, UML, NEWER)


def build_package(folder: Path) -> Path:
    """Build the Debian package as `make deb` does."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.package", "deb", "--quick", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())
