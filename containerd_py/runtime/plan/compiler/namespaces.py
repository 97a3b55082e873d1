"""Where the worker is put, and what its namespaces hold besides mounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.spec.defaults import NETWORK_ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.plan.compiler.placing import Placing
    from containerd_py.runtime.plan.operations import Operation
    from containerd_py.runtime.spec.models import Spec


def namespaces(spec: Spec) -> set[str]:
    return {namespace.type for namespace in spec.linux.namespaces}


def placement_steps(spec: Spec, placing: Placing) -> Iterator[Operation]:
    if placing.v1_cgroups:
        yield op.JoinCgroup(placing.v1_cgroups)
    yield op.ResetProcess(f"_ses.{placing.container_id}")
    if "cgroup" in namespaces(spec):
        yield op.UnshareCgroup()


def name_steps(spec: Spec) -> Iterator[Operation]:
    if "network" in namespaces(spec) and spec.annotations.get(NETWORK_ANNOTATION) != "none":
        yield op.LoopbackUp()
    if spec.hostname:
        yield op.SetHostname(spec.hostname)
    if spec.domainname:
        yield op.SetDomainname(spec.domainname)
