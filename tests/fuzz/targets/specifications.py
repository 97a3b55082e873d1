"""A config.json: what is right of it has a plan, and a plan reads as it was written."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from containerd_py import strict_json
from containerd_py.errors import ContainerdError
from containerd_py.runtime.plan.compiler import compile_plan
from containerd_py.runtime.plan.compiler.placing import Placing
from containerd_py.runtime.plan.plan import decode
from containerd_py.runtime.spec.models import parse
from containerd_py.runtime.spec.validate import validate

if TYPE_CHECKING:
    from pathlib import Path

_PLACING = Placing("/srv/root", "box", 0, bundle="/srv")


def check(data: bytes, _folder: Path) -> None:
    with suppress(ContainerdError):
        spec = parse(strict_json.loads(data, what="document"))
        validate(spec)
        plan = compile_plan(spec, _PLACING, None)
        assert decode(plan.encode()).operations == plan.operations
