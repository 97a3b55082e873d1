"""Tests that run inside of a guest of tests/harness, where the package is installed: see tests/integration/systemd.

Elsewhere nothing of this is collected: these tests stop, kill and shut down what they find.
"""

import itertools
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from containerd_py.client.sync import SyncClient
from tests.integration.conftest import make_rootfs
from tests.systemd.manager import systemctl
from tests.systemd.runtime import Bundle, nothing_left

_NUMBERS = itertools.count()
GUEST = os.environ.get("PYCONTAINERD_GUEST")
if GUEST is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(autouse=True)
def settled() -> Iterator[None]:
    """After each test the service runs, no unit of ours has failed, and no container is left."""
    yield
    systemctl("start", "pycontainerd.service")
    with SyncClient() as client:
        left = [one.id for one in client.containers()]
        for container in left:
            client.delete(container, force=True)
    failed = json.loads(systemctl("list-units", "--failed", "--output=json", "pycontainerd*"))
    assert not failed, f"units have failed: {failed}"
    assert not left, "the test left containers"


@pytest.fixture(scope="session")
def root() -> Path:
    """A root file system, on a tmpfs of its own: an overlay cannot lie on the guest's."""
    folder = Path("/scratch", f"root{time.monotonic_ns()}")
    folder.mkdir()
    return make_rootfs(folder)


@pytest.fixture
def box(root: Path) -> Iterator[Bundle]:
    """A container's bundle; nothing is left of what was done with it."""
    number = next(_NUMBERS)
    folder = Path("/scratch", f"bundle{number}")
    folder.mkdir()
    bundle = Bundle(folder, root, f"box{number}")
    bundle.configure("/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
    with nothing_left(f"*box{number}*"):
        yield bundle
        bundle.delete()
