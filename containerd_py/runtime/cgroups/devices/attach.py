"""Putting a list of device rules in force on a cgroup v2: before anybody is in it, or on a running container."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack

from containerd_py.errors import NotSupported, Unavailable
from containerd_py.runtime.cgroups.devices.program import assemble
from containerd_py.runtime.cgroups.devices.rules import with_default_devices
from containerd_py.runtime.linux.bpf import Attach, prog_attach, prog_detach, prog_load, prog_open, prog_query
from containerd_py.runtime.linux.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.errors import ContainerdError
    from containerd_py.runtime.cgroups.resources import DeviceRule

_NAME = "pycontainerd"


def enforce(directory: str, rules: tuple[DeviceRule, ...]) -> None:
    """Attach the program of `rules`, and of the devices that no container is without, in place of the one before.

    Whoever else has attached one to a parent has a say too: a device must be allowed by all. Raises NotSupported where
    the kernel cannot or may not load programs.
    """
    try:
        with Fd(os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as cgroup, ExitStack() as opened:
            program = opened.enter_context(prog_load(_NAME, assemble(with_default_devices(rules))))
            found = (prog_open(number) for number in prog_query(cgroup.fileno()))
            before = [opened.enter_context(fd).fileno() for fd in found if fd is not None]
            _attach(cgroup.fileno(), program.fileno(), before)
    except OSError as problem:
        raise _refusal(problem) from problem


def _attach(cgroup: int, program: int, before: list[int]) -> None:
    """One program is replaced in one step. Of several, which only others can have left, the old ones go afterwards."""
    if len(before) == 1:
        prog_attach(cgroup, program, Attach.ALLOW_MULTI | Attach.REPLACE, replaced=before[0])
        return
    prog_attach(cgroup, program, Attach.ALLOW_MULTI)
    for old in before:
        prog_detach(cgroup, old)


def _refusal(problem: OSError) -> ContainerdError:
    told = f"cannot limit devices: {problem.strerror}"
    if problem.errno in (errno.EPERM, errno.EACCES):
        hint = "loading a program takes root in the first user namespace (CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN)"
        return NotSupported(told, step="cgroup", errno=problem.errno, hint=hint)
    if problem.errno in (errno.ENOSYS, errno.EINVAL):
        return NotSupported(told, step="cgroup", errno=problem.errno, hint="the kernel needs CONFIG_CGROUP_BPF")
    return Unavailable(told, step="cgroup", errno=problem.errno)
