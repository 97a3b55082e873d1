"""The black-box suite of an OCI runtime: `--runtime PATH` names the one to prove it on, pyrunc by default."""

import itertools
import os
import sys
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
    """A test that a runtime lacks the means for must fail on it, with that reason."""
    ours = [item for item in items if item.path.is_relative_to(Path(__file__).parent)]
    if not ours:
        return
    tried = identify(_program(config), Path())
    if tried.kind != "pyrunc":
        hide_cgroup2()
    for item in ours:
        for mark in item.iter_markers("lacks"):
            condition, reason = mark.args
            if concerns(condition, tried):
                item.add_marker(pytest.mark.xfail(strict=True, reason=f"{condition}: {reason}"))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rootfs = tmp_path_factory.mktemp("oci") / "rootfs"
    bundle.make_rootfs(rootfs)
    return rootfs


@pytest.fixture(scope="session")
def runtime_program(pytestconfig: pytest.Config) -> str:
    return _program(pytestconfig)


@pytest.fixture
def runtime(runtime_program: str, tmp_path: Path) -> Iterator[Runtime]:
    found = identify(runtime_program, tmp_path / "state")
    yield found
    found.close()


@pytest.fixture
def rootfs(template: Path, tmp_path: Path) -> Path:
    place = tmp_path / "bundle" / "rootfs"
    bundle.copy_rootfs(template, place)
    return place


@pytest.fixture
def oci(runtime: Runtime, rootfs: Path) -> Iterator[Containers]:
    """Makes containers of one bundle, deletes them, and sees that nothing of them is left."""
    containers = Containers(runtime, rootfs.parent, f"pycontainerd-oci-{os.getpid()}-{next(_NUMBERS)}")
    yield containers
    containers.close()
