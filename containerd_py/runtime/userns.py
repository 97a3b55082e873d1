"""User namespaces as the parent sees them: writing their maps, and making one that only its descriptor holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from containerd_py.runtime.linux.fd import Fd
    from containerd_py.runtime.plan.plan import UserMapping


def user_namespace(mapping: UserMapping) -> Fd:
    """Return the descriptor of a new user namespace with these maps, for idmapped mounts and for joining.

    Raises Unavailable, InvalidArgument.
    """
    raise NotImplementedError
