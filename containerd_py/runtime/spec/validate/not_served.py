"""Parts of the specification that are right, and not served."""

from __future__ import annotations

from containerd_py.runtime.spec.validate.problem import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.spec.models import Spec

NOT_SERVED = (*("solaris", "windows", "vm", "zos", "freebsd"),)
"""Parts of the specification that come with later versions; asking for one is an error."""


def not_served_problems(spec: Spec) -> Iterator[Problem]:
    for path in NOT_SERVED:
        value: object = spec
        for name in path.split("."):
            value = getattr(value, name, None)
        if value:
            yield Problem(_json_path(path), "", supported=False)


def _json_path(path: str) -> str:
    head, *rest = path.replace("block_io", "blockIO").split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)
