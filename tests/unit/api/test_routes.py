"""The route table and openapi.yaml say the same, both ways."""

import re
from pathlib import Path

import yaml

from containerd_py.api.routes import ROUTES

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
