"""The route table and openapi.yaml say the same, both ways."""

import re
from pathlib import Path

import pytest
import yaml

from containerd_py.api.routes import ROUTES, Effect, Route

_METHODS = {"get", "put", "post", "delete", "patch", "head", "options", "trace"}
_DOCUMENT = yaml.safe_load((Path(__file__).parents[3] / "openapi.yaml").read_text(encoding="utf-8"))


def documented() -> set[tuple[str, str, str]]:
    return {
        (method.upper(), path, operation["operationId"])
        for path, item in _DOCUMENT["paths"].items()
        for method, operation in item.items()
        if method in _METHODS
    }


def served() -> set[tuple[str, str, str]]:
    return {(route.method, route.path, route.operation) for route in ROUTES}


def test_every_route_is_documented() -> None:
    assert served() - documented() == set()


def test_everything_documented_is_served() -> None:
    assert documented() - served() == set()


def test_no_route_and_no_operation_is_there_twice() -> None:
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)
    assert len({route.operation for route in ROUTES}) == len(ROUTES)


def test_each_route_has_a_handler_of_its_own() -> None:
    assert len({route.handler for route in ROUTES}) == len(ROUTES)


def test_placeholders_are_declared() -> None:
    for path, item in _DOCUMENT["paths"].items():
        names = set()
        for parameter in item.get("parameters", []):
            found = parameter
            if "$ref" in parameter:
                found = _DOCUMENT["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
            if found["in"] == "path":
                names.add(found["name"])
        assert names == set(re.findall(r"\{(\w+)\}", path)), path


_READING = {
    *("ping", "version", "info", "declared", "doctor", "metrics", "list_containers", "inspect_container", "wait_container"),
    *("container_logs", "container_stats", "container_top", "stats", "container_timeline"),
    *("diff_container", "declared"),
    *("list_execs", "inspect_exec", "wait_exec", "exec_logs", "events"),
    *("list_operations", "inspect_operation", "wait_operation"),
}


def test_every_route_tells_what_it_does() -> None:
    """A read-only socket lets through what is here and nothing else: look twice before a line is added."""
    assert {route.effect for route in ROUTES} == set(Effect)
    assert all(isinstance(route.effect, Effect) for route in ROUTES)
    assert {route.operation for route in ROUTES if route.effect is Effect.READS} == _READING


def test_a_route_cannot_be_made_without_telling_it() -> None:
    with pytest.raises(TypeError, match=r"lacks .*effect"):
        Route()  # type: ignore[call-arg]  # that is the question


def test_only_a_get_or_a_wait_reads() -> None:
    for route in ROUTES:
        if route.effect is Effect.READS and route.method != "GET":
            assert route.path.endswith("/wait"), route.operation
