"""`linux.resources`: limits that contradict each other, or that no kernel could take.

What this host cannot enforce is not told here, but by the cgroup manager, which knows the host.
"""

from __future__ import annotations

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.spec.validate.problem import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.spec.resources import Resources

_SHOWN = 5
_ROOT = "linux.resources"
_LEAST_WEIGHT = 10
_LARGEST_NUMBER = 2**32 - 1
_NO_LIMITS = ("cgroup.procs", "cgroup.threads", "cgroup.kill", "cgroup.freeze", "cgroup.type")
"""Control files that move, end or stop processes: writing them is no limit, and "0" in the first would move the writer."""


def resource_problems(spec: Spec) -> Iterator[Problem]:
    if spec.linux.resources is not None:
        yield from problems_of(spec.linux.resources, _ROOT)


def check(resources: Resources) -> None:
    """Check the resources of an update. Raises InvalidArgument naming JSON paths, five at most."""
    found = list(problems_of(resources, ""))
    if found:
        told = "; ".join(f"{problem.path}: {problem.message}" for problem in found[:_SHOWN])
        raise InvalidArgument(f"cannot use resources: {told}", step="validate")


def problems_of(resources: Resources, root: str) -> Iterator[Problem]:
    """Yield what is wrong. root: the JSON path of the object, empty where it is the document."""
    for check_part in _PARTS:
        for path, message in check_part(resources):
            yield Problem(f"{root}.{path}" if root else path, message)


def _memory(resources: Resources) -> Iterator[tuple[str, str]]:
    memory = resources.memory
    if memory is None:
        return
    limit, swap = memory.limit or 0, memory.swap or 0
    if swap > 0 and limit > swap:
        yield "memory.swap", f"is memory and swap together: {swap} is below memory.limit, {limit}"


def _cpu(resources: Resources) -> Iterator[tuple[str, str]]:
    cpu = resources.cpu
    if cpu is None:
        return
    if cpu.burst and cpu.quota is not None and 0 < cpu.quota < cpu.burst:
        yield "cpu.burst", f"{cpu.burst} is above cpu.quota, {cpu.quota}"
    if cpu.realtime_runtime and cpu.realtime_period and cpu.realtime_runtime > cpu.realtime_period:
        yield "cpu.realtimeRuntime", f"{cpu.realtime_runtime} is above cpu.realtimePeriod, {cpu.realtime_period}"
    if cpu.idle == 1 and cpu.shares:
        yield "cpu.shares", "an idle group (cpu.idle 1) has the least weight, and takes no other"


def _block_io(resources: Resources) -> Iterator[tuple[str, str]]:
    block = resources.block_io
    if block is None:
        return
    weights = [("blockIO.weight", block.weight), ("blockIO.leafWeight", block.leaf_weight)]
    for index, device in enumerate(block.weight_device):
        where = f"blockIO.weightDevice.{index}"
        weights += [(f"{where}.weight", device.weight), (f"{where}.leafWeight", device.leaf_weight)]
        if not device.weight and not device.leaf_weight:
            yield where, "needs weight or leafWeight"
    for path, weight in weights:
        if weight and weight < _LEAST_WEIGHT:
            yield path, f"{weight} is below {_LEAST_WEIGHT}"


def _lists(resources: Resources) -> Iterator[tuple[str, str]]:
    sizes = [limit.page_size for limit in resources.hugepage_limits]
    for size in sorted({size for size in sizes if sizes.count(size) > 1}):
        yield "hugepageLimits", f"{size} is given twice"
    for name, limits in resources.rdma.items():
        if limits.hca_handles is None and limits.hca_objects is None:
            yield f"rdma.{name}", "needs hcaHandles or hcaObjects"


def _devices(resources: Resources) -> Iterator[tuple[str, str]]:
    for index, rule in enumerate(resources.devices):
        for name in ("major", "minor"):
            number = getattr(rule, name)
            if number is not None and not -1 <= number <= _LARGEST_NUMBER:
                yield f"devices.{index}.{name}", f"{number} is no device number"
        if rule.allow and "a" in (rule.access or ""):
            yield f"devices.{index}.access", f"{rule.access!r} is no access to allow: name those of 'rwm'"


def _unified(resources: Resources) -> Iterator[tuple[str, str]]:
    for name, value in resources.unified.items():
        controller, dot, parameter = name.partition(".")
        if "/" in name or not controller or not dot or not parameter:
            yield f"unified.{name}", "must be a control file of cgroup v2, CONTROLLER.PARAMETER"
        elif name in _NO_LIMITS:
            yield f"unified.{name}", "is no limit"
        elif not value.strip():
            yield f"unified.{name}", "is empty"


_PARTS: tuple[Callable[[Resources], Iterator[tuple[str, str]]], ...] = (
    *(_memory, _cpu, _block_io, _lists, _devices, _unified),
)
