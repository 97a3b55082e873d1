"""podman and containerd, each on pyrunc, and on runc as a control: what both are asked has one answer."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.users_of_runtime.ctr import Containerd, Ctr
from tests.integration.users_of_runtime.podman import IMAGE, Podman, eventually
from tests.integration.users_of_runtime.programs import OciRuntime, call, make_image, make_runtime, required
from tests.surroundings import cgroups


@pytest.fixture(scope="session")
def workshop() -> Iterator[Path]:
    """Short, for sockets; open to users."""
    with tempfile.TemporaryDirectory(prefix="pycontainerd-users.", dir="/tmp") as place:
        Path(place).chmod(0o755)
        yield Path(place)
        assert place not in Path("/proc/self/mountinfo").read_text()


@pytest.fixture(scope="session")
def image(workshop: Path) -> Path:
    return make_image(workshop)


@pytest.fixture(params=["pyrunc", "runc"])
def runtime(request: pytest.FixtureRequest, workshop: Path) -> Iterator[OciRuntime]:
    """Nothing is left in its state at the end."""
    required(*(["runc"] if request.param == "runc" else []))
    folder = workshop / "runtimes"
    folder.mkdir(exist_ok=True)
    made = make_runtime(request.param, folder)
    yield made
    # The last of a container is removed by what its monitor begins at its end.
    eventually(lambda: not made.left(), f"{made.left()} are gone from the state of {made.name}")


@pytest.fixture(scope="session")
def store(workshop: Path, image: Path) -> Iterator[Path]:
    """The folder of podman, which has the image in it."""
    required("podman", "conmon")
    folder = workshop / "podman"
    folder.mkdir()
    Podman(folder, OciRuntime("none", Path("/bin/false"), folder))("import", image, IMAGE).ok()
    yield folder
    call("umount", folder / "root/vfs")  # where podman has made a mount of it


@pytest.fixture
def podman(runtime: OciRuntime, store: Path) -> Iterator[Podman]:
    made = Podman(store, runtime)
    try:
        yield made
    finally:
        made.remove_all()
        left = [path for path in _below(made.parent[1:]) if "/libpod-" in path]
        _remove_cgroups(made.parent[1:])
    assert not left, "the runtime left cgroups"


@pytest.fixture(scope="session")
def containerd(workshop: Path, image: Path, store: Path) -> Iterator[Containerd]:
    required("containerd", "ctr")
    folder = workshop / "containerd"
    folder.mkdir()
    archive = folder / "image.oci"
    Podman(store, OciRuntime("none", Path("/bin/false"), folder))(
        "save", "--format=oci-archive", "--output", archive, IMAGE
    ).ok()
    with Containerd(folder) as running:
        running.ctr("images", "import", "--snapshotter=native", archive).ok()
        yield running


@pytest.fixture
def ctr(containerd: Containerd, runtime: OciRuntime) -> Iterator[Ctr]:
    made = Ctr(containerd, runtime)
    try:
        yield made
    finally:
        made.remove_all()
        left = [path for path in _below(made.parent) if path.rpartition("/")[2] != made.parent]
        _remove_cgroups(made.parent)
    assert not left, "the runtime left cgroups"
    assert not made.left()


def _below(parent: str) -> list[str]:
    return [root for top in cgroups(parent) for root, _folders, _files in os.walk(top)]


def _remove_cgroups(parent: str) -> None:
    """podman leaves the parent, and its monitor's, which takes a moment to end."""
    eventually(lambda: not _occupied(parent), f"cgroups below {parent} are empty")
    for path in reversed(_below(parent)):
        os.rmdir(path)


def _occupied(parent: str) -> list[str]:
    return [path for path in _below(parent) if Path(path, "cgroup.procs").read_text()]
