"""A Debian package, by dpkg-deb."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from containerd_py import __version__
from tools.package import layout

_SCRIPTS = Path(__file__).with_name("debian")
_NAME = "pycontainerd"


def build(folder: str, *, quick: bool = False) -> Path:
    """Build the package into `folder`. Raises CannotInstall, CalledProcessError."""
    architecture = subprocess.run(
        ["dpkg", "--print-architecture"],  # noqa: S607 - the host's own
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    made = Path(folder, f"{_NAME}_{__version__}_{architecture}.deb")
    made.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch, "root")
        root.mkdir(mode=0o755)
        layout.stage(root)
        _write_control(root, architecture)
        compression = ["-Zgzip", "-z1"] if quick else ["-Zxz"]
        command = ["dpkg-deb", "--root-owner-group", *compression, "--build", str(root), str(made)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - of paths of ours
    return made


def _write_control(root: Path, architecture: str) -> None:
    size_kib = sum(path.lstat().st_size for path in root.rglob("*") if not path.is_dir()) // 1024
    minor = sys.version_info.minor
    folder = root / "DEBIAN"
    folder.mkdir()
    for name in ("postinst", "prerm", "postrm"):
        (folder / name).write_text((_SCRIPTS / name).read_text())
        (folder / name).chmod(0o755)
    (folder / "control").write_text(
        f"""\
Package: {_NAME}
Version: {__version__}
Architecture: {architecture}
Maintainer: pycontainerd <root@localhost>
Installed-Size: {size_kib}
Depends: python3 (>= 3.{minor}~), python3 (<< 3.{minor + 1}), libc6, libseccomp2, libsystemd0
Recommends: systemd (>= 249)
Section: admin
Priority: optional
Description: container runtime and daemon for Linux
 A daemon with a REST API on a Unix socket, its client pyctr, and pyrunc, a
 runtime with runc's command line. Containers outlive the daemon.
"""
    )
