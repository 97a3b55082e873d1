"""Where the files of an installation are, below a root."""

from __future__ import annotations

import compileall
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from containerd_py.cli.completion.scripts import SCRIPTS
from tools.man.pages import pages
from tools.package import wheel, wheels

HOME = "opt/pycontainerd"
_LIST = f"{HOME}/installed-files"
_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
_PACKAGES = f"{HOME}/lib/python{_VERSION}/site-packages"
_PYCONTAINERD = """#!/{home}/bin/python3 -I
import sys

from containerd_py.__main__ import main

sys.exit(main())
"""
_PYCTR = """#!/{home}/bin/python3 -IS
import sys

if not {{"run", "exec", "start", "kill", "rm"}}.isdisjoint(sys.argv):
    sys.path.append("/{packages}")

    from containerd_py.bytecode_cache import BytecodeCache

    cache = BytecodeCache.own().install()

    from containerd_py.cli.quick.program import run

    run(cache)

import site

site.main()

from containerd_py.cli.main import main

sys.exit(main())
"""
_PYRUNC = """#!/{home}/bin/python3 -IS
import sys

sys.path.append("/{packages}")

from containerd_py.bytecode_cache import BytecodeCache

cache = BytecodeCache.own().install()

from containerd_py.cli.oci.program import run

run(cache)
"""
"""As their scripts in `containerd_py.cli` and `containerd_py.cli.oci`, which have to find out where they lie."""

_COMPLETION = {
    "bash": "usr/share/bash-completion/completions/pyctr",
    "zsh": "usr/share/zsh/vendor-completions/_pyctr",
    "fish": "usr/share/fish/vendor_completions.d/pyctr.fish",
}
_SNIPPETS = {
    "sysusers.conf": "usr/lib/sysusers.d/pycontainerd.conf",
    "tmpfiles.conf": "usr/lib/tmpfiles.d/pycontainerd.conf",
}
UNITS = "usr/lib/systemd/system"
DECLARED = "etc/pycontainerd/containers.d"


class CannotInstall(Exception):
    """Why, and what to do."""


def interpreter() -> str:
    """Return the host's own Python, of the version that the packages here were built for. Raises CannotInstall."""
    path = f"/usr/bin/python{_VERSION}"
    if not os.access(path, os.X_OK):
        raise CannotInstall(
            f"cannot install: there is no {path}, and what is installed here is for Python {_VERSION}; "
            f"make .venv with the host's own: make PYTHON=/usr/bin/python3 clean install"
        )
    return path


def stage(root: Path) -> None:
    """Write every file of an installation below `root`."""
    os.umask(0o022)
    _write_environment(root)
    _write_packages(root)
    _write_programs(root)
    _write_units(root)
    _write_manual(root)
    for shell, path in _COMPLETION.items():
        _write(root / path, SCRIPTS[shell])
    (root / DECLARED).mkdir(parents=True, exist_ok=True)


def _write_environment(root: Path) -> None:
    """A virtual environment, as `python3 -m venv` makes it, but for pip and its scripts."""
    (root / HOME / "bin").mkdir(parents=True)
    (root / HOME / "bin/python3").symlink_to(interpreter())
    (root / HOME / "bin/python").symlink_to("python3")
    _write(root / HOME / "pyvenv.cfg", f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {_VERSION}\n")


def _write_packages(root: Path) -> None:
    target = root / _PACKAGES
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(wheel.build(scratch)) as archive:
        archive.extractall(target)
    try:
        wheels.unpack(target)
    except wheels.NotAsLocked as problem:
        raise CannotInstall(str(problem)) from problem
    for folder, _folders, names in os.walk(target):
        for name in names:
            os.chmod(os.path.join(folder, name), 0o755 if name.endswith(".so") else 0o644)
    compileall.compile_dir(str(target), quiet=2, stripdir=str(root), prependdir="/", workers=1)


def _write_programs(root: Path) -> None:
    _write_program(root, "usr/sbin", "pycontainerd", _PYCONTAINERD.format(home=HOME))
    for name, text in (("pyctr", _PYCTR), ("pyrunc", _PYRUNC)):
        _write_program(root, "usr/bin", name, text.format(home=HOME, packages=_PACKAGES))


def _write_program(root: Path, folder: str, name: str, text: str) -> None:
    program = root / HOME / "bin" / name
    _write(program, text)
    program.chmod(0o755)
    link = root / folder / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(f"/{HOME}/bin/{name}")


def _write_units(root: Path) -> None:
    for source in (wheel.PROJECT / "systemd").iterdir():
        place = _SNIPPETS.get(source.name, f"{UNITS}/{source.name}")
        _write(root / place, source.read_text())


def _write_manual(root: Path) -> None:
    for name, text in pages().items():
        path = root / f"usr/share/man/man{name.rpartition('.')[2]}" / f"{name}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text.encode(), mtime=0))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


# ── without a package ──


def install(destdir: str) -> None:
    """Put everything below `destdir`, in place of what an earlier one has put there. Raises CannotInstall."""
    root = Path(destdir)
    with tempfile.TemporaryDirectory() as scratch:
        staged = Path(scratch, "root")
        stage(staged)
        paths = [
            str(path.relative_to(staged)) for path in sorted(staged.rglob("*")) if not path.is_dir() or path.is_symlink()
        ]
        _write(staged / _LIST, "".join(f"{path}\n" for path in [*paths, _LIST]))
        _take_away(root)
        shutil.copytree(staged, root, symlinks=True, dirs_exist_ok=True)
    _tell_systemd(destdir, ["systemd-sysusers", f"/{_SNIPPETS['sysusers.conf']}"])
    _tell_systemd(destdir, ["systemd-tmpfiles", "--create", f"/{_SNIPPETS['tmpfiles.conf']}"])
    _tell_systemd(destdir, ["systemctl", "daemon-reload"])
    sys.stdout.write("installed; systemctl enable --now pycontainerd.socket pycontainerd.service\n")


def uninstall(destdir: str) -> None:
    """Take away what `install` has put there; settings, declared containers and data stay. Raises CannotInstall."""
    if not _take_away(Path(destdir)):
        raise CannotInstall(f"cannot uninstall: there is no {os.path.join(destdir, _LIST)}; was it a package?")
    _tell_systemd(destdir, ["systemctl", "daemon-reload"])


def _take_away(root: Path) -> bool:
    try:
        listed = (root / _LIST).read_text().splitlines()
    except FileNotFoundError:
        if (root / HOME).exists():
            raise CannotInstall(f"cannot install: {root / HOME} is not of `make install`; remove it first") from None
        return False
    for path in listed:
        (root / path).unlink(missing_ok=True)
    for path in sorted({str(Path(path).parent) for path in listed if path.startswith(HOME)}, reverse=True):
        _remove_empty(root, path)
    return True


def _remove_empty(root: Path, path: str) -> None:
    while path.startswith(HOME):
        try:
            (root / path).rmdir()
        except OSError:
            return  # something else is in there
        path = str(Path(path).parent)


def _tell_systemd(destdir: str, command: list[str]) -> None:
    if os.path.realpath(destdir) == "/" and os.path.isdir("/run/systemd/system"):
        subprocess.run(command, check=True)  # noqa: S603 - constants of this module
