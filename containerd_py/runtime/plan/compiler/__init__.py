"""The compiler: an OCI spec becomes a Plan. Pure: no file is read, nothing of the host is asked.

`compile_plan` is the list of phases; each phase is a small generator of operations, in a module of its subject.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.compiler.attributes import (
    attribute_steps,
    final_affinity_steps,
    initial_affinity_steps,
    procfs_steps,
)
from containerd_py.runtime.plan.compiler.namespaces import (
    hook_steps,
    joined_namespaces,
    name_steps,
    namespaces,
    new_namespaces,
    parent_steps,
    placement_steps,
    user_mapping,
)
from containerd_py.runtime.plan.compiler.parameters import sysctl_steps, time_offsets
from containerd_py.runtime.plan.compiler.placing import Placing
from containerd_py.runtime.plan.compiler.process import (
    console_steps,
    home_steps,
    identity_steps,
    search_path,
    seccomp_steps,
)
from containerd_py.runtime.plan.compiler.rootfs import root_file_system
from containerd_py.runtime.plan.plan import Plan

if TYPE_CHECKING:
    from containerd_py.runtime.seccomp.compile import SeccompFilter
    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.spec.process import Process

__all__ = ["Placing", "compile_exec", "compile_plan", "user_mapping"]


def compile_plan(spec: Spec, placing: Placing, seccomp: SeccompFilter | None) -> Plan:
    """Return the Plan of a validated spec. seccomp: the compiled filter of spec.linux.seccomp, None without one."""
    process = spec.process
    assert process is not None  # noqa: S101 - `validate` has refused it
    root = root_file_system(spec, placing)
    privileged_seccomp = seccomp is not None and not process.no_new_privileges
    steps = itertools.chain(
        placement_steps(spec, placing),
        procfs_steps(process, sysctl=bool(spec.linux.sysctl)),
        root.take,
        root.build,
        [] if process.cwd == "/" else [op.MakeDirectory(process.cwd)],
        console_steps(process),
        name_steps(spec),
        parent_steps(spec),
        sysctl_steps(spec.linux),
        hook_steps("createContainer", "creating", spec.hooks.create_container),
        [op.PivotRoot()],
        root.protect,
        [op.AttachStdio(process.terminal, process.user.uid)],
        attribute_steps(process, spec.linux),
        [op.CloseOnExec()],
        # Without no_new_privs a filter needs CAP_SYS_ADMIN (seccomp(2)), so it comes before that is given up.
        seccomp_steps(seccomp) if privileged_seccomp else [],
        identity_steps(process, setgroups=placing.may_drop_groups),
        home_steps(process),
        [op.FindProgram(process.args[0], search_path(process))],
        [op.SetNoNewPrivs()] if process.no_new_privileges else [],
        [op.AwaitStart(placing.rendezvous)],
        hook_steps("startContainer", "created", spec.hooks.start_container),
        [] if privileged_seccomp else seccomp_steps(seccomp),
        [op.Exec(process.args, process.env, placing.preserved)],
    )
    return Plan(
        namespaces=tuple(sorted(new_namespaces(spec))),
        operations=tuple(steps),
        joined=joined_namespaces(spec),
        user=user_mapping(spec),
        sources=root.sources,
        time_offsets=time_offsets(spec.linux),
    )


def compile_exec(spec: Spec, process: Process, placing: Placing, seccomp: SeccompFilter | None) -> Plan:
    """Return the Plan of a further process in a container of `spec`; its worker is born in the container's namespaces."""
    privileged_seccomp = seccomp is not None and not process.no_new_privileges
    steps = itertools.chain(
        initial_affinity_steps(process),
        [op.JoinCgroup(placing.v1_cgroups)] if placing.v1_cgroups else [],
        [op.BecomeRoot(placing.may_drop_groups)] if "user" in namespaces(spec) else [],
        [op.ResetProcess(f"_ses.{placing.container_id}")],
        final_affinity_steps(process),
        procfs_steps(process, sysctl=False),
        [op.EnterRoot()],
        console_steps(process),
        [op.AttachStdio(process.terminal, process.user.uid)],
        attribute_steps(process, spec.linux),
        [op.CloseOnExec()],
        seccomp_steps(seccomp) if privileged_seccomp else [],
        identity_steps(process, setgroups=placing.may_drop_groups),
        home_steps(process),
        [op.FindProgram(process.args[0], search_path(process))],
        [op.SetNoNewPrivs()] if process.no_new_privileges else [],
        [op.AwaitStart()],
        [] if privileged_seccomp else seccomp_steps(seccomp),
        [op.Exec(process.args, process.env, placing.preserved)],
    )
    return Plan(namespaces=(), operations=tuple(steps))
