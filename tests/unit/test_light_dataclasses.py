"""They are what those of the standard library would be."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any, ClassVar

import pytest

from containerd_py.light.dataclasses import dataclass, field, names_of, replace, values_of


@dataclass(frozen=True)
class Base:
    kind: ClassVar[str] = "base"
    origin: str = field(default="", kw_only=True, compare=False, repr=False)


@dataclass(frozen=True)
class Point(Base):
    x: int
    y: int = 2
    names: list[str] = field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class OtherBase:
    kind: ClassVar[str] = "base"
    origin: str = dataclasses.field(default="", kw_only=True, compare=False, repr=False)


@dataclasses.dataclass(frozen=True)
class OtherPoint(OtherBase):
    x: int
    y: int = 2
    names: list[str] = dataclasses.field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Alone:
    value: int = 0


@dataclass(frozen=True, kw_only=True)
class Named(Base):
    value: int


@dataclass
class Open:
    value: int = 0


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ((1,), {}),
        ((1, 3), {}),
        ((), {"x": 1}),
        ((1,), {"y": 4, "origin": "here"}),
        ((1, 2, ["a"]), {}),
        ((1,), {"names": []}),
    ],
)
def test_it_is_made_and_shown_as_a_dataclass(given: tuple[Any, ...], named: dict[str, Any]) -> None:
    ours, theirs = Point(*given, **named), OtherPoint(*given, **named)
    assert vars(ours) == dataclasses.asdict(theirs)
    assert repr(ours) == repr(theirs).replace("Other", "")


@pytest.mark.parametrize(
    ("given", "named", "told"),
    [
        ((), {}, "lacks x"),
        ((), {"y": 1}, "lacks x"),
        ((1, 2, [], "origin"), {}, "takes no more than 3"),
        ((1,), {"x": 1}, "takes no x"),
        ((1,), {"z": 1}, "takes no z"),
        ((), {"x": 1, "z": 1}, "takes no z"),
    ],
)
def test_what_a_dataclass_refuses_is_refused(given: tuple[Any, ...], named: dict[str, Any], told: str) -> None:
    with pytest.raises(TypeError):
        OtherPoint(*given, **named)
    with pytest.raises(TypeError, match=told):
        Point(*given, **named)


def test_fields_that_are_named_alone() -> None:
    assert Named(value=1) == Named(value=1)
    with pytest.raises(TypeError, match="lacks value"):
        Named(1)  # type: ignore[call-arg, arg-type]  # that is the question


def test_values_that_are_made_are_made_anew() -> None:
    assert Point(1).names is not Point(1).names


def test_what_does_not_count_for_equality_does_not() -> None:
    assert Point(1, origin="a") == Point(1, origin="b")
    assert Point(1) != Point(2)
    assert Point(1) != Base()
    assert hash(replace(Base(), origin="a")) == hash(Base())


def test_one_that_is_equal_to_itself_alone() -> None:
    one = Alone()
    assert one == one
    assert len({one, Alone()}) == 2


def test_it_cannot_be_changed_unless_it_says_so() -> None:
    with pytest.raises(AttributeError, match="Point is frozen: cannot change x"):
        Point(1).x = 2  # type: ignore[misc]  # that is the question
    with pytest.raises(AttributeError, match="frozen"):
        del Point(1).x
    one = Open()
    one.value = 3
    assert one == Open(3)
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)


def test_a_changed_copy() -> None:
    assert replace(Point(1, names=["a"], origin="here"), x=5) == Point(5, names=["a"])
    assert replace(Point(1, origin="here"), x=5).origin == "here"
    assert copy.copy(Point(1)) == copy.deepcopy(Point(1)) == Point(1)
    with pytest.raises(TypeError, match="takes no z"):
        replace(Point(1), z=1)


def test_its_names_and_values() -> None:
    assert names_of(Point) == ("x", "y", "names")
    assert values_of(Point(1, origin="here")) == (1, 2, [], "here")
    match Point(1, 7):
        case Point(x, y):
            assert (x, y) == (1, 7)


class Plain:
    noted: int


@dataclass(frozen=True)
class Mixed(Plain):
    value: int


def test_what_a_class_of_another_kind_annotates_is_no_field() -> None:
    assert names_of(Mixed) == ("value",)
    assert Mixed(3).value == 3
