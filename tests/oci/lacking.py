"""What a runtime lacks the means for, by `@pytest.mark.lacks("runc<1.2", "…")`: it must fail such a test."""

from collections.abc import Iterable

import pytest

from tests.oci.hiding import hide_cgroup2
from tests.oci.runtime import concerns, identify


def expect_failures(items: Iterable[pytest.Item], program: str) -> None:
    """Mark what the runtime must fail.

    Of a mark, some=True: it fails with some of the parameters, and all are tried; run=False: to try it does harm, or hangs.
    """
    tried = identify(program)
    if tried.kind != "pyrunc":
        hide_cgroup2()
    for item in items:
        for mark in item.iter_markers("lacks"):
            condition, reason = mark.args
            if concerns(condition, tried):
                run = mark.kwargs.get("run", True)
                must = run and not mark.kwargs.get("some", False)
                item.add_marker(pytest.mark.xfail(strict=must, run=run, reason=f"{condition}: {reason}"))
