"""The page of the HTTP API, from openapi.yaml."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "openapi.yaml")
_METHODS = ("get", "post", "put", "delete", "patch")
_LONGEST_EXAMPLE = 90
_HEAD = """# HTTP API

This page is made of [openapi.yaml](openapi.yaml), which is the contract: tests hold every answer of the daemon against it.
[Streams, events, errors](api.md) tells how the pieces work together,
[Use curl alone](../how-to/curl.md) shows them at work.

"""


def markdown() -> str:
    with open(_PATH, encoding="utf-8") as file:
        return _Writer(yaml.safe_load(file)).page()


class _Writer:
    """Writes the parts of one document, which refer to each other."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def page(self) -> str:
        operations = list(self._operations())
        parts = [_HEAD, _paragraphs(self._document["info"]["description"]), "\n", _overview(operations)]
        for tag in self._document["tags"]:
            parts.append(f"\n## {tag['name'].capitalize()}\n\n{tag['description']}\n")
            parts += [self._operation(*one) for one in operations if one[2]["tags"][0] == tag["name"]]
        parts.append("\n## Schemas\n\nThe objects of bodies and answers.\n")
        parts += [self._schema(name, schema) for name, schema in self._document["components"]["schemas"].items()]
        return "".join(parts)

    def _operations(self) -> Iterator[tuple[str, str, dict[str, Any], list[Any]]]:
        for path, item in self._document["paths"].items():
            for method in _METHODS:
                if method in item:
                    own = item[method]
                    yield method.upper(), path, own, [*item.get("parameters", []), *own.get("parameters", [])]

    def _operation(self, method: str, path: str, operation: dict[str, Any], parameters: list[Any]) -> str:
        parts = [f"\n### {operation['summary']} {{#{operation['operationId']}}}\n\n", f"`{method} {path}`\n"]
        if "description" in operation:
            parts.append("\n" + _paragraphs(operation["description"]))
        if parameters:
            parts.append("\n| parameter | in | | type |\n|---|---|---|---|\n")
            parts += [self._parameter(self._resolved(one)) for one in parameters]
        if "requestBody" in operation:
            parts.append(self._body(self._resolved(operation["requestBody"])))
        parts.append("\n| status | |\n|---|---|\n")
        answers = {status: self._resolved(answer) for status, answer in operation["responses"].items()}
        parts += [self._answer(status, answer) for status, answer in answers.items() if status < "400"]
        parts.append(_errors([status for status in answers if status >= "400"]))
        for answer in answers.values():
            parts.append(self._examples(answer) if answer is answers[min(answers)] else "")
        return "".join(parts)

    def _parameter(self, one: dict[str, Any]) -> str:
        needed = " (required)" if one.get("required") and one["in"] != "path" else ""
        text = _cell(one.get("description", "")) + needed
        return f"| `{one['name']}` | {one['in']} | {text} | {self._type(one['schema'])} |\n"

    def _body(self, body: dict[str, Any]) -> str:
        parts = ["\n**Body.** ", _line(body.get("description", ""))]
        for kind, content in body["content"].items():
            parts.append(f" `{kind}`" + (f": {self._type(content['schema'])}" if "schema" in content else ""))
        return "".join(parts) + "\n" + self._examples(body)

    def _answer(self, status: str, answer: dict[str, Any]) -> str:
        shapes = []
        for kind, content in answer.get("content", {}).items():
            schema = content.get("x-itemSchema") or content.get("schema")
            shapes.append(f"`{kind}`" + (f", {self._type(schema)}" if schema else ""))
        return f"| {status} | {_cell(answer['description'])} {'; '.join(shapes)} |\n"

    def _examples(self, carrier: dict[str, Any]) -> str:
        parts = []
        for content in carrier.get("content", {}).values():
            for name, example in content.get("examples", {}).items():
                value = example["value"]
                text = value.rstrip("\n") if isinstance(value, str) else _json(value)
                language = "json" if not isinstance(value, str) else "text"
                title = example.get("summary", name)
                parts.append(f'\n```{language} title="{title}"\n{text}\n```\n')
        return "".join(parts)

    def _schema(self, name: str, schema: dict[str, Any]) -> str:
        parts = [f"\n### {name} {{#{name.lower()}}}\n\n"]
        if "description" in schema:
            parts.append(_paragraphs(schema["description"]) + "\n")
        if "properties" not in schema:
            return "".join([*parts, f"{self._type(schema)}\n"])
        required = schema.get("required", [])
        parts.append("| key | type | |\n|---|---|---|\n")
        for key, value in schema["properties"].items():
            shown = key if key in required else f"{key}?"
            default = f" Default: `{json.dumps(value['default'])}`." if "default" in value else ""
            text = _cell(self._described(value)) + default
            parts.append(f"| `{shown}` | {self._type(value)} | {text} |\n")
        return "".join(parts)

    def _described(self, schema: dict[str, Any]) -> str:
        return str(schema.get("description", ""))

    def _type(self, schema: dict[str, Any]) -> str:
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return f"[{name}](#{name.lower()})"
        for word in ("oneOf", "anyOf"):
            if word in schema:
                return " or ".join(self._type(choice) for choice in schema[word])
        if "const" in schema:
            return _code(schema["const"])
        if "enum" in schema:
            return ", ".join(_code(value) for value in schema["enum"])
        kinds = schema.get("type", "any")
        names = [kinds] if isinstance(kinds, str) else kinds
        return " or ".join(self._named(kind, schema) for kind in names) + _bounds(schema)

    def _named(self, kind: str, schema: dict[str, Any]) -> str:
        if kind == "array" and "items" in schema:
            return f"array of {self._type(schema['items'])}"
        if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            return f"object of {self._type(schema['additionalProperties'])}"
        return kind

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            target: Any = self._document
            for key in node["$ref"].removeprefix("#/").split("/"):
                target = target[key]
            node = target
        return node


def _overview(operations: list[tuple[str, str, dict[str, Any], list[Any]]]) -> str:
    rows = [
        f"| <code>{method} {_breakable(path)}</code> | [{one['summary']}](#{one['operationId']}) |\n"
        for method, path, one, _ in operations
    ]
    return "".join(["\n## Routes\n\n| route | |\n|---|---|\n", *rows])


def _breakable(path: str) -> str:
    """For narrow screens: a line may end behind each part."""
    return path.replace("/", "/<wbr>").replace("/<wbr>v1", "/v1")


def _errors(statuses: list[str]) -> str:
    return f"| {', '.join(statuses)} | [ErrorBody](#errorbody) |\n" if statuses else ""


def _bounds(schema: dict[str, Any]) -> str:
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤"}
    bounds = [f"{sign} {schema[word]}" for word, sign in words.items() if word in schema]
    return f" ({', '.join(bounds)})" if bounds else ""


def _code(value: object) -> str:
    return f"`{json.dumps(value)}`" if isinstance(value, str) and value.strip() != value else f"`{value}`"


def _json(value: object) -> str:
    """One line where it is short."""
    short = json.dumps(value, ensure_ascii=False)
    return short if len(short) <= _LONGEST_EXAMPLE else json.dumps(value, indent=2, ensure_ascii=False)


def _line(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")


def _paragraphs(text: str) -> str:
    """Text of the document as it is: it has no headings."""
    return text.rstrip("\n") + "\n"
