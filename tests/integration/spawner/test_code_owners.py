"""Whose code a worker may be made of (SECURITY R2), where the host's root has a name, and where it has none."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import containerd_py
from containerd_py.errors import Unavailable
from containerd_py.runtime import launcher
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.process import Clone
from containerd_py.runtime.plan.plan import IdRange, UserMapping
from containerd_py.runtime.spawner import seal
from containerd_py.runtime.spawner.request import ForkRequest
from containerd_py.runtime.userns import user_namespace
from tests.oci.exposing import exposing

_USER = 1000
_FIRST = 200_000
_NOBODY = 65_534  # in the namespace, of one who is mapped
_CHECK = """
import sys
sys.path.insert(0, sys.argv[1])
from containerd_py.runtime.spawner.seal import check_code
check_code()
"""
_OTHERS = "could be changed by others"
_HINT = "chown the package to root and remove write permission of group and others"


@pytest.fixture(scope="module")
def package() -> Iterator[Path]:
    """A copy of what is run, which an ordinary user can reach."""
    with tempfile.TemporaryDirectory(prefix="pycontainerd-owners.", dir="/tmp") as place:
        Path(place).chmod(0o755)
        unwanted = shutil.ignore_patterns("__pycache__", "api", "engine", "cli", "client", "wire", "store")
        shutil.copytree(containerd_py.__path__[0], f"{place}/containerd_py", ignore=unwanted)
        yield Path(place)


@pytest.fixture
def of_user() -> Iterator[Fd]:
    """A user namespace as podman makes it for an ordinary user."""
    ranges = (IdRange(0, _USER, 1), IdRange(1, _FIRST, 65_536))
    with user_namespace(UserMapping(ranges, ranges, "", "")) as made:
        yield made


def owned_by(package: Path, owner: int) -> Path:
    for path in (package / "containerd_py", *(package / "containerd_py").rglob("*")):
        os.chown(path, owner, owner)
    return package


def checked(package: Path, namespace: Fd | None = None) -> str:
    """Return what the check says, as root of the host or of a user namespace."""
    program = [sys.executable, "-I", "-B", "-c", _CHECK, str(package)]
    before = exposing(Path(tempfile.mkdtemp(dir=package))) + 'exec "$@"'
    enter = [] if namespace is None else ["nsenter", f"--user=/proc/self/fd/{namespace.fileno()}"]
    words = ["unshare", "--mount", "--propagation", "slave", "/bin/sh", "-c", before, "sh", *enter, *program]
    handed = () if namespace is None else (namespace.fileno(),)
    return subprocess.run(words, pass_fds=handed, capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize(("owner", "taken"), [(0, True), (_USER, False)])
def test_on_the_host(package: Path, owner: int, *, taken: bool) -> None:
    assert (_OTHERS in (told := checked(owned_by(package, owner)))) is not taken, told
    assert not taken or not told


@pytest.mark.parametrize(
    ("owner", "taken"),
    [
        pytest.param(0, True, id="the host's root"),
        pytest.param(_USER, True, id="the user"),
        pytest.param(_FIRST + 5, False, id="another id of the user's"),
        pytest.param(_FIRST + _NOBODY - 1, False, id="an id of the user's that looks like the host's root"),
    ],
)
def test_where_the_hosts_root_is_not_mapped(package: Path, of_user: Fd, owner: int, *, taken: bool) -> None:
    assert (_OTHERS in (told := checked(owned_by(package, owner), of_user))) is not taken, told
    assert not taken or not told


def test_where_the_hosts_root_is_mapped_a_stranger_is_one(package: Path) -> None:
    ranges = (IdRange(0, 0, 1),)
    with user_namespace(UserMapping(ranges, ranges, "", "")) as namespace:
        assert f"{_OTHERS} (owner {_NOBODY}" in checked(owned_by(package, _USER), namespace)


@pytest.mark.parametrize("name", ["runtime/host.py", "light/dataclasses.py", "__pycache__", "."])
def test_what_everybody_may_write_to_is_refused(package: Path, of_user: Fd, name: str) -> None:
    """Workers import some of what lies beside the runtime too."""
    path = owned_by(package, 0) / "containerd_py" / name
    if name == "__pycache__":
        path.mkdir(exist_ok=True)
    mode = path.stat().st_mode
    path.chmod(mode | 0o022)
    try:
        assert _OTHERS in checked(package, of_user)
    finally:
        path.chmod(mode)


def test_a_launcher_of_such_code_forks_no_worker(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = owned_by(package, 0) / "containerd_py/runtime/host.py"
    monkeypatch.setattr(seal, "_PACKAGE", str(package))
    mode = path.stat().st_mode
    path.chmod(mode | 0o020)
    ours, theirs = launcher.open_dialogue()
    with ours, theirs:
        try:
            with pytest.raises(Unavailable, match=_OTHERS) as refused:
                launcher.fork(ForkRequest(theirs.fileno(), Clone.NEWUTS), ours)
        finally:
            path.chmod(mode)
        assert (refused.value.step, refused.value.hint) == ("seal", _HINT)
        worker = launcher.fork(ForkRequest(theirs.fileno(), Clone.NEWUTS), ours)
        worker.end()
        worker.close()
