"""The process: program, environment, limits, capabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.runtime.spec.process import CAPABILITIES, RLIMITS, Process
from containerd_py.runtime.spec.validate.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.spec.models import Spec


def process_problems(spec: Spec) -> Iterator[Problem]:
    process = spec.process
    if process is None:
        yield Problem("process", "is missing")
        return
    if not process.args:
        yield Problem("process.args", "must name a program")
    if not process.cwd.startswith("/"):
        yield Problem("process.cwd", f"must be absolute, not {process.cwd!r}")
    for index, entry in enumerate(process.env):
        if "=" not in entry[1:]:
            yield Problem(f"process.env.{index}", "must have the form NAME=value")
    if process.console_size is not None and not process.terminal:
        yield Problem("process.consoleSize", "needs process.terminal")
    yield from _rlimits(process)
    yield from _capabilities(process)


def _rlimits(process: Process) -> Iterator[Problem]:
    seen = set()
    for index, limit in enumerate(process.rlimits):
        where = f"process.rlimits.{index}"
        if limit.type not in RLIMITS:
            yield Problem(where, f"unknown type {limit.type!r}")
        if limit.type in seen:
            yield Problem(where, f"{limit.type} is given twice")
        if limit.soft > limit.hard:
            yield Problem(where, f"soft limit {limit.soft} is above hard limit {limit.hard}")
        seen.add(limit.type)


def _capabilities(process: Process) -> Iterator[Problem]:
    if process.capabilities is None:
        return
    for name in ("bounding", "effective", "inheritable", "permitted", "ambient"):
        for index, capability in enumerate(getattr(process.capabilities, name)):
            if capability not in CAPABILITIES:
                yield Problem(f"process.capabilities.{name}.{index}", f"unknown capability {capability!r}")
    extra = set(process.capabilities.effective) - set(process.capabilities.permitted)
    if extra:
        yield Problem("process.capabilities.effective", f"{sorted(extra)[0]} is not in permitted")
