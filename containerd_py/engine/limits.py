"""The limits of the friendly form and of an update, as `linux.resources` has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.spec.resources import Cpu, Resources, parse_resources

if TYPE_CHECKING:
    from containerd_py.wire import ResourcesSpec

_PERIOD_US = 100_000  # the kernel's own default (cgroup-v2.rst, "cpu.max")
_LEAST_QUOTA_US = 1_000
_NO_LIMIT = -1
_USUAL_SHARES = 1024

_PLACES: dict[str, tuple[str, str]] = {
    "pids": ("pids", "limit"),
    "memory_bytes": ("memory", "limit"),
    "memory_swap_bytes": ("memory", "swap"),
    "memory_reservation_bytes": ("memory", "reservation"),
    "cpu_shares": ("cpu", "shares"),
    "cpuset_cpus": ("cpu", "cpus"),
    "cpuset_mems": ("cpu", "mems"),
    "blkio_weight": ("blockIO", "weight"),
}
"""Where each stands; `cpus` is two numbers."""

_LIFTED: dict[str, dict[str, int]] = {
    "pids": {"limit": _NO_LIMIT},
    "memory_bytes": {"limit": _NO_LIMIT},
    "memory_swap_bytes": {"swap": _NO_LIMIT},
    "cpus": {"quota": _NO_LIMIT},
    "cpu_shares": {"shares": _USUAL_SHARES},
}
"""What lifts a limit of a container that exists. The others have no value for that which every hierarchy knows."""


def resources(asked: ResourcesSpec) -> Resources:
    """Return those of a container that is made; what is null is not limited. Raises InvalidArgument."""
    given = {name for name in asked.model_fields_set if getattr(asked, name) is not None}
    return parse_resources(_document(asked, given))


def limits_document(asked: ResourcesSpec | None) -> dict[str, Any]:
    """Return the part of `linux.resources` that changes: what is given; null lifts a limit. Raises InvalidArgument."""
    return {} if asked is None else _document(asked, asked.model_fields_set)


def cpu_limit(cpus: float) -> Cpu:
    """As much time in each period as so many CPUs have in it; the kernel takes a millisecond at least."""
    quota = round(cpus * _PERIOD_US)
    if quota < _LEAST_QUOTA_US:
        raise InvalidArgument(
            f"cannot limit a container to {cpus} CPUs: the least is {_LEAST_QUOTA_US / _PERIOD_US}", step="lower"
        )
    return Cpu(quota=quota, period=_PERIOD_US)


def _document(asked: ResourcesSpec, names: set[str]) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    for name in type(asked).model_fields:
        if name in names:
            part, fields = _place(name, getattr(asked, name))
            found.setdefault(part, {}).update(fields)
    return found


def _place(name: str, value: Any) -> tuple[str, dict[str, Any]]:
    part, field = _PLACES.get(name, ("cpu", ""))
    if value is None:
        return part, _lifted(name)
    if name == "cpus":
        limit = cpu_limit(value)
        return part, {"quota": limit.quota, "period": limit.period}
    return part, {field: value}


def _lifted(name: str) -> dict[str, int]:
    if name not in _LIFTED:
        raise InvalidArgument(
            f"cannot lift resources.{name}: there is no value that means none",
            step="lower",
            hint="give the value that it shall have from now on",
        )
    return _LIFTED[name]
