"""Namespaces, what needs one, and the ids of user namespaces."""

from __future__ import annotations

from containerd_py.runtime.spec.validate.problem import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.spec.linux import IdMapping
    from containerd_py.runtime.spec.models import Spec

_MOST_RANGES = 340  # user_namespaces(7)
_IDS = 2**32 - 1  # the last one, -1, is no id


def namespace_problems(spec: Spec) -> Iterator[Problem]:
    types = [namespace.type for namespace in spec.linux.namespaces]
    if "mount" not in types:
        yield Problem("linux.namespaces", "a mount namespace is needed")
    for kind in sorted({kind for kind in types if types.count(kind) > 1}):
        yield Problem("linux.namespaces", f"{kind} is given twice")
    for index, namespace in enumerate(spec.linux.namespaces):
        if namespace.path is not None and not namespace.path.startswith("/"):
            yield Problem(f"linux.namespaces.{index}.path", f"must be absolute, not {namespace.path!r}")
    for name in ("hostname", "domainname"):
        value = getattr(spec, name)
        if value and "uts" not in types:
            yield Problem(name, "needs a uts namespace, or it would be the host's")
        if value and len(value.encode()) > 64:
            yield Problem(name, "is longer than 64 bytes")


def mapping_problems(spec: Spec) -> Iterator[Problem]:
    user = next((namespace for namespace in spec.linux.namespaces if namespace.type == "user"), None)
    for name, ranges in (("uidMappings", spec.linux.uid_mappings), ("gidMappings", spec.linux.gid_mappings)):
        where = f"linux.{name}"
        if ranges and user is None:
            yield Problem(where, "needs a user namespace")
        if ranges and user is not None and user.path:
            yield Problem(where, "must not be given for a user namespace that is joined: it has its ids already")
        if not ranges and user is not None and not user.path:
            yield Problem(where, "is missing: a new user namespace without ids has no root")
        yield from range_problems(where, ranges)
    yield from _mapped_user(spec)


def range_problems(where: str, ranges: tuple[IdMapping, ...]) -> Iterator[Problem]:
    """Check the ranges of one map, of a namespace or of a mount."""
    if len(ranges) > _MOST_RANGES:
        yield Problem(where, f"has more than {_MOST_RANGES} ranges")
    for side, name in (("container_id", "containerID"), ("host_id", "hostID")):
        last = -1
        for index, one in sorted(enumerate(ranges), key=lambda entry: getattr(entry[1], side)):
            first = getattr(one, side)
            if first <= last:
                yield Problem(f"{where}.{index}.{name}", "overlaps with another range")
            last = first + one.size - 1
            if last >= _IDS:
                yield Problem(f"{where}.{index}.size", "reaches beyond the last id")


def _mapped_user(spec: Spec) -> Iterator[Problem]:
    """What the payload runs as must be an id of the namespace."""
    if spec.process is None or not (spec.linux.uid_mappings and spec.linux.gid_mappings):
        return
    user = spec.process.user
    wanted = [
        ("process.user.uid", user.uid, spec.linux.uid_mappings),
        ("process.user.gid", user.gid, spec.linux.gid_mappings),
    ]
    wanted += [
        (f"process.user.additionalGids.{index}", gid, spec.linux.gid_mappings)
        for index, gid in enumerate(user.additional_gids)
    ]
    for where, number, ranges in wanted:
        if not any(one.container_id <= number < one.container_id + one.size for one in ranges):
            yield Problem(where, f"{number} is not mapped into the user namespace")
