"""JSON without the price of `json` at each start of a program (ADR 26).

It imports `re`, compiles four patterns, and reads a text by one of them. What is here asks the same C functions, and leaves
what they refuse, and every option that is not here, to `json` itself: an error of reading is the same error. Keys are
texts where it writes in lines. To be imported as `json`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from json import JSONDecodeError, dumps, loads

else:
    from _json import encode_basestring_ascii, make_encoder, make_scanner

    _CONSTANTS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
    _WHITE = " \t\n\r"

    class _Reading:
        """What `_json.make_scanner` asks how to read."""

        strict = True
        object_hook = None
        object_pairs_hook = None
        parse_float = float
        parse_int = int
        parse_constant = _CONSTANTS.__getitem__

        def __init__(self, hooks):
            self.__dict__.update(hooks)

    _scan = make_scanner(_Reading({}))

    def loads(data, **hooks):
        """Do as `json.loads`."""
        try:
            text = (data if isinstance(data, str) else str(data, "utf-8")).strip(_WHITE)
            scan = make_scanner(_Reading(hooks)) if hooks else _scan
            value, end = scan(text, 0)
        # SystemError: C looks for its error in `json.decoder`, and does not find that before anybody has imported it.
        except (StopIteration, ValueError, SystemError):
            return _json().loads(data, **hooks)
        return value if end == len(text) else _json().loads(data, **hooks)

    def dumps(value, *, default=None, indent=None, separators=(", ", ": "), ensure_ascii=True):
        """Do as `json.dumps`."""
        if not ensure_ascii:
            return _json().dumps(
                value, default=default, indent=indent, separators=separators if indent is None else None, ensure_ascii=False
            )
        between, after_key = separators
        how = (encode_basestring_ascii, None, after_key, between, False, False, True)
        encode = make_encoder({}, default or _refuse, *how)  # no keys sorted or left out; NaN is written
        if indent is None:
            return "".join(encode(value, 0))
        return "".join(_indented(value, "\n", indent if isinstance(indent, str) else " " * indent, encode))

    def _indented(value, line, step, encode):
        """Yield the text of a value in lines. line: what one begins with where this value stands."""
        deeper = line + step
        if isinstance(value, dict) and value:
            yield "{"
            for number, (key, item) in enumerate(value.items()):
                yield ("," if number else "") + deeper
                if type(key) is not str:
                    raise TypeError(f"a key is a text here, not {type(key).__name__}")
                yield encode_basestring_ascii(key) + ": "
                yield from _indented(item, deeper, step, encode)
            yield line + "}"
        elif isinstance(value, list | tuple) and value:
            yield "["
            for number, item in enumerate(value):
                yield ("," if number else "") + deeper
                yield from _indented(item, deeper, step, encode)
            yield line + "]"
        else:
            yield from encode(value, 0)

    def _refuse(value):
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")

    def __getattr__(name):
        if name == "JSONDecodeError":
            return _json().JSONDecodeError
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def _json():
        import json

        return json


__all__ = ["JSONDecodeError", "dumps", "loads"]
