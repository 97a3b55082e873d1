"""Namespaces, and what needs one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.runtime.spec.validate.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.spec.models import Spec


def namespace_problems(spec: Spec) -> Iterator[Problem]:
    types = [namespace.type for namespace in spec.linux.namespaces]
    if "mount" not in types:
        yield Problem("linux.namespaces", "a mount namespace is needed")
    for kind in sorted({kind for kind in types if types.count(kind) > 1}):
        yield Problem("linux.namespaces", f"{kind} is given twice")
    for index, namespace in enumerate(spec.linux.namespaces):
        if namespace.path:
            yield Problem(f"linux.namespaces.{index}.path", "joining a namespace", supported=False)
        if namespace.type in ("user", "time"):
            yield Problem(f"linux.namespaces.{index}", f"a {namespace.type} namespace", supported=False)
    for name in ("hostname", "domainname"):
        value = getattr(spec, name)
        if value and "uts" not in types:
            yield Problem(name, "needs a uts namespace, or it would be the host's")
        if value and len(value.encode()) > 64:
            yield Problem(name, "is longer than 64 bytes")
