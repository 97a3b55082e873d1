"""The runtime package, for the commands: imported once a command needs it."""

from __future__ import annotations

from containerd_py.typed import cast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from containerd_py.cli.oci.containers import Containers
    from containerd_py.runtime.spec.models import Spec


class _Library:
    """The library, imported when it is asked; by `create`, once the container is made."""

    def __getattr__(self, name: str) -> Any:
        from containerd_py.runtime import Container as Library

        return getattr(Library, name)

    def create(self, container_id: str, spec: Spec, *, state_root: str, **options: Any) -> Any:
        from containerd_py.runtime import making

        made = making.make(container_id, spec, state_root=state_root, **options)
        return self.of(made, container_id, state_root=state_root)


def library() -> Containers:
    """Return the library itself."""
    return cast("Containers", _Library())
