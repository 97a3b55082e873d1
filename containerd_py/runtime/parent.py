"""What only the parent can do, while the worker waits for it (`AwaitParent`): devices of networks, hooks, listeners."""

from __future__ import annotations

from containerd_py.light import json
from containerd_py.light.dataclasses import replace
from containerd_py.runtime import hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.linux.fd import Fd
    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.state import State


def bring_up(spec: Spec, state: State) -> bytes:
    """Do what only the parent can while the worker waits; return the state for the worker's own hooks.

    What it made is taken away by `take_back`; where it fails, it has done so.
    """
    from containerd_py.runtime.provision import provide

    document = replace(state, status="creating").document()
    provide(spec.linux, state.id, state.pid)
    try:
        # They were a part of `start` in specification 1.0, where the container was created by then.
        hooks.run("prestart", spec.hooks.prestart, document | {"status": "created"})
        hooks.run("createRuntime", spec.hooks.create_runtime, document)
    except BaseException:
        take_back(spec, state.id)
        raise
    return json.dumps(document).encode()


def hand_over_listener(spec: Spec, state: State, listener: Fd) -> None:
    """Give the listener of a seccomp filter to the agent that the document names. Raises InvalidArgument, Unavailable."""
    seccomp = spec.linux.seccomp
    with listener:
        if seccomp is not None and seccomp.listener_path is not None:
            from containerd_py.runtime.seccomp.listener import hand_over

            hand_over(seccomp.listener_path, listener.fileno(), seccomp.listener_metadata, state.document())


def take_back(spec: Spec, container_id: str) -> None:
    """Take away what `bring_up` has made."""
    from containerd_py.runtime import provision

    provision.take_back(spec.linux, container_id)
