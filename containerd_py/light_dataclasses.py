"""Dataclasses without their price at each start of a program.

`dataclasses` writes the methods of each class as source and has it compiled: half a millisecond a class, and six for its
own import (ADR 25). Here a class has the same methods as all others, which look up its fields when they are called. What
is here does as `dataclasses` does, to the letter; options that are not here are not needed.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, dataclass_transform

    One = TypeVar("One")
else:

    def dataclass_transform(**_options: object) -> object:
        return lambda function: function


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

    def __init__(self, cls: type, *, kw_only: bool) -> None:
        known: dict[str, _Field | None] = {}
        self.defaults: dict[str, Any] = {}
        self.factories: dict[str, Callable[[], Any]] = {}
        for base in reversed(cls.__mro__):
            for name, annotation in _annotations(base).items():
                if not str(annotation).startswith("ClassVar"):
                    known[name] = self._describe(base, name)
        keyword = tuple(name for name, one in known.items() if kw_only or (one and one.kw_only))
        self.positional = tuple(name for name in known if name not in keyword)
        self.names = self.positional + keyword
        self.compared = tuple(name for name in self.names if not (one := known[name]) or one.compare)
        self.shown = tuple(name for name in self.names if not (one := known[name]) or one.repr)

    def _describe(self, base: type, name: str) -> _Field | None:
        layout = base.__dict__.get("__layout__")
        if layout is not None:  # whose class has forgotten how its fields were described
            return self._inherit(layout, name)
        given = base.__dict__.get(name, _NONE)
        described = given if isinstance(given, _Field) else None
        default = described.default if described else given
        if described and described.default_factory:
            self.factories[name] = described.default_factory
        elif default is not _NONE:
            self.defaults[name] = default
        return described

    def _inherit(self, layout: _Layout, name: str) -> _Field:
        if name in layout.defaults:
            self.defaults[name] = layout.defaults[name]
        if name in layout.factories:
            self.factories[name] = layout.factories[name]
        compare, shown = name in layout.compared, name in layout.shown
        return _Field(_NONE, None, compare=compare, kw_only=name not in layout.positional, repr_=shown)


def _annotations(cls: type) -> dict[str, Any]:
    found: dict[str, Any] = cls.__dict__.get("__annotations__", {})  # noqa: RUF063 - inspect is what takes the time
    return found


def _init(self: Any, /, *given: Any, **named: Any) -> None:
    layout: _Layout = type(self).__layout__
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
    return [values[name] for name in self.__layout__.compared]


def _eq(self: Any, other: object) -> Any:
    return _compared(self) == _compared(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(tuple(_compared(self)))


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self.__layout__.shown)
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
    cls.__layout__ = _Layout(cls, kw_only=kw_only)
    for name in _annotations(cls):
        if isinstance(cls.__dict__.get(name), _Field):
            delattr(cls, name)
    methods: dict[str, Any] = {"__init__": _init, "__repr__": _repr, "__match_args__": cls.__layout__.positional}
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
    layout: _Layout = cls.__layout__  # type: ignore[attr-defined]  # of such a class only
    return layout.compared


def values_of(one: object) -> tuple[Any, ...]:
    """Return its values in the order of its fields."""
    layout: _Layout = type(one).__layout__  # type: ignore[attr-defined]  # of such a class only
    return tuple(one.__dict__[name] for name in layout.names)


def replace(one: One, /, **changes: Any) -> One:
    """Return one like `one` with other values in some of its fields. Raises TypeError for one that it has not."""
    layout: _Layout = type(one).__layout__  # type: ignore[attr-defined]  # of such a class only
    return type(one)(**{**{name: one.__dict__[name] for name in layout.names}, **changes})
