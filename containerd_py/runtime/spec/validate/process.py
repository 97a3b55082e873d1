"""The process: program, environment, identity, limits."""

from __future__ import annotations

from containerd_py.runtime.spec.process import CAPABILITIES, RLIMITS, Process
from containerd_py.runtime.spec.validate.problem import Problem
from containerd_py.runtime.spec.validate.scheduling import affinity_problems, scheduler_problems

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.spec.models import Spec

_MOST_GROUPS = 65_536  # NGROUPS_MAX


def process_problems(spec: Spec) -> Iterator[Problem]:
    if spec.process is None:
        yield Problem("process", "is missing")
        return
    yield from process_document_problems(spec.process)


def process_document_problems(process: Process) -> Iterator[Problem]:
    """What can be said of a process by itself, be it a container's first or one that enters it."""
    if not process.args:
        yield Problem("process.args", "must name a program")
    elif not process.args[0]:
        yield Problem("process.args.0", "is empty")
    if not process.cwd.startswith("/"):
        yield Problem("process.cwd", f"must be absolute, not {process.cwd!r}")
    for index, entry in enumerate(process.env):
        if "=" not in entry[1:]:
            yield Problem(f"process.env.{index}", "must have the form NAME=value")
    if process.console_size is not None and not process.terminal:
        yield Problem("process.consoleSize", "needs process.terminal")
    yield from _windows(process)
    yield from _labels(process)
    yield from _groups(process)
    yield from _rlimits(process)
    yield from _capabilities(process)
    yield from scheduler_problems(process)
    yield from affinity_problems(process)


def _windows(process: Process) -> Iterator[Problem]:
    for path, value in (("process.commandLine", process.command_line), ("process.user.username", process.user.username)):
        if value:
            yield Problem(path, "is for Windows only")


def _labels(process: Process) -> Iterator[Problem]:
    for path, value in (
        ("process.apparmorProfile", process.apparmor_profile),
        ("process.selinuxLabel", process.selinux_label),
    ):
        if value and not value.isprintable():
            yield Problem(path, "has a character that cannot be printed")


def _groups(process: Process) -> Iterator[Problem]:
    """The files of an image may put a user into as many as they like."""
    count = len(process.user.additional_gids)
    if count > _MOST_GROUPS:
        yield Problem("process.user.additionalGids", f"{count} are more than a process can have ({_MOST_GROUPS})")


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
    """All names that are known here are known to every kernel since 5.9, so none has to be left out for an older one."""
    if process.capabilities is None:
        return
    for name in ("bounding", "effective", "inheritable", "permitted", "ambient"):
        for index, capability in enumerate(getattr(process.capabilities, name)):
            if capability not in CAPABILITIES:
                yield Problem(f"process.capabilities.{name}.{index}", f"unknown capability {capability!r}")
    extra = set(process.capabilities.effective) - set(process.capabilities.permitted)
    if extra:
        yield Problem("process.capabilities.effective", f"{sorted(extra)[0]} is not in permitted")
