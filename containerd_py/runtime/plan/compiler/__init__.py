"""The compiler: an OCI spec becomes a Plan. Pure: no file is read, nothing of the host is asked.

`compile_plan` is the list of phases; each phase is a small generator of operations, in a module of its subject.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.compiler.namespaces import name_steps, namespaces, placement_steps
from containerd_py.runtime.plan.compiler.placing import Placing
from containerd_py.runtime.plan.compiler.process import (
    console_steps,
    identity_steps,
    limit_steps,
    search_path,
    seccomp_steps,
)
from containerd_py.runtime.plan.compiler.rootfs import root_file_system
from containerd_py.runtime.plan.plan import Plan

if TYPE_CHECKING:
    from containerd_py.runtime.seccomp.compile import SeccompFilter
    from containerd_py.runtime.spec.models import Spec

__all__ = ["Placing", "compile_plan"]


def compile_plan(spec: Spec, placing: Placing, seccomp: SeccompFilter | None) -> Plan:
    """Return the Plan of a validated spec. seccomp: the compiled filter of spec.linux.seccomp, None without one."""
    process = spec.process
    assert process is not None  # noqa: S101 - `validate` has refused it
    root = root_file_system(spec, placing)
    privileged_seccomp = seccomp is not None and not process.no_new_privileges
    steps = itertools.chain(
        placement_steps(spec, placing),
        root.take,
        root.build,
        [] if process.cwd == "/" else [op.MakeDirectory(process.cwd)],
        console_steps(process),
        name_steps(spec),
        [op.PivotRoot()],
        root.protect,
        limit_steps(process),
        [op.AttachStdio(process.terminal, process.user.uid)],
        # Without no_new_privs a filter needs CAP_SYS_ADMIN (seccomp(2)), so it comes before that is given up.
        seccomp_steps(seccomp) if privileged_seccomp else [],
        identity_steps(process),
        [op.ChangeDirectory(process.cwd), op.FindProgram(process.args[0], search_path(process))],
        [op.SetNoNewPrivs()] if process.no_new_privileges else [],
        [op.AwaitStart()],
        [] if privileged_seccomp else seccomp_steps(seccomp),
        [op.Exec(process.args, process.env)],
    )
    return Plan(tuple(sorted(namespaces(spec))), tuple(steps), sources=root.sources)
