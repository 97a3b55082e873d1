"""Rooms: a cgroup of one's own, on the host as it is and, where that has both, as if it had cgroup v1 alone."""

import itertools
import os
from collections.abc import Iterator

import pytest

from containerd_py.light.dataclasses import replace
from containerd_py.runtime.cgroups import layout
from containerd_py.runtime.cgroups.layout import Layout
from containerd_py.runtime.cgroups.manager import CgroupManager
from tests.integration.cgroups.members import Room

_NUMBERS = itertools.count()

HOST = layout.probe()
LAYOUTS = {"host": HOST}
if HOST.v1 and HOST.v2:
    LAYOUTS["v1"] = replace(HOST, v2=None, v2_controllers=())


@pytest.fixture(params=LAYOUTS)
def host(request: pytest.FixtureRequest) -> Layout:
    return LAYOUTS[str(request.param)]


@pytest.fixture
def room(host: Layout) -> Iterator[Room]:
    with Room(CgroupManager(host), f"/pycontainerd-test-{os.getpid()}/{next(_NUMBERS)}") as room:
        yield room
