"""What the container's namespaces hold besides mounts: interfaces, names, kernel parameters."""

from __future__ import annotations

import fcntl
import socket
import struct

from containerd_py.runtime.init.steps import Context, executes
from containerd_py.runtime.linux import procfs
from containerd_py.runtime.linux.syscall import call
from containerd_py.runtime.plan import operations as op

_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
_IFREQ = struct.Struct("16sh22x")


@executes(op.LoopbackUp)
def loopback_up(_context: Context, _step: op.LoopbackUp) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, _IFREQ.pack(b"lo", 0))
        _name, flags = _IFREQ.unpack(answer)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, _IFREQ.pack(b"lo", flags | _IFF_UP))


@executes(op.SetHostname)
def set_hostname(_context: Context, step: op.SetHostname) -> None:
    call("sethostname", step.hostname, len(step.hostname.encode()))


@executes(op.SetDomainname)
def set_domainname(_context: Context, step: op.SetDomainname) -> None:
    call("setdomainname", step.domainname, len(step.domainname.encode()))


@executes(op.SetSysctl)
def set_sysctl(context: Context, step: op.SetSysctl) -> None:
    """Below /proc/sys a file answers for the namespaces of whoever opens it, in whichever procfs it is found."""
    procfs.write(context.procfs_fd(), f"sys/{step.path}", step.value)
