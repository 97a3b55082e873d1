"""What all objects of the specification share: they are read strictly, and cannot be changed.

A class lists its fields with what they may be:

    class Root(Oci):
        path: str = of(TEXT)
        readonly: bool = of(FLAG, default=False)

and `Root.read({"path": "rootfs"})` makes one of JSON values. It says of each value that is wrong where it is ("root.path")
and what it should be; `Root(path="rootfs")` does the same from Python. pydantic does this in ten times the time that a
whole start of `runc` takes, most of it its import (ADR 25): so the daemon's wire has it, and the runtime has not.
"""

from __future__ import annotations

from containerd_py.runtime.spec.kinds import Findings
from containerd_py.typed import dataclass_transform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Protocol, Self

    from containerd_py.runtime.spec.kinds import Place

    class Kind(Protocol):
        """What a value may be. `read` returns it, or tells `findings` what is wrong with it at `place`."""

        def read(self, value: object, place: Place, findings: Findings) -> Any: ...


_REQUIRED = object()
_DOCUMENT = "_document"


class _Field:
    """name: in Python; key: in JSON. Where null is the same as nothing, the default is None."""

    __slots__ = ("default", "key", "kind", "name")

    def __init__(self, kind: Kind, default: Any, key: str | None) -> None:
        self.kind = kind
        self.default = default
        self.key = key or ""
        self.name = ""


def of(kind: Kind | type[Oci], *, default: Any = _REQUIRED, key: str | None = None) -> Any:
    """Describe a field. key: its name in JSON, where that is not its own in camelCase."""
    return _Field(kind, default, key)


def camel(name: str) -> str:
    """Return the JSON name of a field: "cgroups_path" is "cgroupsPath"."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


@dataclass_transform(field_specifiers=(of,), frozen_default=True, kw_only_default=True)
class Oci:
    """An object of the specification. given: the names of those fields that were said, even if it was their default."""

    fields: dict[str, _Field]
    given: frozenset[str]

    def __init_subclass__(cls) -> None:
        cls.fields = {name: one for name, one in cls.__dict__.items() if type(one) is _Field}
        for name, one in cls.fields.items():
            one.name = name
            one.key = one.key or camel(name)
        cls._keys = {one.key: one for one in cls.fields.values()}
        cls._defaults = {name: one.default for name, one in cls.fields.items() if one.default is not _REQUIRED}

    if TYPE_CHECKING:
        _keys: dict[str, _Field]
        _defaults: dict[str, Any]
    else:

        def __init__(self, **values: Any) -> None:
            findings = Findings()
            _fill(self, self.fields, values, None, findings)
            findings.refuse(f"cannot make {type(self).__name__}")

    @classmethod
    def parse(cls, document: object, *, what: str = "", ignored: list[str] | None = None) -> Self:
        """Read a JSON value. Raises InvalidArgument naming the JSON path of each problem, five at most.

        what: names it in the error. ignored: where it is given, what the specification does not have is told there, and is
        no problem (`Findings`).
        """
        findings = Findings(ignored)
        made = cls.read(document, None, findings)
        findings.refuse(f"cannot read {what or cls.__name__}")
        return made

    @classmethod
    def read(cls, value: object, place: Place, findings: Findings) -> Self:
        """Be the kind of a field: the value is such an object, or its JSON."""
        if type(value) is cls:
            return value
        made = cls.__new__(cls)
        if isinstance(value, dict):
            _fill(made, cls._keys, value, place, findings)
        else:
            findings.add(place, "Input should be an object")
        return made

    def replace(self, **values: Any) -> Self:
        """Return one like it with other values in some fields, which are taken as they are."""
        if not values.keys() <= self.fields.keys():
            raise TypeError(f"{type(self).__name__} has no {', '.join(values.keys() - self.fields.keys())}")
        made = type(self).__new__(type(self))
        made.__dict__.update(self.__dict__)
        made.__dict__.pop(_DOCUMENT, None)
        made.__dict__.update(values)
        made.__dict__["given"] = self.given.union(values)
        return made

    def document(self) -> dict[str, Any]:
        """Return it as JSON values, without what was not given and without null.

        The same each time, nobody's to change: what thousands of containers have by default is in memory once.
        """
        own = self.__dict__
        known: dict[str, Any] | None = own.get(_DOCUMENT)
        if known is None:
            said = ((one.key, own[name]) for name, one in self.fields.items() if name in self.given)
            known = own[_DOCUMENT] = {key: _plain(value) for key, value in said if value is not None}
        return known

    def __setattr__(self, name: str, _value: object = None) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: cannot change {name}")

    __delattr__ = __setattr__

    def _values(self) -> list[Any]:
        return [self.__dict__[name] for name in self.fields]

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(tuple(self._values()))

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self.fields if name in self.given)
        return f"{type(self).__name__}({said})"


def _fill(one: Oci, names: Mapping[str, _Field], values: Mapping[str, object], place: Place, findings: Findings) -> None:
    """Give an object its values. names: by which of its names a field is called."""
    own = one.__dict__
    own.update(one._defaults)  # noqa: SLF001 - its constructor
    given = []
    for key, value in values.items():
        field = names.get(key)
        if field is None and findings.lenient:
            field = _in_another_case(names, key)
            if field is not None and field.key in values:
                continue  # the exact one counts
        if field is None:
            findings.add_unknown((place, key))
            continue
        if findings.lenient and (value is None or (value == "" and field.default is None)):
            continue  # as good as absent, to programs in Go
        given.append(field.name)
        nothing = value is None and field.default is None
        own[field.name] = None if nothing else field.kind.read(value, (place, key), findings)
    if len(own) < len(one.fields):
        _tell_missing(one.fields.values(), own, place, findings)
    own["given"] = frozenset(given)


def _in_another_case(names: Mapping[str, _Field], key: str) -> _Field | None:
    lower = key.lower()
    return next((field for name, field in names.items() if name.lower() == lower), None)


def _tell_missing(fields: Iterable[_Field], own: Mapping[str, Any], place: Place, findings: Findings) -> None:
    for field in fields:
        if field.name not in own:
            findings.add((place, field.key), "Field required")


def _plain(value: Any) -> Any:
    if isinstance(value, Oci):
        return value.document()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
