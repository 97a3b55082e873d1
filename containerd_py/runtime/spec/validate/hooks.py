"""Hooks: programs that are run beside the container."""

from __future__ import annotations

from containerd_py.runtime.spec.base import camel
from containerd_py.runtime.spec.hooks import Hooks
from containerd_py.runtime.spec.validate.problem import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.spec.models import Spec


def hook_problems(spec: Spec) -> Iterator[Problem]:
    for name in Hooks.fields:
        for index, hook in enumerate(getattr(spec.hooks, name)):
            where = f"hooks.{camel(name)}.{index}"
            if not hook.path.startswith("/"):
                yield Problem(f"{where}.path", f"must be absolute, not {hook.path!r}")
            if hook.timeout is not None and hook.timeout <= 0:
                yield Problem(f"{where}.timeout", f"must be above zero, not {hook.timeout}")
            for number, entry in enumerate(hook.env):
                if "=" not in entry[1:]:
                    yield Problem(f"{where}.env.{number}", "must have the form NAME=value")
