"""Documents of callers are read as the specification asks ("Extensibility"), and as Go's runtimes do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from containerd_py.cli.oci.bundle import ignoring, read_spec
from containerd_py.errors import InvalidArgument
from containerd_py.runtime.spec.models import parse
from containerd_py.runtime.spec.resources import parse_resources
from tests.unit.cli.oci.conftest import DOCUMENT

if TYPE_CHECKING:
    from pathlib import Path


def written(bundle: Path, changes: dict[str, Any]) -> str:
    (bundle / "config.json").write_text(json.dumps(DOCUMENT | changes))
    return str(bundle)


def test_what_the_specification_does_not_have_is_ignored_and_told(bundle: Path) -> None:
    told: list[str] = []
    changes = {"noSuch": 1, "linux": {"newer": {"a": []}, "namespaces": [{"type": "mount", "x": 1}]}}
    spec = read_spec(written(bundle, changes), warn=told.append)
    assert [namespace.type for namespace in spec.linux.namespaces] == ["mount"]
    assert len(told) == 1
    assert all(name in told[0] for name in ("config.json", "noSuch", "linux.newer", "linux.namespaces.0.x"))


def test_names_may_differ_in_case_and_the_exact_one_counts(bundle: Path) -> None:
    limits = [{"pagesize": "2MB", "Limit": 5, "limit": 7}]
    changes = {"HostName": "h", "linux": {"resources": {"hugepageLimits": limits}}}
    spec = read_spec(written(bundle, changes), warn=pytest.fail)
    assert spec.hostname == "h"
    assert spec.linux.resources
    assert [(each.page_size, each.limit) for each in spec.linux.resources.hugepage_limits] == [("2MB", 7)]


def test_null_is_as_good_as_absent(bundle: Path) -> None:
    spec = read_spec(written(bundle, {"mounts": None, "hooks": None, "linux": {"devices": None}}), warn=pytest.fail)
    assert spec.mounts == ()
    assert "mounts" not in spec.document()


def test_capabilities_that_are_none_are_left_out_and_told(bundle: Path) -> None:
    told: list[str] = []
    capabilities = {"bounding": ["CAP_KILL", "CAP_UNKNOWN"], "effective": []}
    spec = read_spec(written(bundle, {"process": {"args": ["x"], "capabilities": capabilities}}), warn=told.append)
    assert spec.process
    assert spec.process.capabilities
    assert spec.process.capabilities.bounding == ("CAP_KILL",)
    assert told == [
        "ignoring unknown or unavailable capabilities: [CAP_UNKNOWN]",
        "ignored in config.json: unknown capability 'CAP_UNKNOWN' of process.capabilities.bounding",
    ]


def test_parts_are_read_likewise() -> None:
    told: list[str] = []
    with ignoring("resources", told.append) as ignored:
        read = parse_resources({"PIDs": {"limit": 5}, "x": 1}, ignored=ignored)
    assert read.pids
    assert read.pids.limit == 5
    assert told == ["ignored in resources: unknown property x"]


def test_others_are_told_of_mistakes() -> None:
    """Who talks to the daemon has made the document, and is told (SECURITY R19)."""
    with pytest.raises(InvalidArgument, match="noSuch"):
        parse(DOCUMENT | {"noSuch": 1})
