"""The black-box suite of an OCI runtime: `--runtime PATH` names the one to prove it on, pyrunc by default."""

import itertools
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oci import bundle
from tests.oci.containers import Containers
from tests.oci.lacking import expect_failures
from tests.oci.runtime import Runtime, identify

_NUMBERS = itertools.count()


def program(config: pytest.Config) -> str:
    return str(config.getoption("--runtime") or Path(sys.executable).parent / "pyrunc")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each suite of the command line, this and tests/security, tells which of its tests the runtime must fail."""
    if ours := [item for item in items if item.path.is_relative_to(Path(__file__).parent)]:
        expect_failures(ours, program(config))


@pytest.fixture(autouse=True)
def null_is_roots() -> Iterator[None]:
    """No runtime has given the host's /dev/null, its input or output, to a container's user."""
    yield
    null = Path("/dev/null").stat()
    told = f"{null.st_uid}:{null.st_gid} {stat.filemode(null.st_mode)}"
    assert told == "0:0 crw-rw-rw-", f"/dev/null is no longer root's and everybody's: {told}"


@pytest.fixture(scope="session")
def workshop() -> Iterator[Path]:
    """A directory for all bundles, which the users of user namespaces may enter, as pytest's own they may not."""
    with tempfile.TemporaryDirectory(prefix="pycontainerd-oci.", dir="/tmp") as place:
        Path(place).chmod(0o755)
        yield Path(place)


@pytest.fixture(scope="session")
def template(workshop: Path) -> Path:
    rootfs = workshop / "rootfs"
    bundle.make_rootfs(rootfs)
    return rootfs


@pytest.fixture
def place(workshop: Path) -> Iterator[Path]:
    """A test's own directory; its path is short enough for a socket."""
    made = workshop / str(next(_NUMBERS))
    made.mkdir()
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="session")
def runtime_program(pytestconfig: pytest.Config) -> str:
    return program(pytestconfig)


@pytest.fixture
def runtime(runtime_program: str, place: Path) -> Iterator[Runtime]:
    found = identify(runtime_program, place / "state")
    yield found
    found.close()


@pytest.fixture
def rootfs(template: Path, place: Path) -> Path:
    made = place / "bundle" / "rootfs"
    bundle.copy_rootfs(template, made)
    return made


@pytest.fixture
def oci(runtime: Runtime, rootfs: Path) -> Iterator[Containers]:
    """Makes containers of one bundle, deletes them, and sees that nothing of them is left."""
    containers = Containers(runtime, rootfs.parent, f"pycontainerd-oci-{os.getpid()}-{next(_NUMBERS)}")
    yield containers
    containers.close()
