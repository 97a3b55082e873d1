"""Execs are found by id, with their containers, until they are removed from both."""

from types import SimpleNamespace
from typing import Any, cast

from containerd_py.engine.exec_registry import ExecRegistry


def container() -> Any:
    return SimpleNamespace(execs={})


def executed(exec_id: str) -> Any:
    return SimpleNamespace(id=exec_id)


def test_what_is_added_is_found_with_its_container() -> None:
    registry, first, second = ExecRegistry(), container(), container()
    one, other = executed("one"), executed("other")
    registry.add(first, one)
    registry.add(second, other)
    assert registry.get("other") == (second, other)
    assert "one" in registry
    assert list(registry) == [(first, one), (second, other)]
    assert first.execs == {"one": one}
    assert second.execs == {"other": other}


def test_what_is_removed_is_nowhere() -> None:
    registry, holder, one = ExecRegistry(), container(), executed("one")
    registry.add(holder, one)
    for _twice in range(2):
        registry.remove(holder, one)
        assert registry.get("one") is None
        assert "one" not in registry
        assert holder.execs == {}


def test_others_may_go_while_one_looks_at_all() -> None:
    registry, holder = ExecRegistry(), container()
    for exec_id in ("a", "b", "c"):
        registry.add(holder, executed(exec_id))
    seen = []
    for held, one in registry:
        registry.remove(cast("Any", held), one)
        seen.append(one.id)
    assert seen == ["a", "b", "c"]
    assert list(registry) == []
