"""The black-box suite of an OCI runtime: `--runtime PATH` names the one to prove it on, pyrunc by default."""

import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oci import bundle
from tests.oci.containers import Containers
from tests.oci.hiding import hide_cgroup2
from tests.oci.runtime import Runtime, concerns, identify

_NUMBERS = itertools.count()


def _program(config: pytest.Config) -> str:
    return str(config.getoption("--runtime") or Path(sys.executable).parent / "pyrunc")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test that a runtime lacks the means for must fail on it, with that reason; run=False where it cannot be tried."""
    ours = [item for item in items if item.path.is_relative_to(Path(__file__).parent)]
    if not ours:
        return
    tried = identify(_program(config))
    if tried.kind != "pyrunc":
        hide_cgroup2()
    for item in ours:
        for mark in item.iter_markers("lacks"):
            condition, reason = mark.args
            if concerns(condition, tried):
                run = mark.kwargs.get("run", True)
                item.add_marker(pytest.mark.xfail(strict=run, run=run, reason=f"{condition}: {reason}"))


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
    return _program(pytestconfig)


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
