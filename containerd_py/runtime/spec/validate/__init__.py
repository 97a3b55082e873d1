"""What a spec may ask for: a list of small checks, each yielding the problems that it finds.

A contradiction is an InvalidArgument; a right request that is not served yet is NotSupported, never ignored. A newcomer
adds a function to CHECKS. One module per subject.
"""

from __future__ import annotations

from containerd_py.errors import InvalidArgument, NotSupported
from containerd_py.runtime.spec.validate.hooks import hook_problems
from containerd_py.runtime.spec.validate.init import init_problems
from containerd_py.runtime.spec.validate.linux import linux_problems
from containerd_py.runtime.spec.validate.mounts import device_problems, mount_problems, path_problems, propagation_problems
from containerd_py.runtime.spec.validate.namespaces import mapping_problems, namespace_problems
from containerd_py.runtime.spec.validate.not_served import NOT_SERVED, not_served_problems
from containerd_py.runtime.spec.validate.problem import Problem
from containerd_py.runtime.spec.validate.process import process_document_problems, process_problems
from containerd_py.runtime.spec.validate.resources import resource_problems
from containerd_py.runtime.spec.validate.seccomp import seccomp_problems

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.spec.process import Process

__all__ = ["CHECKS", "NOT_SERVED", "Problem", "validate", "validate_process"]

CHECKS: tuple[Callable[[Spec], Iterator[Problem]], ...] = (
    process_problems,
    namespace_problems,
    mapping_problems,
    mount_problems,
    path_problems,
    device_problems,
    propagation_problems,
    hook_problems,
    resource_problems,
    linux_problems,
    seccomp_problems,
    init_problems,
    not_served_problems,
)

_SHOWN = 5


def validate(spec: Spec) -> None:
    """Check a whole spec before anything is made. Raises InvalidArgument or NotSupported, each naming JSON paths."""
    _refuse([problem for check in CHECKS for problem in check(spec)])


def validate_process(process: Process) -> None:
    """Check the document of a process that enters a container, as `validate` does its first one."""
    _refuse(list(process_document_problems(process)))


def _refuse(problems: list[Problem]) -> None:
    wrong = [problem for problem in problems if problem.supported]
    if wrong:
        raise InvalidArgument(f"cannot use OCI document: {_told(wrong)}", step="validate")
    if problems:
        raise NotSupported(
            f"cannot serve OCI document: {_told(problems)}", step="validate", hint="leave it out: it is not served yet"
        )


def _told(problems: list[Problem]) -> str:
    return "; ".join(f"{problem.path}: {problem.message}".removesuffix(": ") for problem in problems[:_SHOWN])
