"""What the project needs at run time: the files that requirements.lock names by version and hash, and no others.

They are fetched once, by pip with --require-hashes, into the environment that runs this; a package is built of them without
a network, and each is held against the lock again. What comes as sources is built when it is fetched.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.markers import Marker
from packaging.utils import canonicalize_name, parse_wheel_filename

from tools.package.wheel import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LOCK = PROJECT / "requirements.lock"
FOLDER = Path(sys.prefix) / "wheels"
_BUILT = "built.json"
_LINE = re.compile(r"([A-Za-z0-9._-]+)==([^ ;\\]+)(?: ; ([^\\]+))?")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_SOURCES_ONLY = (".c", ".h", ".pyx", ".pxd", ".pyi", ".pyc")
"""Of what is compiled: nothing reads them at run time."""


class NotAsLocked(Exception):
    """What is there is not what the lock names, or nothing is there."""


@dataclass(frozen=True)
class Locked:
    """hashes: SHA-256 of each file that has this version: wheels for all machines, and sources."""

    name: str
    version: str
    marker: str | None
    hashes: frozenset[str]

    @property
    def holds(self) -> bool:
        """True where it is needed on this machine."""
        return self.marker is None or Marker(self.marker).evaluate()


def read(lock: Path = LOCK) -> tuple[Locked, ...]:
    found = []
    for entry in re.split(r"\n(?=[A-Za-z0-9])", lock.read_text()):
        match = _LINE.match(entry)
        if match is not None:
            name, version, marker = match.groups()
            hashes = frozenset(_HASH.findall(entry))
            found.append(Locked(canonicalize_name(name), version, marker and marker.strip(), hashes))
    return tuple(found)


def fetch(lock: Path = LOCK, folder: Path = FOLDER, options: Sequence[str] = ()) -> None:
    """Have `folder` hold a wheel for each line of the lock, and nothing else. Raises NotAsLocked.

    options: further ones of pip's.
    """
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        command += ["--no-deps", "--no-build-isolation", "--wheel-dir", scratch, "--requirement", str(lock), *options]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | {"PIP_NO_INPUT": "1"})  # noqa: S603 - of paths of ours
        if done.returncode != 0:
            raise NotAsLocked(f"cannot fetch what {lock.name} names: {done.stderr.strip()}")
        named = {digest for one in read(lock) for digest in one.hashes}
        digests = [_digest(path) for path in Path(scratch).iterdir()]
        built = sorted(digest for digest in digests if digest not in named)
        Path(scratch, _BUILT).write_text(json.dumps({"lock": _digest(lock), "built": built}))
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(scratch, folder)


def unpack(target: Path, lock: Path = LOCK, folder: Path = FOLDER) -> None:
    """Put everything below `target`, a site-packages. Fetches it where that has not been done for this lock.

    Raises NotAsLocked.
    """
    if not _is_for(lock, folder):
        fetch(lock, folder)
    for path in checked(lock, folder):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(target, [name for name in archive.namelist() if _is_needed(name)])


def _is_needed(name: str) -> bool:
    """Directories are made with what is in them, and programs for people (.data/) are not ours."""
    return not name.endswith(("/", *_SOURCES_ONLY)) and ".data/" not in name


def checked(lock: Path, folder: Path) -> Iterator[Path]:
    """Yield the wheels that are needed here, each as the lock has it, or built of what it has. Raises NotAsLocked."""
    built = set(json.loads((folder / _BUILT).read_text())["built"])
    there = {parse_wheel_filename(path.name)[:2]: path for path in folder.glob("*.whl")}
    there_by_text = {(name, str(version)): path for (name, version), path in there.items()}
    for one in read(lock):
        if not one.holds:
            continue
        path = there_by_text.get((canonicalize_name(one.name), one.version))
        if path is None:
            raise NotAsLocked(f"cannot install {one.name} {one.version}: it is not in {folder}; remove that, and try again")
        if _digest(path) not in one.hashes | built:
            raise NotAsLocked(f"cannot install {one.name} {one.version}: {path} has none of the hashes in {lock.name}")
        yield path


def _is_for(lock: Path, folder: Path) -> bool:
    try:
        return bool(json.loads((folder / _BUILT).read_text())["lock"] == _digest(lock))
    except FileNotFoundError:
        return False


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    try:
        fetch()
    except NotAsLocked as told:
        sys.exit(str(told))
