"""Documents for specs: a small one that is valid, changed by JSON path."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from containerd_py.runtime.spec.models import Spec, parse

SMALL: dict[str, Any] = {
    "ociVersion": "1.3.0",
    "root": {"path": "rootfs"},
    "process": {"args": ["/bin/true"], "cwd": "/"},
    "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}, {"type": "uts"}]},
}

MakeDocument = Callable[[dict[str, Any]], dict[str, Any]]
MakeSpec = Callable[[dict[str, Any]], Spec]


@pytest.fixture
def make_document() -> MakeDocument:
    """Return a function that sets values in the small document: {"linux.cgroupsPath": "/a"}."""

    def make(changes: dict[str, Any]) -> dict[str, Any]:
        document = copy.deepcopy(SMALL)
        for path, value in changes.items():
            *parents, name = path.split(".")
            place = document
            for parent in parents:
                place = place.setdefault(parent, {})
            place[name] = value
        return document

    return make


@pytest.fixture
def make_spec(make_document: MakeDocument) -> MakeSpec:
    return lambda changes: parse(make_document(changes))
