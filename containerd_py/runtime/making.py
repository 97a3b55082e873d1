"""What is done for a container of the library before there is a `Container`: checks, and its creation.

Little is imported here at first: a start of `pyrunc` imports the rest of the library while it waits for its worker.
"""

from __future__ import annotations

import os

from containerd_py.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.creation import Made
    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.streams import Preserved, Streams

_FIRST = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_OF_ID = frozenset(f"{_FIRST}_.+-")
_LONGEST_ID = 128


def make(
    container_id: str,
    spec: Spec,
    *,
    state_root: str,
    bundle: str = ".",
    streams: Streams | None = None,
    console_socket: str | None = None,
    preserve_fds: Preserved = 0,
    systemd_cgroup: bool = False,
    no_pivot: bool = False,
    new_keyring: bool = True,
) -> Made:
    """Do what `Container.create` does, and return what a `Container` is made of."""
    from containerd_py.runtime.creation import Attachments, Creation
    from containerd_py.runtime.state import StateDirectory
    from containerd_py.runtime.streams import OWN_STREAMS

    check(container_id, spec)
    return Creation(
        *(StateDirectory(state_root, container_id), container_id, spec, os.path.abspath(bundle)),
        Attachments(streams or OWN_STREAMS, console_socket, preserve_fds),
        systemd_cgroup=systemd_cgroup,
        no_pivot=no_pivot,
        new_keyring=new_keyring,
    ).run()


def check(container_id: str, spec: Spec) -> None:
    """What is to be known before anything is made. Raises InvalidArgument, NotSupported."""
    from containerd_py.runtime.requirements import check_host
    from containerd_py.runtime.spec.validate import validate
    from containerd_py.runtime.userns import may_drop_groups

    check_id(container_id)
    validate(spec)
    check_host(spec, may_drop_groups=may_drop_groups(spec))


def check_id(container_id: str) -> None:
    """SECURITY R20: an id becomes the name of a directory and of a cgroup. Raises InvalidArgument."""
    cause = _unfit(container_id)
    if cause is not None:
        raise InvalidArgument(
            f"cannot use container id {container_id[: _LONGEST_ID + 1]!r}: {cause}",
            step="validate",
            hint="letters, digits and _ . + - (not first), at most 128",
        )


def _unfit(container_id: str) -> str | None:
    """Return what is wrong with an id, in runc's words and crun's; None for a right one."""
    if not container_id:
        return "container id cannot be empty"
    stranger = next((character for character in container_id if character not in _OF_ID), None)
    if stranger is not None:
        return f"invalid container ID format: invalid character {stranger!r} in the container ID"
    if container_id[0] not in _FIRST:
        return f"invalid container ID format: it begins with {container_id[0]!r}"
    if ".." in container_id:
        return "invalid container ID format: '..' is in it"
    return "invalid container ID format: it is too long" if len(container_id) > _LONGEST_ID else None
