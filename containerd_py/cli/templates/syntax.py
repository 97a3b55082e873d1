"""The nodes of a template, and how text becomes them. Errors are InvalidArgument and quote what is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from containerd_py.errors import InvalidArgument

_DEEPEST = 50
_ACTION = re.compile(r"\{\{(- )?(.*?)( -)?\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
  | (?P<number>-?[0-9]+(?:\.[0-9]+)?)
  | (?P<field>\.[A-Za-z_][A-Za-z0-9_]*)
  | (?P<variable>\$[A-Za-z0-9_]*)
  | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<sign>:=|[.|(),])
)""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}
_CONSTANTS = {"true": True, "false": False, "nil": None}


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Constant:
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Path:
    """start: a variable's name with its "$", "." for what the template stands at, or a pipeline in brackets."""

    start: str | Pipeline
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Function:
    name: str


Operand = Constant | Path | Function


@dataclass(frozen=True, slots=True)
class Pipeline:
    """commands: each an operand and its arguments; what one gives is the last argument of the next."""

    commands: tuple[tuple[Operand, ...], ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """kind: "if", "with" or "range"; variables: what a range calls its key and its value."""

    kind: str
    condition: Pipeline
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...] = ()
    variables: tuple[str, ...] = ()


Node = Text | Pipeline | Branch


def parse(source: str) -> tuple[Node, ...]:
    """Return the nodes; InvalidArgument where the source is no template."""
    parser = _Parser(source)
    nodes, ended = parser.nodes(0)
    if ended is not None:
        raise wrong(source, f"there is nothing that this {{{{{ended}}}}} belongs to")
    return nodes


def wrong(source: str, cause: str) -> InvalidArgument:
    return InvalidArgument(f"cannot use the template {source!r}: {cause}", step="parse")


@dataclass(slots=True)
class _Parser:
    source: str
    pieces: list[tuple[str, str]] = field(init=False)
    """("text", …) and ("action", …), the next one last."""

    def __post_init__(self) -> None:
        self.pieces = list(reversed(list(_pieces(self.source))))

    def nodes(self, depth: int) -> tuple[tuple[Node, ...], str | None]:
        """Return the nodes up to an "end" or "else", and what ended them; None: the source is at its end."""
        if depth > _DEEPEST:
            raise wrong(self.source, f"it nests deeper than {_DEEPEST}")
        found: list[Node] = []
        while self.pieces:
            kind, content = self.pieces.pop()
            if kind == "text":
                found.append(Text(content))
                continue
            word, _, rest = content.partition(" ")
            if word in ("end", "else"):
                return tuple(found), content
            if word in ("if", "with", "range"):
                found.append(self._branch(word, rest, depth))
            else:
                found.append(self._pipeline(content))
        return tuple(found), None

    def _branch(self, kind: str, rest: str, depth: int) -> Branch:
        variables: tuple[str, ...] = ()
        declared = re.match(r"\s*(\$\w+)(?:\s*,\s*(\$\w+))?\s*:=", rest)
        if declared is not None:
            if kind != "range":
                raise wrong(self.source, f"variables go with range only, not with {kind}")
            variables = tuple(name for name in declared.groups() if name)
            rest = rest[declared.end() :]
        condition = self._pipeline(rest)
        body, ended = self.nodes(depth + 1)
        otherwise: tuple[Node, ...] = ()
        if ended is not None and ended.startswith("else"):
            word, _, inner = ended.removeprefix("else").strip().partition(" ")
            if word:
                otherwise = (self._branch(word, inner, depth + 1),)
                return Branch(kind, condition, body, otherwise, variables)
            otherwise, ended = self.nodes(depth + 1)
        if ended != "end":
            raise wrong(self.source, f"this {{{{{kind}}}}} has no {{{{end}}}}")
        return Branch(kind, condition, body, otherwise, variables)

    def _pipeline(self, content: str) -> Pipeline:
        tokens = list(_tokens(self.source, content))
        tokens.reverse()
        pipeline = self._commands(tokens, content, 0)
        if tokens:
            raise wrong(self.source, f"{tokens[-1][1]!r} is not expected in {{{{{content}}}}}")
        return pipeline

    def _commands(self, tokens: list[tuple[str, str]], content: str, depth: int) -> Pipeline:
        if depth > _DEEPEST:
            raise wrong(self.source, f"it nests deeper than {_DEEPEST}")
        commands: list[tuple[Operand, ...]] = []
        while True:
            operands: list[Operand] = []
            while tokens and tokens[-1][1] not in ("|", ")"):
                operands.append(self._operand(tokens, content, depth))
            if not operands:
                raise wrong(self.source, f"something is missing in {{{{{content}}}}}")
            commands.append(tuple(operands))
            if not tokens or tokens[-1][1] == ")":
                return Pipeline(tuple(commands))
            tokens.pop()

    def _operand(self, tokens: list[tuple[str, str]], content: str, depth: int) -> Operand:
        kind, text = tokens.pop()
        if kind == "string":
            return Constant(text[1:-1] if text[0] == "`" else unescape(text[1:-1]))
        if kind == "number":
            return Constant(float(text) if "." in text else int(text))
        if kind == "word":
            return Constant(_CONSTANTS[text]) if text in _CONSTANTS else Function(text)
        if kind == "field":
            return Path(".", (text[1:], *_fields(tokens)))
        if kind == "variable" or text == ".":
            return Path(text, _fields(tokens))
        if text == "(":
            inner = self._commands(tokens, content, depth + 1)
            if not tokens:
                raise wrong(self.source, f"a ) is missing in {{{{{content}}}}}")
            tokens.pop()
            return Path(inner, _fields(tokens))
        raise wrong(self.source, f"{text!r} is not expected in {{{{{content}}}}}")


def unescape(text: str) -> str:
    r"""Return text with "\t" as a tab, and the like."""
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[0]), text)


def _pieces(source: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position, trim = 0, False
    for action in _ACTION.finditer(source):
        text = source[position : action.start()]
        text = text.lstrip() if trim else text
        found.append(("text", text.rstrip() if action[1] else text))
        content, trim, position = action[2].strip(), bool(action[3]), action.end()
        if not content.startswith("/*"):
            found.append(("action", content))
    rest = source[position:]
    if "{{" in rest:
        raise wrong(source, "a '{{' is not closed")
    found.append(("text", rest.lstrip() if trim else rest))
    return [piece for piece in found if piece != ("text", "")]


def _tokens(source: str, content: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position = 0
    while content[position:].strip():
        token = _TOKEN.match(content, position)
        if token is None:
            raise wrong(source, f"{content[position:].strip()!r} cannot be read")
        # ".a.b" is one path, ".a .b" are two operands.
        kind = str(token.lastgroup)
        follows = bool(found) and (found[-1][0] in ("field", "more", "variable") or found[-1][1] == ")")
        glued = kind == "field" and follows and position == token.start(kind)
        found.append(("more" if glued else kind, token[kind]))
        position = token.end()
    return found


def _fields(tokens: list[tuple[str, str]]) -> tuple[str, ...]:
    found: list[str] = []
    while tokens and tokens[-1][0] == "more":
        found.append(tokens.pop()[1][1:])
    return tuple(found)
