"""Tests that run inside of a guest of tests/harness, where the package is installed: see tests/integration/systemd.

Elsewhere nothing of this is collected: these tests stop, kill and shut down what they find.
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from containerd_py.client.sync import SyncClient
from tests.integration.conftest import make_rootfs
from tests.systemd.manager import systemctl

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
