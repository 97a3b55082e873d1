"""openapi.yaml is valid, says what containerd_py.wire says, and its examples hold. Its routes are compared elsewhere."""

from __future__ import annotations

import inspect
import json
import os
from typing import TYPE_CHECKING, Any, get_args

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import TypeAdapter, ValidationError

from containerd_py import wire
from containerd_py.errors import ContainerdError

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE = os.path.dirname(os.path.abspath(__file__))
_PATH = os.path.normpath(os.path.join(_HERE, "..", "..", "..", "openapi.yaml"))
with open(_PATH, encoding="utf-8") as _file:
    _TEXT = _file.read()
_DOCUMENT: dict[str, Any] = yaml.safe_load(_TEXT)
_SCHEMAS: dict[str, Any] = _DOCUMENT["components"]["schemas"]

_MODELS: dict[str, type[wire.Wire]] = {
    name: model for name, model in inspect.getmembers(wire, inspect.isclass) if issubclass(model, wire.Wire)
}

# ── what the two are not to agree about ──

_NOT_ON_THE_WIRE = {"Wire", "Common", "Isolation"}
"""Base classes: nothing of this type is sent."""

_NO_MODEL = {
    "ErrorKind": "a str in wire, so that a client can read the errors of a newer daemon",
    "EventType": "a str in wire, for the same reason",
    "Timestamp": "a str in wire",
    "AttachStatus": "a message of the WebSocket",
    "TerminalSize": "a message of the WebSocket",
}
_ALIASES: dict[str, Any] = {
    "Identifier": wire.Identifier,
    "Text": wire.Text,
    "AbsolutePath": wire.AbsolutePath,
    "Status": wire.Status,
    "Reason": wire.Reason,
    "ExecStatus": wire.ExecStatus,
    "LogDriver": wire.LogDriver,
    "Stream": wire.Stream,
    "Signal": wire.Signal,
    "RestartPolicy": wire.RestartPolicy,
    "Network": wire.Network,
    "NamespaceMode": wire.NamespaceMode,
    "Confinement": wire.Confinement,
    "CpuList": wire.CpuList,
    "OperationAction": wire.OperationAction,
    "OperationStatus": wire.OperationStatus,
    "Address": wire.Address,
    "UrlPath": wire.UrlPath,
    "HealthStatus": wire.HealthStatus,
    "HealthAction": wire.HealthAction,
    "CheckStatus": wire.CheckStatus,
    "CreateRequest": wire.CreateRequest,
}
"""Types of wire that are no models and have a schema of the same name."""

_NARROWED = {"ErrorKind", "EventType", "Timestamp"}
"""Schemas that say more than wire's str."""

_LEFT_OUT_WHEN_NONE = {"ErrorBody": {"step", "errno", "hint"}}
"""Keys of answers that are not always there, and never null."""

_SMALLEST: dict[str, dict[str, Any]] = {
    "ContainerSpec": {"rootfs": "/srv/root", "args": ["/bin/true"]},
    "BundleSpec": {"bundle": "/srv/bundle"},
    "OciSpec": {"oci": {}},
    "ExecSpec": {"args": ["/bin/true"]},
    "LogSpec": {},
    "HealthSpec": {"exec": ["/bin/true"]},
    "TcpCheck": {"port": 80},
    "HttpCheck": {"port": 80},
    "MountSpec": {"target": "/mnt"},
    "ResourcesSpec": {},
    "DeviceSpec": {"path": "/dev/fuse"},
    "Ulimit": {"soft": 1, "hard": 2},
    "UpdateRequest": {},
}
"""The models of requests, each with the least that it takes; all others are answers."""

_STATUSES = {
    "400": "invalid_argument",
    "403": "forbidden",
    "404": "not_found",
    "405": "invalid_argument",
    "409": "conflict",
    "413": "invalid_argument",
    "422": "not_supported",
    "500": "internal",
    "503": "unavailable",
    "504": "deadline_exceeded",
    "507": "out_of_space",
}

_models = pytest.mark.parametrize("name", sorted(set(_MODELS) - _NOT_ON_THE_WIRE))
_requests = pytest.mark.parametrize("name", sorted(_SMALLEST))
_aliases = pytest.mark.parametrize("name", sorted(set(_ALIASES) - {"CreateRequest"}))


# ── the document by itself ──


def test_it_is_openapi() -> None:
    assert _DOCUMENT["openapi"] == "3.1.0"
    assert [error.message for error in OpenAPIV31SpecValidator(_DOCUMENT).iter_errors()] == []


def test_no_key_is_written_twice() -> None:
    """PyYAML lets the last one win."""
    root = yaml.compose(_TEXT, Loader=yaml.SafeLoader)
    assert root is not None
    assert list(_duplicate_keys(root)) == []


def test_every_component_is_used() -> None:
    used = {node["$ref"] for node in _nodes(_DOCUMENT) if isinstance(node.get("$ref"), str)}
    there = {f"#/components/{kind}/{name}" for kind, named in _DOCUMENT["components"].items() for name in named}
    messages = {"#/components/schemas/AttachStatus", "#/components/schemas/TerminalSize"}
    assert there - used == messages
    assert used <= there


def test_everything_is_described() -> None:
    parameters = [(path, _resolved(one)) for path, item in _DOCUMENT["paths"].items() for one in _parameters_of(item)]
    bare = [one["operationId"] for one in _operations() if not one.get("description") or not one["tags"]]
    bare += [f"{path} {one['name']}" for path, one in parameters if not one.get("description")]
    bare += [name for name, schema in _SCHEMAS.items() if not schema.get("description")]
    assert bare == []


def test_every_tag_is_told_of_and_used() -> None:
    assert {tag["name"] for tag in _DOCUMENT["tags"]} == {tag for one in _operations() for tag in one["tags"]}


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for operation in _operations()]
    assert len(ids) == len(set(ids))


def test_the_types_of_events_are_those_of_wire() -> None:
    parameters = _DOCUMENT["paths"]["/v1/events"]["get"]["parameters"]
    (asked,) = (one["schema"]["items"]["enum"] for one in parameters if one["name"] == "type")
    assert tuple(asked) == wire.EVENT_TYPES
    assert set(_SCHEMAS["EventType"]["enum"]) == {*wire.EVENT_TYPES, "gap"}


# ── the document and the wire models ──


def test_every_schema_has_a_type_and_every_model_a_schema() -> None:
    assert set(_SCHEMAS) - set(_NO_MODEL) - set(_ALIASES) == set(_MODELS) - _NOT_ON_THE_WIRE
    assert set(_NO_MODEL) | set(_ALIASES) <= set(_SCHEMAS)


@_models
def test_properties_have_the_same_names(name: str) -> None:
    assert set(_SCHEMAS[name]["properties"]) == set(_MODELS[name].model_fields)
    assert _SCHEMAS[name]["additionalProperties"] is False


@_models
def test_the_same_properties_are_required(name: str) -> None:
    fields = _MODELS[name].model_fields
    if name in _SMALLEST:
        required = {key for key, field in fields.items() if field.is_required()}
    else:
        required = set(fields) - _LEFT_OUT_WHEN_NONE.get(name, set())
    assert set(_SCHEMAS[name].get("required", [])) == required


@_models
def test_the_same_properties_are_nullable(name: str) -> None:
    nullable = {key for key, field in _MODELS[name].model_fields.items() if type(None) in get_args(field.annotation)}
    document = {key for key, schema in _SCHEMAS[name]["properties"].items() if _allows(schema, None)}
    assert document == nullable - _LEFT_OUT_WHEN_NONE.get(name, set())


@_models
def test_properties_have_the_same_types_and_limits(name: str) -> None:
    generated = _MODELS[name].model_json_schema()
    expected = {key: _shape(schema, generated) for key, schema in generated["properties"].items()}
    for key in _LEFT_OUT_WHEN_NONE.get(name, ()):
        expected[key]["types"].discard("null")
    assert {key: _shape(schema, _DOCUMENT) for key, schema in _SCHEMAS[name]["properties"].items()} == expected


@_aliases
def test_values_have_the_same_limits(name: str) -> None:
    generated = TypeAdapter(_ALIASES[name]).json_schema()
    assert _shape(_SCHEMAS[name], _DOCUMENT) == _shape(generated, generated)


@_requests
def test_defaults_are_the_same(name: str) -> None:
    """A default that the document does not tell is null. What one of several must be given has none to be tried."""
    for key, field in _MODELS[name].model_fields.items():
        if not field.is_required() and key not in _SMALLEST[name]:
            default = _SCHEMAS[name]["properties"][key].get("default")
            model = _MODELS[name].model_validate_json(json.dumps(_SMALLEST[name] | {key: default}))
            assert getattr(model, key) == field.get_default(call_default_factory=True), key


def test_creation_has_the_same_forms() -> None:
    forms = {entry["$ref"].rpartition("/")[2] for entry in _SCHEMAS["CreateRequest"]["oneOf"]}
    assert forms == {model.__name__ for model in get_args(wire.CreateRequest)}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"rootfs": "/a", "args": ["b"], "bundle": "/c"},
        {"rootfs": "/a", "args": ["b"], "colour": "red"},
        {"rootfs": "/a", "args": []},
        {"rootfs": "/a", "args": [1]},
        {"rootfs": "a", "args": ["b"]},
        {"rootfs": "/a", "args": ["b\0"]},
        {"rootfs": "/a", "args": ["b"], "id": None, "user": None},
        {"rootfs": "/a", "args": ["b"], "id": "a..b"},
        {"rootfs": "/a", "args": ["b"], "name": "-a"},
        {"rootfs": "/a", "args": ["b"], "terminal": 1},
        {"rootfs": "/a", "args": ["b"], "env": {"A": 1}},
        {"rootfs": "/a", "args": ["b"], "env": {"A": "1"}},
        {"rootfs": "/a", "args": ["b"], "labels": None},
        {"rootfs": "/a", "args": ["b"], "network": "bridge"},
        {"rootfs": "/a", "args": ["b"], "mounts": [{"source": "/a"}]},
        {"rootfs": "/a", "args": ["b"], "mounts": [{"target": "/a", "options": ["ro"]}]},
        {"rootfs": "/a", "args": ["b"], "resources": None},
        {"rootfs": "/a", "args": ["b"], "resources": {"pids": 0}},
        {"rootfs": "/a", "args": ["b"], "resources": {"pids": 4_194_305}},
        {"rootfs": "/a", "args": ["b"], "resources": {"pids": 1, "cpus": 0.5, "memory_bytes": None}},
        {"rootfs": "/a", "args": ["b"], "resources": {"cpus": 0}},
        {"rootfs": "/a", "args": ["b"], "resources": {"cpus": 1e308}},
        {"rootfs": "/" + "a" * 4095, "args": ["b"]},
        {"rootfs": "/a", "args": ["b"], "health": {}},
        {"rootfs": "/a", "args": ["b"], "health": {"exec": []}},
        {"rootfs": "/a", "args": ["b"], "health": {"exec": ["a"], "tcp": {"port": 1}}},
        {"rootfs": "/a", "args": ["b"], "health": {"exec": ["a"], "tcp": None, "retries": 2}},
        {"rootfs": "/a", "args": ["b"], "health": {"tcp": {"port": 0}}},
        {"rootfs": "/a", "args": ["b"], "health": {"http": {"port": 80, "path": "index"}}},
        {"rootfs": "/a", "args": ["b"], "health": {"http": {"port": 80}, "interval_s": 0}},
        {"bundle": "/a", "health": {"tcp": {"port": 80, "host": "::1"}, "on_failure": "kill"}},
        {"bundle": "/a"},
        {"bundle": "a"},
        {"bundle": "/a", "args": ["b"]},
        {"oci": {"anything": [1]}},
        {"oci": []},
    ],
    ids=str,
)
def test_both_judge_a_request_alike(body: dict[str, Any]) -> None:
    assert _allows(_SCHEMAS["CreateRequest"], body) == _reads(wire.CreateRequest, body)


# ── errors ──


def test_the_kinds_of_errors_are_those_of_the_code() -> None:
    assert set(_SCHEMAS["ErrorKind"]["enum"]) == {error.kind for error in ContainerdError.__subclasses__()}


def test_errors_stand_under_the_status_of_their_kind() -> None:
    for operation in _operations():
        for status, response in operation["responses"].items():
            if status >= "400":
                examples = _resolved(response)["content"]["application/json"]["examples"].values()
                kinds = {example["value"]["kind"] for example in examples}
                assert kinds == {_STATUSES[status]}, f"{operation['operationId']} {status}"


# ── examples ──


def test_examples_hold() -> None:
    wrong = [
        f"{value!r}: {error.message}" for schema, value in _examples() for error in _validator(schema).iter_errors(value)
    ]
    assert wrong == []


def test_examples_are_read_by_the_wire_models() -> None:
    for schema, value in _examples():
        name = schema.get("$ref", "").rpartition("/")[2]
        if name in _MODELS or name in _ALIASES:
            assert _reads(_MODELS.get(name) or _ALIASES[name], value), value


def test_all_that_is_sent_has_an_example() -> None:
    carriers = [node for node in _nodes(_DOCUMENT) if "schema" in node]
    assert len(carriers) > len(_DOCUMENT["paths"])
    assert [node for node in carriers if not node.get("examples")] == []


def test_lines_of_events_are_events() -> None:
    stream = _DOCUMENT["paths"]["/v1/events"]["get"]["responses"]["200"]["content"]["application/x-ndjson"]
    lines = [line for example in stream["examples"].values() for line in example["value"].splitlines()]
    assert {json.loads(line)["type"] for line in lines} > {"container.created", "gap"}
    for line in lines:
        _validator(stream["x-itemSchema"]).validate(json.loads(line))
        wire.Event.model_validate_json(line)


# ── reading the document ──


def _operations() -> Iterator[dict[str, Any]]:
    for path in _DOCUMENT["paths"].values():
        yield from (operation for method, operation in path.items() if method != "parameters")


def _parameters_of(path: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from path.get("parameters", ())
    yield from (
        one for method, operation in path.items() if method != "parameters" for one in operation.get("parameters", ())
    )


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of the document that is no value of an example."""
    if isinstance(value, dict):
        yield value
        for key, item in value.items():
            if key != "examples":
                yield from _nodes(item)
    elif isinstance(value, list):
        for item in value:
            yield from _nodes(item)


def _examples() -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield each example with its schema: of bodies, parameters and headers, and within schemas, where defaults count."""
    for node in _nodes(_DOCUMENT):
        if "default" in node:
            yield node, node["default"]
        examples = node.get("examples", ())
        if isinstance(examples, dict):
            yield from ((node["schema"], example["value"]) for example in examples.values())
        else:
            yield from ((node, value) for value in examples)


def _duplicate_keys(node: yaml.Node) -> Iterator[str]:
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _value in node.value]
        yield from (f"{key!r} {node.start_mark}" for key in set(keys) if keys.count(key) > 1)
        for _key, value in node.value:
            yield from _duplicate_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _duplicate_keys(value)


def _resolved(node: dict[str, Any], root: dict[str, Any] = _DOCUMENT) -> dict[str, Any]:
    """Follow a reference within its document; what stands beside it is kept."""
    while "$ref" in node:
        target: Any = root
        for key in node["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        node = target | {key: value for key, value in node.items() if key != "$ref"}
    return node


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema | {"components": _DOCUMENT["components"]})


def _allows(schema: dict[str, Any], value: Any) -> bool:
    return _validator(schema).is_valid(value)


def _reads(kind: Any, value: Any) -> bool:
    try:
        TypeAdapter(kind).validate_json(json.dumps(value))
    except ValidationError:
        return False
    return True


# ── comparing schemas ──

_SAYS_NOTHING = {"$defs", "$ref", "additionalProperties", "anyOf", "default", "description", "enum", "examples", "items"}
_SAYS_NOTHING |= {"not", "patternProperties", "properties", "propertyNames", "required", "title", "type"}
"""Words that are annotations, or that `_shape` puts in its own; `not` (no ".." in an Identifier) is a function in wire."""


def _shape(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """Return what a schema demands, in one way of writing: pydantic's and the document's are different.

    A model within a model is only named.
    """
    name = schema.get("$ref", "").rpartition("/")[2]
    if name in _MODELS:
        return {"types": {"object"}, "model": name}
    if name in _NARROWED:
        return {"types": {"string"}}
    schema = _resolved(schema, root)
    if "anyOf" in schema:
        return _union([_shape(choice, root) for choice in schema["anyOf"]])
    shape = {key: value for key, value in schema.items() if key not in _SAYS_NOTHING}
    shape["types"] = {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
    if "enum" in schema:
        shape["enum"] = set(schema["enum"])
    if "items" in schema:
        shape["items"] = _shape(schema["items"], root)
    return shape | _mapping(schema, root)


def _union(shapes: list[dict[str, Any]]) -> dict[str, Any]:
    """Only "something or null" is in use; the two are one shape then."""
    merged = {key: value for shape in shapes for key, value in shape.items()}
    return merged | {"types": set[str]().union(*(shape["types"] for shape in shapes))}


def _mapping(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """pydantic writes a limit on keys as patternProperties, and says nothing of a key that does not match."""
    shape: dict[str, Any] = {}
    values = schema.get("additionalProperties", True)
    if isinstance(values, dict):
        shape["values"] = _shape(values, root)
    for pattern, value in schema.get("patternProperties", {}).items():
        shape |= {"keys": {"types": {"string"}, "pattern": pattern}, "values": _shape(value, root)}
    if "propertyNames" in schema:
        shape["keys"] = _shape({"type": "string"} | schema["propertyNames"], root)
    return shape
