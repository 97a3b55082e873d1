"""Attacks, by the command line of an OCI runtime (`--runtime PATH`): the containers are those of tests/oci.

Those upon the daemon are in `daemon/`, and are run on ours alone.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.oci.conftest import null_is_roots, oci, place, program, rootfs, runtime, runtime_program, template, workshop
from tests.oci.lacking import expect_failures
from tests.security.programs import build

__all__ = ["null_is_roots", "oci", "place", "rootfs", "runtime", "runtime_program", "template", "workshop"]

_FULL_S = 1800
Attack = Callable[[str, Path], Path]
Often = Callable[[int, int], int]
SENTINEL = "of the host"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if ours := [item for item in items if item.path.is_relative_to(Path(__file__).parent)]:
        expect_failures(ours, program(config))
        for item in ours if config.getoption("--full") else ():
            item.add_marker(pytest.mark.timeout(_FULL_S))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if collection_path == Path(__file__).parent / "daemon" and config.getoption("--runtime") else None


@pytest.fixture
def often(pytestconfig: pytest.Config) -> Often:
    """often(sample, whole): how often an attack is repeated: `whole` with --full."""
    full = bool(pytestconfig.getoption("--full"))
    return lambda sample, whole: whole if full else sample


@pytest.fixture(scope="session")
def attack(tmp_path_factory: pytest.TempPathFactory) -> Attack:
    """attack(name, place): put an attacker's program, compiled once for the test run, to that path; return the path."""
    built: dict[str, Path] = {}
    folder = tmp_path_factory.mktemp("programs")

    def put(name: str, place: Path) -> Path:
        if name not in built:
            built[name] = build(name, folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        return Path(shutil.copy(built[name], place))

    return put


def untouched(outside: Path) -> None:
    """Nothing was written into the host's directory."""
    assert sorted(path.name for path in outside.iterdir()) == ["sentinel"]
    assert (outside / "sentinel").read_text() == SENTINEL


@pytest.fixture
def outside(place: Path) -> Iterator[Path]:
    """A directory of the host's in which nothing may be written, and from which nothing may be read in a container."""
    made = place / "outside"
    made.mkdir()
    (made / "sentinel").write_text(SENTINEL)
    yield made
    untouched(made)
