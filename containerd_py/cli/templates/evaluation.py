"""A template, and what it makes of a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from containerd_py.cli.output import printable
from containerd_py.cli.templates.functions import FUNCTIONS, text_of, truth_of
from containerd_py.cli.templates.rows import NoSuchField, Row, Struct, field_of, header_of, is_function
from containerd_py.cli.templates.syntax import Branch, Constant, Function, Node, Operand, Path, Pipeline, Text, parse, wrong
from containerd_py.errors import InvalidArgument

Variables = dict[str, Any]


class Template:
    """`Template("{{.Name}}").render(row)`; both raise InvalidArgument for what is wrong with the template."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._nodes = parse(source)
        for name in _functions(self._nodes):
            if name not in FUNCTIONS:
                raise wrong(source, f"there is no function {name!r}; there are {', '.join(sorted(FUNCTIONS))}")

    def render(self, value: Any) -> str:
        return self._render(self._nodes, value, {"$": value})

    def headers(self) -> str:
        """Return the same with the heading of each field in place of its value."""
        return "".join(_headers(self._nodes))

    # ── nodes ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _render(self, nodes: tuple[Node, ...], dot: Any, variables: Variables) -> str:
        return "".join(self._node(node, dot, variables) for node in nodes)

    def _node(self, node: Node, dot: Any, variables: Variables) -> str:
        if isinstance(node, Text):
            return node.text
        if isinstance(node, Pipeline):
            return _shown(text_of(self._value(node, dot, variables)))
        value = self._value(node.condition, dot, variables)
        if not truth_of(value):
            return self._render(node.otherwise, dot, variables)
        if node.kind == "range":
            return "".join(self._range(node, value, variables))
        return self._render(node.body, value if node.kind == "with" else dot, variables)

    def _range(self, node: Branch, value: Any, variables: Variables) -> Iterator[str]:
        if isinstance(value, Mapping):
            entries: list[tuple[Any, Any]] = sorted(value.items())
        elif isinstance(value, list | tuple):
            entries = list(enumerate(value))
        else:
            raise wrong(self._source, f"range cannot go over {text_of(value)!r}")
        for key, one in entries:
            own = dict(zip(node.variables, (key, one) if len(node.variables) > 1 else (one,), strict=False))
            yield self._render(node.body, one, variables | own)

    # ── values ────────────────────────────────────────────────────────────────────────────────────────────────

    def _value(self, pipeline: Pipeline, dot: Any, variables: Variables) -> Any:
        passed: tuple[Any, ...] = ()
        for first, *rest in pipeline.commands:
            arguments = [self._operand(one, dot, variables) for one in rest]
            passed = (self._called(first, (*arguments, *passed), dot, variables),)
        return passed[0]

    def _called(self, first: Operand, arguments: tuple[Any, ...], dot: Any, variables: Variables) -> Any:
        if isinstance(first, Function):
            called, name = FUNCTIONS[first.name], first.name
        else:
            called, name = self._operand(first, dot, variables), _name(first)
            if not is_function(called):
                if arguments:
                    raise wrong(self._source, f"{name} takes no value")
                return called
        try:
            return called(*arguments)
        except (TypeError, ValueError, AttributeError, KeyError, IndexError, OverflowError) as error:
            given = " ".join(text_of(one) for one in arguments)
            raise wrong(self._source, f"{name} cannot be done with {given!r}: {error}") from error

    def _operand(self, operand: Operand, dot: Any, variables: Variables) -> Any:
        if isinstance(operand, Constant):
            return operand.value
        if isinstance(operand, Function):
            return self._called(operand, (), dot, variables)
        if isinstance(operand.start, Pipeline):
            value = self._value(operand.start, dot, variables)
        elif operand.start == ".":
            value = dot
        elif operand.start in variables:
            value = variables[operand.start]
        else:
            raise wrong(self._source, f"there is no variable {operand.start}")
        for name in operand.fields:
            value = self._field(value, name)
        return value

    def _field(self, value: Any, name: str) -> Any:
        try:
            return field_of(value, name)
        except NoSuchField as missing:
            cause = f"{_noun(value)} has no field {name!r}"
            hint = None if missing.known is None else f"fields are {', '.join(missing.known)}"
            raise InvalidArgument(f"cannot use the template {self._source!r}: {cause}", step="parse", hint=hint) from None


def _shown(text: str) -> str:
    """Values come from containers: what a terminal might act on is shown, but lines and tabs are kept."""
    if text.isprintable():
        return text
    return "".join(one if one in "\n\t" else printable(one) for one in text)


def _noun(value: Any) -> str:
    model = value.model if isinstance(value, Row) else value
    if isinstance(model, BaseModel):
        return type(model).__name__
    return "it" if isinstance(value, Struct) else f"{text_of(value)!r}"


def _name(operand: Operand) -> str:
    return "." + ".".join(operand.fields) if isinstance(operand, Path) else text_of(getattr(operand, "value", None))


def _functions(nodes: tuple[Node, ...]) -> Iterator[str]:
    for pipeline in _pipelines(nodes):
        yield from _functions_of(pipeline)


def _functions_of(pipeline: Pipeline) -> Iterator[str]:
    for command in pipeline.commands:
        for operand in command:
            if isinstance(operand, Function):
                yield operand.name
            elif isinstance(operand, Path) and isinstance(operand.start, Pipeline):
                yield from _functions_of(operand.start)


def _pipelines(nodes: tuple[Node, ...]) -> Iterator[Pipeline]:
    for node in nodes:
        if isinstance(node, Pipeline):
            yield node
        elif isinstance(node, Branch):
            yield node.condition
            yield from _pipelines(node.body)
            yield from _pipelines(node.otherwise)


def _headers(nodes: tuple[Node, ...]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, Text):
            yield node.text
        elif isinstance(node, Pipeline):
            yield _header(node)
        else:
            yield from _headers(node.body) if node.kind == "range" else (_header(node.condition),)


def _header(pipeline: Pipeline) -> str:
    """Of its first field, or of the label that it asks for."""
    operands = [operand for command in pipeline.commands for operand in command]
    for operand in operands:
        if isinstance(operand, Path) and operand.fields:
            texts = [one.value for one in operands if isinstance(one, Constant) and isinstance(one.value, str)]
            return header_of(texts[0]) if operand.fields[-1] == "Label" and texts else header_of(operand.fields[-1])
    return ""
