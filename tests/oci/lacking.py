"""What a runtime lacks the means for, by `@pytest.mark.lacks("runc<1.2", "…")`: it must fail such a test."""

from collections.abc import Iterable

import pytest

from tests.oci.hiding import hide_cgroup2
from tests.oci.runtime import concerns, identify


def expect_failures(items: Iterable[pytest.Item], program: str) -> None:
    """Mark what the runtime must fail. run=False of a mark: it cannot even be tried, or fails in part."""
    tried = identify(program)
    if tried.kind != "pyrunc":
        hide_cgroup2()
    for item in items:
        for mark in item.iter_markers("lacks"):
            condition, reason = mark.args
            if concerns(condition, tried):
                run = mark.kwargs.get("run", True)
                item.add_marker(pytest.mark.xfail(strict=run, run=run, reason=f"{condition}: {reason}"))
