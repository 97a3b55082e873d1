"""Limits of the friendly form and of an update."""

from typing import Any

import pytest
from pydantic import ValidationError

from containerd_py.engine.limits import limits_document, resources
from containerd_py.errors import InvalidArgument
from containerd_py.wire import ContainerSpec, ResourcesSpec

_ALL: dict[str, Any] = {
    "pids": 3,
    "memory_bytes": 10,
    "memory_swap_bytes": 20,
    "memory_reservation_bytes": 5,
    "cpus": 0.5,
    "cpu_shares": 7,
    "cpuset_cpus": "0-1",
    "cpuset_mems": "0",
    "blkio_weight": 10,
}
_DOCUMENT = {
    "pids": {"limit": 3},
    "memory": {"limit": 10, "swap": 20, "reservation": 5},
    "cpu": {"quota": 50_000, "period": 100_000, "shares": 7, "cpus": "0-1", "mems": "0"},
    "blockIO": {"weight": 10},
}


def test_each_has_its_place() -> None:
    assert set(_ALL) == set(ResourcesSpec.model_fields)
    asked = ResourcesSpec(**_ALL)
    assert limits_document(asked) == _DOCUMENT
    assert resources(asked).document() == _DOCUMENT


def test_what_is_null_limits_no_new_container() -> None:
    assert resources(ResourcesSpec(**dict.fromkeys(_ALL))).document() == {}


def test_null_lifts_what_can_be_lifted() -> None:
    assert limits_document(None) == {}
    lifted = ResourcesSpec(pids=None, memory_bytes=None, memory_swap_bytes=None, cpus=None, cpu_shares=None)
    assert limits_document(lifted) == {
        "pids": {"limit": -1},
        "memory": {"limit": -1, "swap": -1},
        "cpu": {"quota": -1, "shares": 1024},
    }


@pytest.mark.parametrize("name", ["memory_reservation_bytes", "cpuset_cpus", "cpuset_mems", "blkio_weight"])
def test_what_has_no_value_for_none_is_not_lifted(name: str) -> None:
    with pytest.raises(InvalidArgument, match=rf"cannot lift resources\.{name}"):
        limits_document(ResourcesSpec(**{name: None}))


@pytest.mark.parametrize("name", sorted(name for name, value in _ALL.items() if isinstance(value, int)))
def test_a_number_that_no_document_could_have_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        ResourcesSpec.model_validate({name: 2**63})


def test_labels_are_kept_by_events_and_so_have_an_end() -> None:
    def labelled(length: int) -> ContainerSpec:
        return ContainerSpec(rootfs="/r", args=("/x",), labels={"a": "x" * (length // 2 - 1), "b": "x" * (length // 2 - 1)})

    assert len(labelled(65_536).labels) == 2
    with pytest.raises(ValidationError, match="65538 characters are too many"):
        labelled(65_538)
