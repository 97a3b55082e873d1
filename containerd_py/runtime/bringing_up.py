"""What only the parent can do for a container whose namespaces are there and whose root is not entered yet. Blocking."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from containerd_py.errors import Unavailable
from containerd_py.runtime import hooks, intel_rdt
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.network.devices import move_devices
from containerd_py.runtime.seccomp.listener import hand_over

if TYPE_CHECKING:
    from containerd_py.runtime.intel_rdt import RdtGroup
    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.state import State


@dataclass(frozen=True, slots=True)
class BroughtUp:
    """state: the container's, for hooks that the worker runs itself; rdt: the class of service that it was put into."""

    state: bytes
    rdt: RdtGroup | None


def bring_up(spec: Spec, state: State) -> BroughtUp:
    """Put the worker into its class of service, move network devices in, run prestart and createRuntime hooks.

    The worker must not have been reaped meanwhile. Raises InvalidArgument, NotSupported, Unavailable, DeadlineExceeded;
    then nothing is left of it, but what hooks did.
    """
    document = replace(state, status="creating").document()
    with ExitStack() as undo:
        rdt = _join_class(spec, state)
        if rdt is not None:
            undo.callback(intel_rdt.remove, rdt)
        if spec.linux.net_devices:
            with _network_namespace(state.pid) as netns:
                move_devices(netns.fileno(), spec.linux.net_devices)
        hooks.run("prestart", spec.hooks.prestart, document)
        hooks.run("createRuntime", spec.hooks.create_runtime, document)
        undo.pop_all()
    return BroughtUp(json.dumps(document).encode(), rdt)


def hand_over_listener(spec: Spec, state: State, listener: Fd) -> None:
    """Give the listener of a seccomp filter to the agent that the document names. Raises InvalidArgument, Unavailable."""
    seccomp = spec.linux.seccomp
    with listener:
        if seccomp is not None and seccomp.listener_path is not None:
            hand_over(seccomp.listener_path, listener.fileno(), seccomp.listener_metadata, state.document())


def _join_class(spec: Spec, state: State) -> RdtGroup | None:
    if spec.linux.intel_rdt is None:
        return None
    group = intel_rdt.make_group(intel_rdt.find_resctrl(), state.id, spec.linux.intel_rdt)
    try:
        intel_rdt.join(group, state.pid)
    except BaseException:
        intel_rdt.remove(group)
        raise
    return group


def _network_namespace(pid: int) -> Fd:
    try:
        return Fd(os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC))
    except FileNotFoundError as problem:
        raise Unavailable("cannot move network devices: the worker has ended", step="network") from problem
