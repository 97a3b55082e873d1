"""Dataclasses without their price at each start of a program.

`dataclasses` writes the methods of each class as source and has it compiled: half a millisecond a class, and six for its
own import (ADR 25). Here a class has the same methods as all others, which look up its fields when they are called. What
is here does as `dataclasses` does, to the letter; options that are not here are not needed.
"""

from __future__ import annotations

from containerd_py.typed import dataclass_transform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    One = TypeVar("One")


class _Field:
    """How a field differs from one that is only annotated."""

    __slots__ = ("compare", "default", "default_factory", "kw_only", "repr")

    def __init__(self, default: Any, default_factory: Any, *, compare: bool, kw_only: bool, repr_: bool) -> None:
        self.default = default
        self.default_factory = default_factory
        self.compare = compare
        self.kw_only = kw_only
        self.repr = repr_


_NONE = object()
_MATCH_ARGS = "__match_args__"
"""Named, since mypy lets nobody assign to it."""


def field(
    *,
    default: Any = _NONE,
    default_factory: Callable[[], Any] | None = None,
    compare: bool = True,
    kw_only: bool = False,
    repr: bool = True,  # noqa: A002 - as `dataclasses` names it
) -> Any:
    """Describe a field, as `dataclasses.field` does."""
    return _Field(default, default_factory, compare=compare, kw_only=kw_only, repr_=repr)


class _Layout:
    """The fields of one class. names: all of them, those first that may be given by position.

    defaults: values of those that need not be given; factories: or what makes the value.
    """

    __slots__ = ("compared", "defaults", "factories", "names", "positional", "shown")

    def __init__(self, cls: type) -> None:
        known: dict[str, _Field] = {}
        keyword: dict[str, bool] = {}
        for base in reversed(cls.__mro__):
            if "__keyword__" not in base.__dict__:  # not a dataclass itself: what it annotates is no field
                continue
            for name, annotation in _annotations(base).items():
                if not str(annotation).startswith("ClassVar"):
                    given = base.__dict__.get(name, _NONE)
                    known[name] = given if isinstance(given, _Field) else field(default=given)
                    keyword[name] = known[name].kw_only or base.__dict__["__keyword__"]
        self.positional = tuple(name for name in known if not keyword[name])
        self.names = (*self.positional, *(name for name in known if keyword[name]))
        self.defaults = {name: one.default for name, one in known.items() if one.default is not _NONE}
        self.factories = {name: one.default_factory for name, one in known.items() if one.default_factory}
        self.compared = tuple(name for name in self.names if known[name].compare)
        self.shown = tuple(name for name in self.names if known[name].repr)


def _layout(cls: Any) -> _Layout:
    """Made when it is asked for first: many a class is not used in many a run of a program."""
    found: _Layout | None = cls.__dict__.get("__layout__")
    if found is None:
        found = cls.__layout__ = _Layout(cls)
        setattr(cls, _MATCH_ARGS, found.positional)
    return found


def _annotations(cls: type) -> dict[str, Any]:
    found: dict[str, Any] = cls.__dict__.get("__annotations__", {})  # noqa: RUF063 - inspect is what takes the time
    return found


def _init(self: Any, /, *given: Any, **named: Any) -> None:
    layout = _layout(type(self))
    values = self.__dict__
    values.update(layout.defaults)
    if given:
        values.update(zip(layout.positional, given, strict=False))
    if named:
        values.update(named)
    for name, make in layout.factories.items():
        if name not in values:
            values[name] = make()
    # One comparison tells of a name too many, one too few, and one that is given twice.
    if len(values) != len(layout.names) or len(given) > len(layout.positional) or (given and named):
        _check(type(self), layout, given, named)


def _check(cls: type, layout: _Layout, given: tuple[Any, ...], named: dict[str, Any]) -> None:
    first = layout.positional[: len(given)]
    missing = [name for name in layout.names if name not in {*first, *named, *layout.defaults, *layout.factories}]
    if missing:
        raise TypeError(f"{cls.__name__}() lacks {', '.join(missing)}")
    wrong = [name for name in named if name not in layout.names or name in first]
    if wrong or len(given) > len(layout.positional):
        raise TypeError(f"{cls.__name__}() takes no {', '.join(wrong) or 'more than ' + str(len(layout.positional))}")


def _compared(self: Any) -> list[Any]:
    values = self.__dict__
    return [values[name] for name in _layout(type(self)).compared]


def _eq(self: Any, other: object) -> Any:
    return _compared(self) == _compared(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(tuple(_compared(self)))


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={self.__dict__[name]!r}" for name in _layout(type(self)).shown)
    return f"{type(self).__qualname__}({shown})"


def _set(self: Any, name: str, _value: object = None) -> None:
    raise AttributeError(f"{type(self).__name__} is frozen: cannot change {name}")


@dataclass_transform(field_specifiers=(field,))
def dataclass(cls: Any = None, /, *, frozen: bool = False, eq: bool = True, kw_only: bool = False) -> Any:
    """Make a class what `dataclasses.dataclass` makes of it."""
    if cls is None:
        return lambda cls: _make(cls, frozen=frozen, eq=eq, kw_only=kw_only)
    return _make(cls, frozen=frozen, eq=eq, kw_only=kw_only)


def _make(cls: Any, *, frozen: bool, eq: bool, kw_only: bool) -> Any:
    cls.__keyword__ = kw_only
    methods: dict[str, Any] = {"__init__": _init, "__repr__": _repr}
    if eq:
        methods |= {"__eq__": _eq, "__hash__": _hash if frozen else None}
    if frozen:
        methods |= {"__setattr__": _set, "__delattr__": _set}
    for name, method in methods.items():
        if name not in cls.__dict__:
            setattr(cls, name, method)
    return cls


def names_of(cls: type) -> tuple[str, ...]:
    """Return the names of a dataclass's fields that count for equality, in their order."""
    return _layout(cls).compared


def values_of(one: object) -> tuple[Any, ...]:
    """Return its values in the order of its fields."""
    return tuple(one.__dict__[name] for name in _layout(type(one)).names)


def replace(one: One, /, **changes: Any) -> One:
    """Return one like `one` with other values in some of its fields. Raises TypeError for one that it has not."""
    kept = {name: one.__dict__[name] for name in _layout(type(one)).names}
    return type(one)(**{**kept, **changes})
