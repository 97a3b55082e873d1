"""The container runtime: what libcontainer is to runc. It knows containers, never HTTP and never the store.

Imported lazily: init workers come through this package too, and must not load pydantic (DESIGN, "Packages").
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from containerd_py.runtime.container import Container
    from containerd_py.runtime.linux.pidfd import WaitStatus
    from containerd_py.runtime.spec.models import Spec, parse

__all__ = ["Container", "Spec", "WaitStatus", "parse"]

_HOMES = {
    "Container": "containerd_py.runtime.container",
    "Spec": "containerd_py.runtime.spec.models",
    "WaitStatus": "containerd_py.runtime.linux.pidfd",
    "parse": "containerd_py.runtime.spec.models",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from containerd_py.light.importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
