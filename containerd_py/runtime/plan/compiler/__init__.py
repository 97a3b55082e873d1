"""The compiler: an OCI spec becomes a Plan. Pure: no file is read, nothing of the host is asked.

`compile_plan` is the list of phases; each phase is a small generator of operations, in a module of its subject.
"""

from __future__ import annotations

import itertools

from containerd_py.light.dataclasses import replace
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.compiler.attributes import (
    attribute_steps,
    final_affinity_steps,
    final_descriptors,
    initial_affinity_steps,
    procfs_steps,
)
from containerd_py.runtime.plan.compiler.membership import as_member, check_sources
from containerd_py.runtime.plan.compiler.namespaces import (
    hook_steps,
    joined_namespaces,
    keyring_name,
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
    confining_steps,
    console_steps,
    directory_steps,
    environment,
    home_steps,
    identity_steps,
    search_path,
)
from containerd_py.runtime.plan.compiler.rootfs import root_file_system
from containerd_py.runtime.plan.plan import Plan
from containerd_py.runtime.spec.defaults import INIT_ANNOTATION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from containerd_py.runtime.plan.operations import Operation
    from containerd_py.runtime.seccomp.kept import SeccompFilter
    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.spec.process import Process

__all__ = ["Placing", "birthplace", "compile_exec", "compile_plan", "user_mapping"]


def compile_plan(spec: Spec, placing: Placing, seccomp: SeccompFilter | None) -> Plan:
    """Return the Plan of a validated spec. seccomp: the compiled filter of spec.linux.seccomp, None without one."""
    process = spec.process
    assert process is not None  # noqa: S101 - `validate` has refused it
    root = root_file_system(spec, placing)
    check_sources(root.sources, placing)
    steps = itertools.chain(
        placement_steps(spec, placing),
        procfs_steps(process, sysctl=bool(spec.linux.sysctl)),
        root.take,
        root.build,
        [] if process.cwd == "/" else [op.MakeDirectory(process.cwd, origin="process.cwd")],
        console_steps(process),
        name_steps(spec),
        parent_steps(spec),
        sysctl_steps(spec.linux),
        hook_steps("createContainer", "creating", spec.hooks.create_container),
        [op.MoveRoot(placing.rootfs) if placing.no_pivot else op.PivotRoot()],
        root.protect,
        _payload_steps(
            *(spec, process, placing, seccomp),
            at_start=hook_steps("startContainer", "created", spec.hooks.start_container, environment(process)),
            init=spec.annotations.get(INIT_ANNOTATION) == "true",
        ),
    )
    return replace(
        birthplace(spec),
        operations=tuple(as_member(steps, spec, placing)),
        user=user_mapping(spec),
        sources=root.sources,
        time_offsets=time_offsets(spec.linux),
    )


def birthplace(spec: Spec) -> Plan:
    """Return a Plan that has no steps yet: it tells which namespaces its worker is born in."""
    return Plan(namespaces=tuple(sorted(new_namespaces(spec))), operations=(), joined=joined_namespaces(spec))


def compile_exec(spec: Spec, process: Process, placing: Placing, seccomp: SeccompFilter | None) -> Plan:
    """Return the Plan of a further process in a container of `spec`; its worker is born in the container's namespaces."""
    steps = itertools.chain(
        initial_affinity_steps(process),
        [op.JoinCgroup(placing.v1_cgroups)] if placing.v1_cgroups else [],
        [op.BecomeRoot(placing.may_drop_groups, origin=namespaces(spec)["user"])] if "user" in namespaces(spec) else [],
        [op.ResetProcess(keyring_name(placing))],
        final_affinity_steps(process),
        procfs_steps(process, sysctl=False),
        [op.EnterRoot()],
        console_steps(process),
        _payload_steps(spec, process, placing, seccomp),
    )
    return Plan(namespaces=(), operations=tuple(steps))


def _payload_steps(
    spec: Spec,
    process: Process,
    placing: Placing,
    seccomp: SeccompFilter | None,
    *,
    at_start: Iterable[Operation] = (),
    init: bool = False,
) -> Iterator[Operation]:
    """Become the payload: the same for a container's first process and for a further one.

    at_start: its hooks; init: the first process is the worker still, and the payload its child.
    """
    early_filter = seccomp is not None and not process.no_new_privileges
    origin = "process.terminal" if process.terminal else ""
    yield op.AttachStdio(process.terminal, process.user.uid, process.user.gid, origin=origin)
    yield from attribute_steps(process, spec.linux)
    yield op.CloseOnExec()
    yield from directory_steps(process)
    if early_filter:  # without no_new_privs it needs CAP_SYS_ADMIN (seccomp(2)), so it comes before that is given up
        yield from confining_steps(seccomp)
    yield from identity_steps(process, setgroups=placing.may_drop_groups)
    yield from home_steps(process)
    yield op.FindProgram(process.args[0], search_path(process), origin="process.args.0")
    if process.no_new_privileges:
        yield op.SetNoNewPrivs(origin="process.noNewPrivileges")
    yield op.AwaitStart(placing.rendezvous)
    if not early_filter:
        yield from confining_steps(seccomp)
    yield from at_start  # under the filter too, as with runc
    if init:
        yield op.ForkPayload(process.terminal, origin=f"annotations.{INIT_ANNOTATION}")
    yield op.Exec(process.args, environment(process), placing.preserved, final_descriptors(process), origin="process.args")
