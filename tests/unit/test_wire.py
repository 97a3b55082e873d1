"""Requests are strict at the border."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from containerd_py.wire import ContainerSpec, Identifier

SPEC: dict[str, Any] = {"rootfs": "/srv/root", "args": ["/bin/true"]}


def test_the_smallest_spec_has_safe_defaults() -> None:
    spec = ContainerSpec.model_validate(SPEC)
    assert spec.args == ("/bin/true",)
    assert (spec.network, spec.cwd, spec.stdin, spec.terminal) == ("private", "/", False, False)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"args": []}, "args"),
        ({"args": "/bin/true"}, "args"),
        ({"args": ["a\0b"]}, "args"),
        ({"args": [1]}, "args"),
        ({"rootfs": "relative"}, "rootfs"),
        ({"rootfs": "/a\0b"}, "rootfs"),
        ({"terminal": "yes"}, "terminal"),
        ({"terminal": 1}, "terminal"),
        ({"env": {"A": 1}}, "env"),
        ({"name": "a\n"}, "name"),
        ({"network": "bridge"}, "network"),
        ({"resources": {"pids": True}}, "resources"),
        ({"resources": {"pids": 0}}, "resources"),
        ({"resources": {"cpus": float("nan")}}, "resources"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_field_is_refused_and_named(change: dict[str, Any], where: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ContainerSpec.model_validate(SPEC | change)
    assert {error["loc"][0] for error in caught.value.errors()} == {where}


@pytest.mark.parametrize("value", ["a", "A1_.+-z", "x" * 128])
def test_identifiers(value: str) -> None:
    assert TypeAdapter(Identifier).validate_python(value) == value


@pytest.mark.parametrize("value", ["", ".", "..", "a..b", "-a", "a/b", "abc\n", "ä", "x" * 129, "a b"])
def test_refused_identifiers(value: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Identifier).validate_python(value)
